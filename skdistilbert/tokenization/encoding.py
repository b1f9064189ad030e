"""What the tokenizer gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.tokenization.pieces import Pieces


class PaddedBatch(NamedTuple):
    """Token ids of several texts, padded to the longest.

    Attributes
    ----------
    input_ids : int64 ndarray of shape (n_texts, seq_len)
    attention_mask : int64 ndarray of shape (n_texts, seq_len)
        1 for tokens, 0 for padding.
    """

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


class RaggedEncoding(NamedTuple):
    """Token ids of several texts, not padded.

    Attributes
    ----------
    input_ids : list of int32 ndarrays of shape (n_tokens,)
        Read-only.
    truncated_rows : list of int
        Which texts were cut.
    """

    input_ids: list[NDArray[np.int32]]
    truncated_rows: list[int]


@dataclass(frozen=True)
class Encoding:
    """All there is to say about the tokens of a text, or of a pair of texts.

    Each list has an entry a token.

    Attributes
    ----------
    input_ids : list of int
    offsets : list of (int, int)
        Where the token stands in its text, in characters: ``text[start:stop]``; (0, 0) for
        special tokens that were added around.
    word_ids : list of (int or None)
        Which word of its text the token belongs to, counted as they were split at whitespace and
        punctuation, or as given; None for special tokens that were added around.
    sequence_ids : list of (int or None)
        0 for the text, 1 for the second of a pair, None for special tokens that were added.
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
        """1 for special tokens that were added around the texts."""
        return [int(sequence is None) for sequence in self.sequence_ids]

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.input_ids)


def join_pieces(texts: list[Pieces], before: list[int], after: list[int]) -> Encoding:
    """Join the tokens of one text or two, with ids before the first and after each."""
    around = len(before)
    joined = Encoding(
        before.copy(), [(0, 0)] * around, [None] * around, [None] * around, [0] * around
    )
    for sequence, pieces in enumerate(texts):
        joined.input_ids.extend(pieces.ids + after)
        joined.offsets.extend(pieces.offsets + [(0, 0)] * len(after))
        joined.word_ids.extend([*pieces.word_ids, *([None] * len(after))])
        joined.sequence_ids.extend([*([sequence] * len(pieces.ids)), *([None] * len(after))])
        joined.token_type_ids.extend([sequence] * (len(pieces.ids) + len(after)))
    return joined
