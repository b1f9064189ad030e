"""From a text to the pieces of its words, each chunk between spaces remembered."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import Aligned, Normalizer, character_class
from skdistilbert.tokenization.wordpiece import WordPiece, word_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = TypeVar("Value")

CHUNKS = re.compile(f"[^{character_class(tables.WHITESPACE)}]+")
# str.split() parts words at these; here they are control characters, and vanish within a word.
VANISHING_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
# What is remembered is bounded to so many chunks, and characters in them: 60 MB at most.
MAX_CHUNKS = 100_000
MAX_CHARACTERS = 5_000_000


def split_at_spaces(text: str) -> list[str]:
    """Split a text into its chunks between whitespace."""
    if text.isprintable() or not any(map(text.__contains__, VANISHING_SEPARATORS)):
        return text.split()
    return CHUNKS.findall(text)


class _Remembered(dict[str, Value]):
    """What was worked out of each chunk; all is forgotten when it becomes too much."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece) -> None:
        self._normalizer = normalizer
        self._wordpiece = wordpiece
        self._n_characters = 0
        self._of_chunk = self.__getitem__

    def _remember(self, chunk: str, value: Value) -> Value:
        if len(self) >= MAX_CHUNKS or self._n_characters + len(chunk) > MAX_CHARACTERS:
            self.clear()
            self._n_characters = 0
        if len(chunk) <= MAX_CHARACTERS:
            self[chunk] = value
            self._n_characters += len(chunk)
        return value


class ChunkIds(_Remembered[tuple[int, ...]]):
    """The token ids of each chunk."""

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        wordpiece, text = self._wordpiece, self._normalizer.normalize(chunk)
        if text.isascii() and text.isalnum():  # the chunk is a word
            return self._remember(chunk, wordpiece.ids(text))
        return self._remember(chunk, tuple(self.of_normalized(text)))

    def of_normalized(self, text: str) -> list[int]:
        """Token ids of a text that is normalised already."""
        words, wordpiece = word_pattern(text).findall(text), self._wordpiece
        return [index for word in words for index in wordpiece[word]]

    def of_text(self, text: str) -> list[int]:
        """Token ids of a text that holds no added token."""
        return list(chain.from_iterable(map(self._of_chunk, split_at_spaces(text))))


class Pieces(NamedTuple):
    """The tokens of a text: their ids, where they stand, and which words they are of."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int]

    def add(self, index: int, start: int, stop: int) -> None:
        """Add a token that is a word of its own."""
        self.ids.append(index)
        self.offsets.append((start, stop))
        self.word_ids.append(self.next_word())

    def part(self, start: int, stop: int) -> Pieces:
        """Give some of the tokens."""
        return Pieces(self.ids[start:stop], self.offsets[start:stop], self.word_ids[start:stop])

    def next_word(self) -> int:
        """Give the number of the next word."""
        return self.word_ids[-1] + 1 if self.word_ids else 0


# A token of a chunk: its id, where it starts and stops, and which of the chunk's words it is of.
PlacedPiece = tuple[int, int, int, int]


class ChunkPieces(_Remembered[tuple[PlacedPiece, ...]]):
    """The tokens of each chunk, with their places."""

    def __missing__(self, chunk: str) -> tuple[PlacedPiece, ...]:
        normalized = self._normalizer.normalize_aligned(chunk)
        return self._remember(chunk, tuple(self._place(normalized)))

    def _place(self, normalized: Aligned) -> Iterator[PlacedPiece]:
        text, origins = normalized
        for word, match in enumerate(word_pattern(text).finditer(text)):
            word_start = start = match.start()
            for index, stop in zip(*self._wordpiece.split(match.group()), strict=True):
                last = word_start + stop - 1
                yield index, origins[start], origins[last] + 1, word
                start = last + 1

    def of_normalized(self, normalized: Aligned, pieces: Pieces) -> None:
        """Add the tokens of a text that is normalised already."""
        first_word = pieces.next_word()
        for index, start, stop, word in self._place(normalized):
            pieces.ids.append(index)
            pieces.offsets.append((start, stop))
            pieces.word_ids.append(first_word + word)

    def of_text(self, text: str, start: int, pieces: Pieces) -> None:
        """Add the tokens of a text that holds no added token and stands at `start`."""
        ids, offsets, word_ids = pieces
        at, word = 0, pieces.next_word()
        for chunk in split_at_spaces(text):
            at = text.find(chunk, at)
            origin = start + at
            for index, first, last, word_of_chunk in self._of_chunk(chunk):
                ids.append(index)
                offsets.append((origin + first, origin + last))
                word_ids.append(word + word_of_chunk)
            if word_ids:
                word = word_ids[-1] + 1
            at += len(chunk)
