"""The logits of texts and pairs: truncated, or the mean over the windows of long texts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from skdistilbert.tasks.embedding_plan import plan_embedding
from skdistilbert.tasks.pair_input import check_single_texts
from skdistilbert.tasks.text_batches import USE_WINDOWS, encode_with_warning
from skdistilbert.tasks.text_pooling import pool_texts
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tasks.window_batches import mean_over_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import RaggedEncoding, WordPieceTokenizer


def text_logits(
    model: DistilBertForSequenceClassification,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[TextOrPair],
    max_length: int,
    stride: int | None,
    n_threads: int | None,
) -> FloatArray:
    """Return the logits of texts or pairs, (n_texts, n_labels).

    Parameters
    ----------
    model : DistilBertForSequenceClassification
    tokenizer : WordPieceTokenizer
    texts : list of str, or of (str, str)
    max_length : int
    stride : int or None
        Number of tokens in the overlap of two windows; None truncates long texts.
    n_threads : int or None

    Raises
    ------
    ValueError
        If pairs are to be read in windows.
    """
    if stride is not None:
        check_single_texts(texts)
        return _logits_of_windows(
            model, tokenizer, cast("list[str]", texts), max_length, stride, n_threads
        )
    batches = encode_with_warning(tokenizer, texts, max_length, remedy=USE_WINDOWS)
    return logits_of_batches(model, len(texts), batches, n_threads)


def logits_of_batches(
    model: DistilBertForSequenceClassification,
    n_texts: int,
    batches: Iterable[tuple[slice, RaggedEncoding]],
    n_threads: int | None,
) -> FloatArray:
    """Return the logits of texts, (n_texts, n_labels), given batches of token ids."""
    logits = np.empty((n_texts, model.config.num_labels), np.float32)
    for rows, encoded in batches:
        logits[rows] = logits_of_tokens(
            model, encoded.input_ids, encoded.token_type_ids, n_threads
        )
    return logits


def logits_of_tokens(
    model: DistilBertForSequenceClassification,
    input_ids: Sequence[TokenIds],
    token_type_ids: Sequence[TokenIds] | None,
    n_threads: int | None,
) -> FloatArray:
    """Return the logits of token ids; the types are ignored by models without token types."""
    types = token_type_ids if model.config.uses_token_types else None
    return model.logits(input_ids, token_type_ids=types, n_threads=n_threads)


def _logits_of_windows(
    model: DistilBertForSequenceClassification,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    max_length: int,
    stride: int,
    n_threads: int | None,
) -> FloatArray:
    """Return the logits of the features of all windows, or the mean of the windows' logits."""
    warn_unknown(tokenizer, texts)
    config = model.config
    pooling = cast("Pooling", config.sklearn_pooling)
    plan = plan_embedding(
        model,
        tokenizer,
        pooling,
        max_length,
        long_text="window",
        stride=stride,
        precision=model.precision,
    )
    if config.sklearn_pools_windows:
        pooled, _ = pool_texts(model.encoder, tokenizer, texts, plan, n_threads)
        return model._logits(pooled)
    logits_of = partial(model.logits, n_threads=n_threads)
    return mean_over_windows(logits_of, tokenizer, texts, plan, config.num_labels)
