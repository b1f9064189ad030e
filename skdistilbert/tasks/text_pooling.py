"""Pool the hidden states of texts, whole or in windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np

from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.tasks.text_batches import encode_in_batches
from skdistilbert.tasks.window_batches import window_batches
from skdistilbert.tasks.windows import TextVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.weights import Array, Encoder
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import WordPieceTokenizer


def pool_texts(
    encoder: Encoder,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[TextOrPair],
    plan: EmbeddingPlan,
    n_threads: int | None = None,
) -> tuple[FloatArray, list[int]]:
    """Return the pooled hidden states, (n_texts, n_poolings * dim), and the truncated rows.

    The states of a text depend on the text, the checkpoint and `plan.pooling_key` only. With a
    stride, the texts must be single texts.
    """
    pool = partial(
        pooled_features,
        encoder.in_precision(plan.precision),
        pooling=plan.poolings,
        n_threads=n_threads,
        layers=plan.layers,
        layer_weights=plan.layer_weights,
        n_skipped=plan.n_skipped,
    )
    if plan.stride is not None:
        return _pool_windows(pool, tokenizer, cast("list[str]", texts), plan, encoder.dim), []
    pooled = np.empty((len(texts), len(plan.poolings) * encoder.dim), np.float32)
    truncated_rows: list[int] = []
    for rows, encoded in encode_in_batches(tokenizer, texts, plan.max_length, plan.prompt):
        pooled[rows] = pool(Ragged.from_lists(encoded.input_ids, encoded.token_type_ids))
        truncated_rows += encoded.truncated_rows
    return pooled, truncated_rows


def _pool_windows(
    pool: Callable[..., Array],
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    dim: int,
) -> FloatArray:
    """Return each text pooled over all of its windows: (n_texts, n_poolings * dim)."""
    totals = TextVectors(len(texts), plan.poolings, dim)
    for input_ids, places in window_batches(tokenizer, texts, plan):
        totals.add(pool(Ragged.from_lists(input_ids), windows=places.pooled), places)
    return totals.vectors.reshape(len(texts), len(plan.poolings) * dim)
