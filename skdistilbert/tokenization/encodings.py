"""The results of the tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from skdistilbert.tokenization.truncation import Side


class _IdsAndMask(NamedTuple):
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


class PaddedBatch(_IdsAndMask):
    """Token ids of several texts or pairs, padded to the longest.

    It unpacks into `input_ids` and `attention_mask`, the positional arguments of a model.

    Attributes
    ----------
    input_ids : int64 ndarray of shape (n_texts, seq_len)
    attention_mask : int64 ndarray of shape (n_texts, seq_len)
        1 for tokens, 0 for padding.
    token_type_ids : int64 ndarray of shape (n_texts, seq_len)
        1 for the second text of a pair and its [SEP], otherwise 0.
    """

    token_type_ids: NDArray[np.int64]

    def __new__(
        cls,
        input_ids: NDArray[np.int64],
        attention_mask: NDArray[np.int64],
        token_type_ids: NDArray[np.int64] | None = None,
    ) -> Self:
        """Create a batch; by default all token types are 0."""
        batch = super().__new__(cls, input_ids, attention_mask)
        if token_type_ids is None:
            token_type_ids = np.zeros_like(input_ids)
        batch.token_type_ids = token_type_ids
        return batch

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[NDArray[np.int32]],
        token_types: Sequence[NDArray[np.uint8]] | None,
        padding_side: Side,
        pad_id: Callable[[], int],
    ) -> Self:
        """Pad the token ids of texts; `pad_id` is called only if a text needs padding."""
        lengths = np.array(list(map(len, rows)), np.int64)
        columns = np.arange(lengths.max(initial=0))
        if padding_side == "left":
            columns = columns[::-1]
        attention_mask = columns < lengths[:, None]
        pad = 0 if attention_mask.all() else pad_id()
        input_ids = np.full(attention_mask.shape, pad, np.int64)
        token_type_ids = np.zeros(attention_mask.shape, np.int64)
        if len(rows):
            input_ids[attention_mask] = np.concatenate(rows)
        if token_types:
            token_type_ids[attention_mask] = np.concatenate(token_types)
        return cls(input_ids, attention_mask.astype(np.int64), token_type_ids)


@dataclass(frozen=True)
class Encoding:
    """The tokens of a text or of a pair of texts.

    Each list has one item per token.

    Attributes
    ----------
    input_ids : list of int
    offsets : list of (int, int)
        Position of the token in its text, in characters: ``text[start:stop]``. (0, 0) for the
        special tokens around the texts.
    word_ids : list of (int or None)
        Index of the token's word in its text. Words are split at whitespace and punctuation. None
        for the special tokens around the texts.
    sequence_ids : list of (int or None)
        0 for the text, 1 for the second text of a pair, None for the special tokens around them.
    token_type_ids : list of int
        0 up to the first [SEP], 1 for the second text of a pair and its [SEP].
    """

    input_ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int | None]
    sequence_ids: list[int | None]
    token_type_ids: list[int]

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 for the special tokens around the texts, else 0."""
        return [int(sequence is None) for sequence in self.sequence_ids]

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.input_ids)


class AlignedTokens(NamedTuple):
    """The tokens of one text without the special tokens around it; fields as in `Encoding`."""

    input_ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int]

    @property
    def n_words(self) -> int:
        """Number of words so far."""
        return self.word_ids[-1] + 1 if self.word_ids else 0


def join_texts(texts: Sequence[AlignedTokens], before: list[int], after: list[int]) -> Encoding:
    """Join the tokens of one or two texts: `before` at the start, `after` behind each text."""
    n_before, n_after = len(before), len(after)
    joined = Encoding(
        before.copy(), [(0, 0)] * n_before, [None] * n_before, [None] * n_before, [0] * n_before
    )
    for sequence, (input_ids, offsets, word_ids) in enumerate(texts):
        n_tokens = len(input_ids)
        joined.input_ids.extend(input_ids + after)
        joined.offsets.extend(offsets + [(0, 0)] * n_after)
        joined.word_ids.extend([*word_ids, *[None] * n_after])
        joined.sequence_ids.extend([*[sequence] * n_tokens, *[None] * n_after])
        joined.token_type_ids.extend([sequence] * (n_tokens + n_after))
    return joined
