"""WordPiece (Wu et al., 2016): words to the longest pieces that the vocabulary has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHARACTERS_A_WORD = 100
CONTINUATION = "##"

_PUNCTUATION = character_class(tables.PUNCTUATION)
# A punctuation mark is a word; other words reach to the next space or punctuation mark.
WORDS = re.compile(f"[{_PUNCTUATION}]|[^ {_PUNCTUATION}]+")


class WordPiece:
    """Splits words by greedy longest match, from the left.

    Parameters
    ----------
    vocab : mapping of str to int
        Pieces that do not begin a word start with "##".
    unk_id : int
        For words of which some part is not in the vocabulary, and for those of more than 100
        characters.
    """

    def __init__(self, vocab: Mapping[str, int], unk_id: int) -> None:
        self._beginnings = dict(vocab)
        self._continuations = {
            piece.removeprefix(CONTINUATION): index
            for piece, index in vocab.items()
            if piece.startswith(CONTINUATION)
        }
        self._longest = max(map(len, vocab), default=0)
        self._unk_id = unk_id

    def split(self, word: str) -> list[tuple[int, int]]:
        """Give the pieces of a word: their ids, and where in the word they end."""
        length = len(word)
        if length > MAX_CHARACTERS_A_WORD:
            return [(self._unk_id, length)]
        pieces, start, vocab = [], 0, self._beginnings
        while start < length:
            for stop in range(min(length, start + self._longest), start, -1):
                index = vocab.get(word[start:stop])
                if index is not None:
                    break
            else:
                return [(self._unk_id, length)]
            pieces.append((index, stop))
            start, vocab = stop, self._continuations
        return pieces
