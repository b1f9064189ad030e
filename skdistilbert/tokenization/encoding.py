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
    input_ids : list of lists of int
    n_truncated : int
        How many texts were cut.
    """

    input_ids: list[list[int]]
    n_truncated: int


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
    """

    input_ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int | None]
    sequence_ids: list[int | None]

    @property
    def token_type_ids(self) -> list[int]:
        """0 up to the first [SEP], 1 for the second text of a pair and its [SEP]."""
        first_of_second = self.sequence_ids.index(1) if 1 in self.sequence_ids else len(self)
        return [int(index >= first_of_second) for index in range(len(self))]

    @property
    def special_tokens_mask(self) -> list[int]:
        """1 for special tokens that were added around the texts."""
        return [int(sequence is None) for sequence in self.sequence_ids]

    def __len__(self) -> int:
        """Count the tokens."""
        return len(self.input_ids)


def join_pieces(
    texts: list[Pieces], lengths: list[int], before: list[int], after: list[int]
) -> Encoding:
    """Join the first tokens of one text or two, with ids before the first and after each."""
    input_ids, offsets = before.copy(), [(0, 0)] * len(before)
    word_ids: list[int | None] = [None] * len(before)
    sequence_ids: list[int | None] = [None] * len(before)
    for sequence, (pieces, length) in enumerate(zip(texts, lengths, strict=False)):
        input_ids += pieces.ids[:length] + after
        offsets += pieces.offsets[:length] + [(0, 0)] * len(after)
        word_ids += [*pieces.word_ids[:length], *([None] * len(after))]
        sequence_ids += [sequence] * length
        sequence_ids += [None] * len(after)
    return Encoding(input_ids, offsets, word_ids, sequence_ids)
