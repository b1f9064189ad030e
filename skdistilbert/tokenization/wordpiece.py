"""WordPiece (Wu et al., 2016): split a word into the longest pieces in the vocabulary."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    # These tables take longer than reading the vocabulary. They are built for the first word that
    # needs several pieces.
    @cached_property
    def _beginnings(self) -> tuple[Mapping[str, int], dict[str, int]]:
        return self._vocab, _max_lengths(self._vocab)

    @cached_property
    def _continuations(self) -> tuple[Mapping[str, int], dict[str, int]]:
        pieces = {
            piece.removeprefix(CONTINUATION): index
            for piece, index in self._vocab.items()
            if piece.startswith(CONTINUATION)
        }
        return pieces, _max_lengths(pieces)

    def split(self, word: str) -> WordPieces:
        """Return the pieces of a normalised word."""
        length = len(word)
        index = self._vocab.get(word) if length <= MAX_WORD_LENGTH else self._unk_id
        if index is not None:
            return (index,), (length,)
        ids: list[int] = []
        stops: list[int] = []
        start = 0
        vocab, max_lengths = self._beginnings
        while start < length:
            stop = min(start + max_lengths.get(word[start : start + PREFIX_LENGTH], 2), length)
            while (index := vocab.get(word[start:stop])) is None:
                stop -= 1
                if stop == start:
                    return (self._unk_id,), (length,)
            ids.append(index)
            stops.append(stop)
            start = stop
            vocab, max_lengths = self._continuations
        return tuple(ids), tuple(stops)


def _max_lengths(pieces: Iterable[str]) -> dict[str, int]:
    """Return the length of the longest piece by its first three characters."""
    max_lengths: dict[str, int] = {}
    for piece in pieces:
        prefix = piece[:PREFIX_LENGTH]
        if max_lengths.get(prefix, 0) < len(piece):
            max_lengths[prefix] = len(piece)
    return max_lengths
