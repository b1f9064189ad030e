"""Checks of what is given to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.packing import Ragged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.nn.packing import TokenIds


def check_padded(
    input_ids: ArrayLike, attention_mask: ArrayLike | None, config: DistilBertConfig
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Give ids (batch, seq_len) and the visible positions (batch, seq_len), or raise."""
    ids = np.asarray(input_ids)
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"input_ids must be integers of shape (batch, seq_len); got {ids.dtype} of shape "
            f"{ids.shape}. For texts of uneven lengths use tokenizer.encode_batch(texts)."
        )
    mask = np.ones(ids.shape, bool) if attention_mask is None else np.asarray(attention_mask) != 0
    if mask.shape != ids.shape:
        raise ValueError(
            f"attention_mask must have the shape of input_ids, {ids.shape}; got {mask.shape}."
        )
    if ids.size and not mask.any(axis=1).all():
        row = int(np.argmin(mask.any(axis=1)))
        raise ValueError(
            f"Row {row} of attention_mask hides every token; leave that row out, or keep "
            "at least one token of it."
        )
    _check_length(ids.shape[1], config, "input_ids")
    _check_ids(ids, config)
    return ids, mask


def check_ragged(input_ids: Sequence[TokenIds], config: DistilBertConfig) -> Ragged:
    """Pack the token ids of texts of uneven lengths, or raise."""
    texts = Ragged.from_lists(input_ids)
    if len(texts.lengths) and texts.lengths.min() == 0:
        row = int(np.argmin(texts.lengths))
        raise ValueError(f"Text {row} has no tokens; even an empty text has [CLS] and [SEP].")
    longest = int(np.argmax(texts.lengths)) if len(texts.lengths) else 0
    if len(texts.lengths):
        _check_length(int(texts.lengths[longest]), config, f"Text {longest}")
    _check_ids(texts.input_ids, config)
    return texts


def _check_length(n_tokens: int, config: DistilBertConfig, what: str) -> None:
    if n_tokens > config.max_position_embeddings:
        raise ValueError(
            f"{what} has {n_tokens} tokens, but this model has positions for at most "
            f"{config.max_position_embeddings}; pass max_length to the tokenizer."
        )


def _check_ids(ids: NDArray[np.integer], config: DistilBertConfig) -> None:
    if ids.size and not (ids.min() >= 0 and ids.max() < config.vocab_size):
        wrong = ids[(ids < 0) | (ids >= config.vocab_size)][0]
        raise ValueError(
            f"Token id {wrong} is outside the model's vocabulary of {config.vocab_size} entries; "
            "the tokenizer belongs to another model."
        )
