"""WordPiece (Wu et al., 2016): words to the longest pieces that the vocabulary has."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TYPE_CHECKING

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.id_bytes import NO_ID, bytes_of_id
from skdistilbert.tokenization.memo import Memo
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CHARACTERS_A_WORD = 100
CONTINUATION = "##"
# The longest piece that starts with the same so many characters bounds the search.
PREFIX_LENGTH = 3


def _word_pattern(punctuation: str, space: str = "") -> re.Pattern[str]:
    """Match a punctuation mark, or what reaches to the next space or punctuation mark."""
    return re.compile(f"[{space}{punctuation}]|[^ {punctuation}]+")


@cache  # not compiled for texts of ASCII, which need none
def _unicode_words() -> tuple[re.Pattern[str], re.Pattern[str]]:
    punctuation = character_class(tables.PUNCTUATION)
    return _word_pattern(punctuation), _word_pattern(punctuation, " ")


# The same for ASCII alone, at half the time.
_ASCII_PUNCTUATION = r"!-/:-@\[-`{-~"
_ASCII_WORDS = _word_pattern(_ASCII_PUNCTUATION), _word_pattern(_ASCII_PUNCTUATION, " ")
ASCII_WORDS, ASCII_WORDS_AND_SPACES = _ASCII_WORDS


def word_pattern(text: str, *, with_spaces: bool = False) -> re.Pattern[str]:
    """Give the pattern that finds the words of a normalised text, and the spaces at request."""
    return (_ASCII_WORDS if text.isascii() else _unicode_words())[with_spaces]


class WordPiece(Memo[bytes]):
    """The ids of the pieces of words, by greedy longest match; remembered once asked for.

    A space gives `NO_ID`.

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
        self._longest_beginnings = _longest_by_prefix(vocab)
        self._unknown = bytes_of_id(unk_id)

    # All three tables at once would take longer than to read the vocabulary: these two wait until
    # a word is first split.
    @cached_property
    def _continuations(self) -> dict[str, bytes]:
        return {
            piece.removeprefix(CONTINUATION): bytes_of_id(index)
            for piece, index in self._beginnings.items()
            if piece.startswith(CONTINUATION)
        }

    @cached_property
    def _longest_continuations(self) -> dict[str, int]:
        return _longest_by_prefix(self._continuations)

    @cached_property
    def lengths(self) -> dict[int, int]:
        """How many characters of a word each piece is, by its id."""
        return {
            index: len(piece.removeprefix(CONTINUATION))
            for piece, index in self._beginnings.items()
        }

    def __missing__(self, word: str) -> bytes:
        if word == " ":
            return self.remember(word, NO_ID)
        if len(word) > MAX_CHARACTERS_A_WORD:
            return self._unknown
        whole = self._beginnings.get(word)
        return self.remember(word, self._split(word) if whole is None else bytes_of_id(whole))

    def _split(self, word: str) -> bytes:
        length = len(word)
        # A prefix that is not there begins no piece, but a shorter one may be a piece.
        stop = min(self._longest_beginnings.get(word[:PREFIX_LENGTH], PREFIX_LENGTH - 1), length)
        while (first := self._beginnings.get(word[:stop])) is None:
            stop -= 1
            if not stop:
                return self._unknown
        ids = bytes_of_id(first)
        pieces, longest = self._continuations, self._longest_continuations
        while stop < length:
            start = stop
            stop += longest.get(word[start : start + PREFIX_LENGTH], PREFIX_LENGTH - 1)
            if stop > length:
                stop = length
            while (piece := pieces.get(word[start:stop])) is None:
                stop -= 1
                if stop == start:
                    return self._unknown
            ids += piece
        return ids


def _longest_by_prefix(pieces: Iterable[str]) -> dict[str, int]:
    """Give the length of the longest piece that begins with each prefix."""
    longest: dict[str, int] = {}
    for piece in pieces:
        prefix = piece[:PREFIX_LENGTH]
        if longest.get(prefix, 0) < len(piece):
            longest[prefix] = len(piece)
    return longest
