"""From a text to the pieces of its words, each chunk between spaces remembered."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import Normalizer, character_class
from skdistilbert.tokenization.wordpiece import WORDS, WordPiece

if TYPE_CHECKING:
    from collections.abc import Iterable

CHUNKS = re.compile(f"[^{character_class(tables.WHITESPACE)}]+")
# str.split() parts words at these; here they are control characters, and vanish within a word.
VANISHING_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
# What is remembered is bounded: so many chunks of so many characters, some 30 MB at most.
MAX_CHUNKS = 100_000
MAX_CHUNK_LENGTH = 50


class Piece(NamedTuple):
    """A token of a text: its id, where it stands, and which word it is of."""

    id: int
    start: int
    stop: int
    word: int


class ChunkIds(dict[str, tuple[int, ...]]):
    """The token ids of each chunk of text between spaces, worked out when first met."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece) -> None:
        self._normalizer = normalizer
        self._wordpiece = wordpiece

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        split = self._wordpiece.split
        words = WORDS.findall(self._normalizer.normalize(chunk))
        ids = tuple([index for word in words for index, _ in split(word)])
        if len(chunk) <= MAX_CHUNK_LENGTH:
            if len(self) >= MAX_CHUNKS:
                self.clear()
            self[chunk] = ids
        return ids

    def of_text(self, text: str) -> list[int]:
        """Token ids of a text that holds no added token."""
        chunks: Iterable[str]
        if text.isprintable() or not any(map(text.__contains__, VANISHING_SEPARATORS)):
            chunks = text.split()
        else:
            chunks = CHUNKS.findall(text)
        return list(chain.from_iterable(map(self.__getitem__, chunks)))


class ChunkPieces(dict[str, tuple[Piece, ...]]):
    """The pieces of each chunk, placed and counted from the chunk's beginning."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece) -> None:
        self._normalizer = normalizer
        self._wordpiece = wordpiece

    def __missing__(self, chunk: str) -> tuple[Piece, ...]:
        pieces = tuple(self._split(chunk))
        if len(chunk) <= MAX_CHUNK_LENGTH:
            if len(self) >= MAX_CHUNKS:
                self.clear()
            self[chunk] = pieces
        return pieces

    def _split(self, chunk: str) -> Iterable[Piece]:
        aligned = self._normalizer.normalize_aligned(chunk)
        text = "".join([each.character for each in aligned])
        for word, match in enumerate(WORDS.finditer(text)):
            start = match.start()
            for index, stop in self._wordpiece.split(match.group()):
                stop += match.start()
                yield Piece(index, aligned[start].origin, aligned[stop - 1].origin + 1, word)
                start = stop

    def of_text(self, text: str, start: int = 0, word: int = 0) -> list[Piece]:
        """Pieces of a text that holds no added token, placed from `start` and `word` on."""
        result: list[Piece] = []
        for match in CHUNKS.finditer(text):
            pieces = self[match.group()]
            at = start + match.start()
            result += [Piece(p.id, at + p.start, at + p.stop, word + p.word) for p in pieces]
            word += pieces[-1].word + 1 if pieces else 0
        return result
