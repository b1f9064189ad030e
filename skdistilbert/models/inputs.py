"""Validate the input of a model."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.packing import Ragged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.tokenization import WordPieceTokenizer


def check_padded(
    input_ids: ArrayLike, attention_mask: ArrayLike | None, config: DistilBertConfig
) -> tuple[NDArray[np.integer], NDArray[np.bool_]]:
    """Return the token ids and the visible positions, both (batch, seq_len), or raise."""
    ids = _as_matrix(input_ids)
    mask = np.ones(ids.shape, bool) if attention_mask is None else np.asarray(attention_mask) != 0
    if mask.shape != ids.shape:
        raise ValueError(
            f"attention_mask must have the shape of input_ids, {ids.shape}; got {mask.shape}."
        )
    if ids.shape[1] == 0 and len(ids):
        raise ValueError(
            f"Every row of input_ids must have tokens; got shape {ids.shape}. The tokenizer "
            "returns [CLS] and [SEP] for an empty text."
        )
    if not mask.any(axis=1).all() and len(ids):
        row = int(np.argmin(mask.any(axis=1)))
        raise ValueError(
            f"Row {row} of attention_mask hides every token. Remove this row, or keep at least "
            "one of its tokens visible."
        )
    if ids.shape[1] > config.max_position_embeddings:
        raise _too_long("input_ids", ids.shape[1], config)
    if ids.size and (ids.min() < 0 or ids.max() >= config.vocab_size):
        raise _unknown_id(ids, config)
    return ids, mask


def _as_matrix(input_ids: ArrayLike) -> NDArray[np.integer]:
    """Return token ids as an array (batch, seq_len), or raise ValueError."""
    try:
        ids = np.asarray(input_ids)
    except ValueError as error:
        raise ValueError(
            "input_ids must have rows of equal length; got rows of different lengths. Pad the "
            "rows, or use tokenizer.encode_batch(texts)."
        ) from error
    if ids.ndim == 2 and len(ids) == 0:  # NumPy's empty arrays are float64 by default
        ids = ids.astype(np.intp)
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"input_ids must be integers of shape (batch, seq_len); got {ids.dtype} of shape "
            f"{ids.shape}. For texts of different lengths use tokenizer.encode_batch(texts)."
        )
    return ids


def check_padded_types(
    token_type_ids: ArrayLike | None, shape: tuple[int, ...], config: DistilBertConfig
) -> NDArray[np.integer] | None:
    """Return the token types (batch, seq_len), or None if all are 0; raise if not valid."""
    if token_type_ids is None:
        return None
    types = np.asarray(token_type_ids)
    if types.shape != shape or not (np.issubdtype(types.dtype, np.integer) or types.size == 0):
        raise ValueError(
            f"token_type_ids must be integers of the shape of input_ids, {shape}; got "
            f"{types.dtype} of shape {types.shape}."
        )
    return _nonzero_types(types, config)


def _nonzero_types(
    types: NDArray[np.integer], config: DistilBertConfig
) -> NDArray[np.integer] | None:
    """Return the token types, or None if all are 0; raise if the model does not have one."""
    if not types.any():
        return None
    if not config.uses_token_types:
        raise ValueError(
            f"token_type_ids must be 0 because this model has one token type only; got "
            f"{types[types != 0][0]}. Omit token_type_ids."
        )
    if not np.isin(types, (0, 1)).all():
        raise ValueError(
            "token_type_ids must be 0 for tokens of the first text and 1 for tokens of the second "
            f"text; got {types[(types < 0) | (types > 1)][0]}."
        )
    return types


def check_ragged(
    input_ids: Sequence[TokenIds],
    config: DistilBertConfig,
    token_type_ids: Sequence[TokenIds] | None = None,
) -> Ragged:
    """Return the packed token ids of texts of different lengths, or raise."""
    _check_lengths(input_ids, token_type_ids)
    texts = Ragged.from_lists(input_ids, token_type_ids)
    if texts.token_type_ids is not None:
        texts = replace(texts, token_type_ids=_nonzero_types(texts.token_type_ids, config))
    if len(texts.lengths):
        if texts.lengths.min() == 0:
            row = int(np.argmin(texts.lengths))
            raise ValueError(
                f"Text {row} has no tokens. The tokenizer returns [CLS] and [SEP] for an empty "
                "text."
            )
        if texts.lengths.max() > config.max_position_embeddings:
            longest = int(np.argmax(texts.lengths))
            raise _too_long(f"Text {longest}", int(texts.lengths[longest]), config)
        if texts.input_ids.min() < 0 or texts.input_ids.max() >= config.vocab_size:
            raise _unknown_id(texts.input_ids, config)
    return texts


def _check_lengths(
    input_ids: Sequence[TokenIds], token_type_ids: Sequence[TokenIds] | None
) -> None:
    if token_type_ids is None:
        return
    if len(token_type_ids) != len(input_ids):
        raise ValueError(
            f"token_type_ids must have one list for each text; got {len(token_type_ids)} lists "
            f"for {len(input_ids)} texts."
        )
    for row, (types, ids) in enumerate(zip(token_type_ids, input_ids, strict=True)):
        if len(types) != len(ids):
            raise ValueError(
                f"token_type_ids must have one value for each token; text {row} has {len(ids)} "
                f"tokens and {len(types)} token types."
            )


def check_vocabulary(
    tokenizer: WordPieceTokenizer, config: DistilBertConfig, directory: Path | None = None
) -> None:
    """Raise CheckpointError if the tokenizer has token ids that the model has no embedding for."""
    largest = _largest_id(tokenizer)
    if largest >= config.vocab_size:
        place = f"{directory}: " if directory else ""
        raise CheckpointError(
            f"{place}The tokenizer has the token id {largest}, but the model has only "
            f"{config.vocab_size} word embeddings. Use the tokenizer of the model's checkpoint. "
            f"For a new model, set vocab_size={largest + 1} in its configuration."
        )


@lru_cache(maxsize=4)  # encoding a short text takes less time than this maximum
def _largest_id(tokenizer: WordPieceTokenizer) -> int:
    return max(tokenizer.ids_to_tokens)


def _too_long(name: str, n_tokens: int, config: DistilBertConfig) -> ValueError:
    return ValueError(
        f"{name} has {n_tokens} tokens, but this model has positions for at most "
        f"{config.max_position_embeddings}. Pass max_length to the tokenizer."
    )


def _unknown_id(ids: NDArray[np.integer], config: DistilBertConfig) -> ValueError:
    unknown = ids[(ids < 0) | (ids >= config.vocab_size)][0]
    return ValueError(
        f"Token id {unknown} is outside the model's vocabulary of {config.vocab_size} entries. "
        "Use the tokenizer of the model's checkpoint."
    )
