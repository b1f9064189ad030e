"""WordPiece (Wu et al., 2016): split a word into the longest pieces in the vocabulary."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_WORD_LENGTH = 100
CONTINUATION = "##"
PREFIX_LENGTH = 3

# The ids of a word's pieces, and where each piece ends in the word. The next piece starts there.
WordPieces = tuple[tuple[int, ...], tuple[int, ...]]


class WordPiece:
    """Split words greedily: each piece is the longest one that the vocabulary contains.

    Parameters
    ----------
    vocab : mapping of str to int
        Pieces that continue a word start with "##".
    unk_id : int
        Id of words that the vocabulary cannot compose and of words of more than 100 characters.
    """

    def __init__(self, vocab: Mapping[str, int], unk_id: int) -> None:
        self._vocab = vocab
        self._unk_id = unk_id

    # These tables take time. They are built for the first word that needs several pieces.
    @cached_property
    def _max_length(self) -> int:
        return max(map(len, self._vocab))

    @cached_property
    def _continuations(self) -> tuple[dict[str, int], dict[str, int]]:
        """The pieces that continue a word, and the length of the longest by its first letters."""
        pieces = {
            piece[len(CONTINUATION) :]: index
            for piece, index in self._vocab.items()
            if piece.startswith(CONTINUATION)
        }
        max_lengths: dict[str, int] = {}
        for piece in pieces:
            prefix = piece[:PREFIX_LENGTH]
            if max_lengths.get(prefix, 0) < len(piece):
                max_lengths[prefix] = len(piece)
        return pieces, max_lengths

    def split(self, word: str) -> WordPieces:
        """Return the pieces of a normalised word."""
        length = len(word)
        index = self._vocab.get(word) if length <= MAX_WORD_LENGTH else self._unk_id
        if index is not None:
            return (index,), (length,)
        stop = min(self._max_length, length)
        while (index := self._vocab.get(word[:stop])) is None:
            stop -= 1
            if stop <= 0:
                return (self._unk_id,), (length,)
        ids, stops = [index], [stop]
        pieces, max_lengths = self._continuations
        while stop < length:
            start = stop
            stop = min(start + max_lengths.get(word[start : start + PREFIX_LENGTH], 2), length)
            while (index := pieces.get(word[start:stop])) is None:
                stop -= 1
                if stop == start:
                    return (self._unk_id,), (length,)
            ids.append(index)
            stops.append(stop)
        return tuple(ids), tuple(stops)
