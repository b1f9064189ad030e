"""From a text to the pieces of its words, each chunk between spaces remembered."""

from __future__ import annotations

import re
from functools import cache, cached_property, lru_cache
from itertools import accumulate, chain, compress, filterfalse, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.id_bytes import ID_SIZE, NO_ID, ids_of
from skdistilbert.tokenization.memo import MAX_LENGTH, Memo
from skdistilbert.tokenization.normalization import (
    character_class,
    chinese_and_others,
    chinese_characters_and_others,
)
from skdistilbert.tokenization.wordpiece import (
    ASCII_WORDS,
    ASCII_WORDS_AND_SPACES,
    word_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from skdistilbert.tokenization.normalization import Aligned, Normalizer
    from skdistilbert.tokenization.wordpiece import WordPiece

CHUNKS = re.compile(f"[^{character_class(tables.WHITESPACE)}]+")
WHITESPACE = re.compile(f"[{character_class(tables.WHITESPACE)}]")
# str.split() parts words at these; here they are control characters, and vanish within a word.
VANISHING_SEPARATORS = "\x0b\x0c\x1c\x1d\x1e\x1f\x85"
# From so many on, what is new among them is learnt at once.
MANY_CHUNKS = 1000


def split_at_spaces(text: str) -> list[str]:
    """Split a text into its chunks between whitespace."""
    if text.isprintable() or not any(map(text.__contains__, VANISHING_SEPARATORS)):
        return text.split()
    return CHUNKS.findall(text)


class ChunkIds(Memo[bytes]):
    """The token ids of each chunk."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece) -> None:
        self._normalizer = normalizer
        self._of_word = wordpiece.__getitem__
        self._of_chunk = self.__getitem__

    def __missing__(self, chunk: str) -> bytes:
        if len(chunk) > 1 and self._normalizer.makes_words_of(chunk):
            return self.remember(chunk, self.of(chinese_characters_and_others().findall(chunk)))
        return self.remember(chunk, self.of_normalized(self._normalizer.normalize(chunk)))

    def of_normalized(self, text: str) -> bytes:
        """Give the token ids of a text that is normalised already."""
        return b"".join(map(self._of_word, word_pattern(text).findall(text)))

    def of(self, chunks: list[str]) -> bytes:
        """Give the token ids of the chunks of a text that holds no added token."""
        if len(chunks) <= MANY_CHUNKS:
            return b"".join(map(self._of_chunk, chunks))
        parts = [chunks[at : at + MANY_CHUNKS] for at in range(0, len(chunks), MANY_CHUNKS)]
        return b"".join(map(self._of_many, parts))

    def _of_many(self, chunks: list[str]) -> bytes:
        self.learn(chunks)
        return b"".join(map(self._of_chunk, chunks))

    def learn(self, chunks: Iterable[str]) -> int:
        """Remember many chunks at once, which takes less time; give how many were unknown.

        Only those that are plain and not long are learnt.
        """
        unknown = list(filterfalse(self.__contains__, set(chunks)))
        plain = filter(str.isprintable, filter(str.isascii, unknown))
        short = [chunk for chunk in plain if len(chunk) <= MAX_LENGTH]
        for start in range(0, len(short), MANY_CHUNKS):
            self._learn_plain(short[start : start + MANY_CHUNKS])
        return len(unknown)

    def _learn_plain(self, chunks: list[str]) -> None:
        text = self._normalizer.normalize(" ".join(chunks))
        words = ASCII_WORDS_AND_SPACES.findall(text)
        ids = b"".join(map(self._of_word, words)).split(NO_ID)
        self.remember_all(chunks, ids)


class TextIds(Memo[tuple[int, ...]]):
    """The token ids of each text."""

    def __init__(self, encode: Callable[[str], tuple[int, ...]]) -> None:
        self._encode = encode

    def __missing__(self, text: str) -> tuple[int, ...]:
        return self.remember(text, self._encode(text))


class Pieces(NamedTuple):
    """The tokens of a text: their ids, where they stand, and which words they are of."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    word_ids: list[int]

    def add(self, index: int, start: int, stop: int) -> None:
        """Add a token that is a word of its own."""
        self.ids.append(index)
        self.offsets.append((start, stop))
        self.add_words((1,))

    def part(self, start: int, stop: int) -> Pieces:
        """Give some of the tokens."""
        return Pieces(self.ids[start:stop], self.offsets[start:stop], self.word_ids[start:stop])

    def place(self, placed: PlacedPieces, start: int) -> None:
        """Add tokens that begin at `start`."""
        ids, steps, is_token, new_words = placed
        self.ids.extend(ids_of(ids))
        bounds = accumulate(steps, initial=start)
        self.offsets.extend(compress(pairwise(bounds), is_token))
        self.add_words(new_words)

    def add_words(self, new_words: Iterable[int]) -> None:
        """Add the word numbers of tokens, of which each has 1 if it begins a word, else 0."""
        last = self.word_ids[-1] if self.word_ids else -1
        self.word_ids.extend(islice(accumulate(new_words, initial=last), 1, None))


# The tokens of a chunk, and how to get from one to the next:
# - their ids;
# - steps, numbers of characters: how many a token has, or how many to go on (or back) to where
#   the next one starts; the last leads to the next chunk, over a space;
# - for each step, a byte of 1 if it is a token;
# - for each token, a byte of 1 if it begins a word.
PlacedPieces = tuple[bytes, tuple[int, ...], bytes, bytes]


class ChunkPieces(Memo[PlacedPieces]):
    """The tokens of each chunk, with their places."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece, ids: ChunkIds) -> None:
        self._normalizer = normalizer
        self._of_word = wordpiece.__getitem__
        self._wordpiece = wordpiece
        self._ids = ids
        self._of_chunk = self.__getitem__

    def __missing__(self, chunk: str) -> PlacedPieces:
        if chunk.isascii() and chunk.isprintable():
            text = self._normalizer.normalize(chunk)
            return self.remember(chunk, self._tile(ASCII_WORDS.findall(text)))
        if self._normalizer.makes_words_of(chunk):
            return self.remember(chunk, self._place_chinese(chunk))
        normalized = self._normalizer.normalize_aligned(chunk)
        return self.remember(chunk, self._place(normalized, len(chunk)))

    def _place_chinese(self, chunk: str) -> PlacedPieces:
        runs = chinese_and_others().findall(chunk)
        if len(runs) > 1:
            return self._join(runs)
        # Each character is a token.
        ones = b"\1" * len(chunk)
        return self._ids[chunk], (1,) * (len(chunk) + 1), ones + b"\0", ones

    def _join(self, parts: list[str]) -> PlacedPieces:
        """Put together the tokens of parts that follow each other without a space."""
        ids, steps, is_token, new_words = zip(*map(self._of_chunk, parts), strict=True)
        joined: list[int] = []
        for of_part in steps:
            joined += of_part
            joined[-1] -= 1
        joined[-1] += 1
        return b"".join(ids), tuple(joined), b"".join(is_token), b"".join(new_words)

    def _tile(self, words: list[str]) -> PlacedPieces:
        """Place the tokens of a chunk whose words follow without anything between."""
        if len(words) == 1:
            return self._tile_word(*words)
        pieces = list(map(self._of_word, words))
        ids = b"".join(pieces)
        steps = (*self._lengths(words, pieces), 1)
        new_words = b"".join(map(_new_word, map(len, pieces)))
        return ids, steps, _ones_and_zero(len(ids)), new_words

    def _tile_word(self, word: str) -> PlacedPieces:
        ids = self._of_word(word)
        n_bytes = len(ids)
        if n_bytes == ID_SIZE:
            return ids, (len(word), 1), _ones_and_zero(n_bytes), _new_word(n_bytes)
        steps = (*map(self._length_of_piece, ids_of(ids)), 1)
        return ids, steps, _ones_and_zero(n_bytes), _new_word(n_bytes)

    def _lengths(self, words: list[str], pieces: list[bytes]) -> list[int]:
        lengths: list[int] = []
        of_piece = self._length_of_piece
        for word, ids in zip(words, pieces, strict=True):
            if len(ids) == ID_SIZE:  # perhaps the unknown token, which has no length of its own
                lengths.append(len(word))
            else:
                lengths += map(of_piece, ids_of(ids))
        return lengths

    @cached_property
    def _length_of_piece(self) -> Callable[[int], int]:
        return self._wordpiece.lengths.__getitem__

    def _place(self, normalized: Aligned, length: int) -> PlacedPieces:
        """Place the tokens of a normalised text, anywhere in one of `length` characters."""
        text, origins = normalized
        all_pieces: list[bytes] = []
        steps: list[int] = []
        is_token: list[int] = []
        at = start = 0
        for word in word_pattern(text, with_spaces=True).findall(text):
            if word == " ":
                start += 1
                continue
            pieces = self._of_word(word)
            all_pieces.append(pieces)
            for n_characters in self._lengths([word], [pieces]):
                first = origins[start]
                start += n_characters
                if first != at:
                    steps.append(first - at)
                    is_token.append(0)
                at = origins[start - 1] + 1
                steps.append(at - first)
                is_token.append(1)
        new_words = b"".join(map(_new_word, map(len, all_pieces)))
        steps.append(length - at + 1)
        return b"".join(all_pieces), tuple(steps), bytes((*is_token, 0)), new_words

    def of_normalized(self, normalized: Aligned, pieces: Pieces) -> None:
        """Add the tokens of a text that is normalised already."""
        pieces.place(self._place(normalized, 0), 0)

    def of_text(self, text: str, start: int, pieces: Pieces) -> None:
        """Add the tokens of a text that holds no added token and stands at `start`."""
        spaced = text if text.isprintable() else WHITESPACE.sub(" ", text)
        of_chunks = zip(*map(self._of_chunk, spaced.split(" ")), strict=True)
        ids, steps, is_token, new_words = of_chunks
        steps = tuple(chain.from_iterable(steps))
        pieces.place((b"".join(ids), steps, b"".join(is_token), b"".join(new_words)), start)


@cache
def _new_word(n_bytes: int) -> bytes:
    """Give 1 for the first token of a word, 0 for the others; their ids take so many bytes."""
    return b"\1" + bytes(n_bytes // ID_SIZE - 1)


@lru_cache(maxsize=2 * MAX_LENGTH)
def _ones_and_zero(n_bytes: int) -> bytes:
    """Give 1 for each token, whose ids take so many bytes, then 0."""
    return b"\1" * (n_bytes // ID_SIZE) + b"\0"
