"""WordPiece (Wu et al., 2016): words to the longest pieces that the vocabulary has."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CHARACTERS_A_WORD = 100
CONTINUATION = "##"
# Only pieces that start with the same so many characters are looked up, or are shorter.
PREFIX_LENGTH = 3
SHORT_SIZES = (2, 1)
# Words that are remembered: 15 MB at most.
MAX_WORDS = 2**16


def _word_pattern(punctuation: str) -> re.Pattern[str]:
    """Match a punctuation mark, or what reaches to the next space or punctuation mark."""
    return re.compile(f"[{punctuation}]|[^ {punctuation}]+")


_WORDS = _word_pattern(character_class(tables.PUNCTUATION))
# The same for ASCII alone, at half the time.
_ASCII_WORDS = _word_pattern(r"!-/:-@\[-`{-~")


def word_pattern(text: str) -> re.Pattern[str]:
    """Give the pattern that finds the words of a normalised text."""
    return _ASCII_WORDS if text.isascii() else _WORDS


class WordPiece(dict[str, tuple[int, ...]]):
    """The ids of the pieces of words, by greedy longest match; remembered once asked for.

    Parameters
    ----------
    vocab : mapping of str to int
        Pieces that do not begin a word start with "##".
    unk_id : int
        For words of which some part is not in the vocabulary, and for those of more than 100
        characters.
    """

    def __init__(self, vocab: Mapping[str, int], unk_id: int) -> None:
        self._beginnings = vocab
        self._unk_id = unk_id

    @cached_property
    def _continuations(self) -> dict[str, int]:
        return {
            piece.removeprefix(CONTINUATION): index
            for piece, index in self._beginnings.items()
            if piece.startswith(CONTINUATION)
        }

    @cached_property
    def _beginning_sizes(self) -> dict[str, tuple[int, ...]]:
        return _sizes_by_prefix(self._beginnings)

    @cached_property
    def _continuation_sizes(self) -> dict[str, tuple[int, ...]]:
        return _sizes_by_prefix(self._continuations)

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = self.ids(word)
        if len(word) <= MAX_CHARACTERS_A_WORD:
            if len(self) >= MAX_WORDS:
                self.clear()
            self[word] = ids
        return ids

    def ids(self, word: str) -> tuple[int, ...]:
        """Give the ids of a word's pieces, and forget them."""
        whole = self._beginnings.get(word)
        return tuple(self.split(word)[0]) if whole is None else (whole,)

    def split(self, word: str) -> tuple[list[int], list[int]]:
        """Give the ids of a word's pieces, and where in the word they stop."""
        length = len(word)
        if length > MAX_CHARACTERS_A_WORD:
            return [self._unk_id], [length]
        ids, stops, start = [], [], 0
        vocab, sizes = self._beginnings, self._beginning_sizes
        while start < length:
            for size in sizes.get(word[start : start + PREFIX_LENGTH], SHORT_SIZES):
                piece = word[start : start + size]
                index = vocab.get(piece)
                if index is not None:
                    break
            else:
                return [self._unk_id], [length]
            start += len(piece)
            ids.append(index)
            stops.append(start)
            vocab, sizes = self._continuations, self._continuation_sizes
        return ids, stops


def _sizes_by_prefix(pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Give the lengths of the pieces that begin with each prefix, and SHORT_SIZES, descending."""
    sizes: dict[str, set[int]] = {}
    for piece in pieces:
        sizes.setdefault(piece[:PREFIX_LENGTH], set(SHORT_SIZES)).add(len(piece))
    return {prefix: tuple(sorted(found, reverse=True)) for prefix, found in sizes.items()}
