"""From a text to the pieces of its words, each chunk between spaces remembered."""

from __future__ import annotations

import re
from functools import cache, cached_property
from itertools import accumulate, chain, compress, islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.memo import MAX_LENGTH, Memo
from skdistilbert.tokenization.normalization import (
    CHINESE_AND_OTHERS,
    CHINESE_CHARACTERS_AND_OTHERS,
    character_class,
)
from skdistilbert.tokenization.wordpiece import (
    ASCII_WORDS,
    ASCII_WORDS_AND_SPACES,
    NO_PIECE,
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


class ChunkIds(Memo[tuple[int, ...]]):
    """The token ids of each chunk."""

    def __init__(self, normalizer: Normalizer, wordpiece: WordPiece) -> None:
        self._normalizer = normalizer
        self._of_word = wordpiece.__getitem__
        self._of_chunk = self.__getitem__

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        if len(chunk) > 1 and self._normalizer.makes_words_of(chunk):
            parts = CHINESE_CHARACTERS_AND_OTHERS.findall(chunk)
            return self.remember(chunk, tuple(chain.from_iterable(map(self._of_chunk, parts))))
        return self.remember(chunk, self.of_normalized(self._normalizer.normalize(chunk)))

    def of_normalized(self, text: str) -> tuple[int, ...]:
        """Token ids of a text that is normalised already."""
        words = word_pattern(text).findall(text)
        return tuple(chain.from_iterable(map(self._of_word, words)))

    def extend(self, ids: list[int], text: str) -> None:
        """Add the token ids of a text that holds no added token."""
        chunks = text.split() if text.isprintable() else split_at_spaces(text)
        if len(chunks) <= MANY_CHUNKS:
            for chunk in chunks:
                ids += self[chunk]
            return
        for start in range(0, len(chunks), MANY_CHUNKS):
            part = chunks[start : start + MANY_CHUNKS]
            self.learn(part)
            ids.extend(chain.from_iterable(map(self._of_chunk, part)))

    def learn(self, chunks: Iterable[str]) -> int:
        """Remember many chunks at once, which takes less time; give how many were unknown.

        Only those that are plain are learnt.
        """
        unknown = [chunk for chunk in set(chunks) if chunk not in self]
        plain = [chunk for chunk in unknown if chunk.isascii() and chunk.isprintable()]
        plain = [chunk for chunk in plain if len(chunk) <= MAX_LENGTH]
        self._learn_words([chunk for chunk in plain if chunk.isalnum()])
        self._learn_mixed([chunk for chunk in plain if not chunk.isalnum()])
        return len(unknown)

    def _learn_words(self, chunks: list[str]) -> None:
        """Remember chunks of letters and digits, each of which is one word."""
        words = self._normalizer.normalize(" ".join(chunks)).split()
        self.remember_all(dict(zip(chunks, map(self._of_word, words), strict=True)))

    def _learn_mixed(self, chunks: list[str]) -> None:
        text = self._normalizer.normalize(" ".join(chunks))
        words = ASCII_WORDS_AND_SPACES.findall(f"{text} ")
        ids = tuple(chain.from_iterable(map(self._of_word, words)))
        learnt: dict[str, tuple[int, ...]] = {}
        start = 0
        for chunk in chunks:
            stop = ids.index(NO_PIECE, start)
            learnt[chunk] = ids[start:stop]
            start = stop + 1
        self.remember_all(learnt)


class TextIds(Memo[tuple[int, ...]]):
    """The token ids of each text."""

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        self._encode = encode

    def __missing__(self, text: str) -> tuple[int, ...]:
        return self.remember(text, tuple(self._encode(text)))


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

    def add_words(self, new_words: Iterable[int]) -> None:
        """Add the word numbers of tokens, of which each has 1 if it begins a word, else 0."""
        last = self.word_ids[-1] if self.word_ids else -1
        self.word_ids.extend(islice(accumulate(new_words, initial=last), 1, None))


# The tokens of a chunk, and how to get from one to the next:
# - their ids;
# - steps, numbers of characters: how many a token has, or how many to go on (or back) to where
#   the next one starts; the last leads to the next chunk, over a space;
# - for each step, 1 if it is a token;
# - for each token, 1 if it begins a word.
PlacedPieces = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]


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
        runs = CHINESE_AND_OTHERS.findall(chunk)
        if len(runs) > 1:
            return self._join(runs)
        # Each character is a token.
        length = len(chunk)
        return self._ids[chunk], (1,) * (length + 1), _ones_and_zero(length), _ones(length)

    def _join(self, parts: list[str]) -> PlacedPieces:
        """Put together the tokens of parts that follow each other without a space."""
        of_parts = list(map(self._of_chunk, parts))
        steps: list[int] = []
        for _, part_steps, _, _ in of_parts:
            steps += part_steps
            steps[-1] -= 1
        steps[-1] += 1
        ids, _, is_token, new_words = map(chain.from_iterable, zip(*of_parts, strict=True))
        return tuple(ids), tuple(steps), tuple(is_token), tuple(new_words)

    def _tile(self, words: list[str]) -> PlacedPieces:
        """Place the tokens of a chunk whose words follow without anything between."""
        pieces = list(map(self._of_word, words))
        ids = pieces[0] if len(pieces) == 1 else tuple(chain.from_iterable(pieces))
        n_tokens = len(ids)
        if n_tokens == len(words):
            return ids, (*map(len, words), 1), _ones_and_zero(n_tokens), _ones(n_tokens)
        if len(words) == 1:
            steps = (*map(self._length_of_piece, ids), 1)
            return ids, steps, _ones_and_zero(n_tokens), _new_word(n_tokens)
        new_words = tuple(chain.from_iterable(map(_new_word, map(len, pieces))))
        return ids, (*self._lengths(words, pieces), 1), _ones_and_zero(n_tokens), new_words

    def _lengths(self, words: list[str], pieces: list[tuple[int, ...]]) -> list[int]:
        lengths: list[int] = []
        of_piece = self._length_of_piece
        for word, ids in zip(words, pieces, strict=True):
            if len(ids) == 1:  # perhaps the unknown token, which has no length of its own
                lengths.append(len(word))
            else:
                lengths.extend(map(of_piece, ids))
        return lengths

    @cached_property
    def _length_of_piece(self) -> Callable[[int], int]:
        return self._wordpiece.lengths.__getitem__

    def _place(self, normalized: Aligned, length: int) -> PlacedPieces:
        """Place the tokens of a normalised text, anywhere in one of `length` characters."""
        text, origins = normalized
        ids: list[int] = []
        steps: list[int] = []
        is_token: list[int] = []
        new_words: list[int] = []
        at = start = 0
        of_word = self._of_word
        for word in word_pattern(text, with_spaces=True).findall(text):
            if word == " ":
                start += 1
                continue
            pieces = of_word(word)
            ids += pieces
            if len(pieces) == 1:
                new_words.append(1)
                lengths = [len(word)]
            else:
                new_words += _new_word(len(pieces))
                lengths = self._lengths([word], [pieces])
            for n_characters in lengths:
                first = origins[start]
                start += n_characters
                if first != at:
                    steps.append(first - at)
                    is_token.append(0)
                at = origins[start - 1] + 1
                steps.append(at - first)
                is_token.append(1)
        return tuple(ids), (*steps, length - at + 1), (*is_token, 0), tuple(new_words)

    def of_normalized(self, normalized: Aligned, pieces: Pieces) -> None:
        """Add the tokens of a text that is normalised already."""
        ids, steps, is_token, new_words = self._place(normalized, 0)
        pieces.ids.extend(ids)
        pieces.offsets.extend(compress(pairwise(accumulate(steps, initial=0)), is_token))
        pieces.add_words(new_words)

    def of_text(self, text: str, start: int, pieces: Pieces) -> None:
        """Add the tokens of a text that holds no added token and stands at `start`."""
        ids = pieces.ids
        steps: list[int] = []
        is_token: list[int] = []
        new_words: list[int] = []
        spaced = text if text.isprintable() else WHITESPACE.sub(" ", text)
        for chunk in map(self._of_chunk, spaced.split(" ")):
            chunk_ids, chunk_steps, chunk_is_token, chunk_new_words = chunk
            ids += chunk_ids
            steps += chunk_steps
            is_token += chunk_is_token
            new_words += chunk_new_words
        bounds = accumulate(steps, initial=start)
        pieces.offsets.extend(compress(pairwise(bounds), is_token))
        pieces.add_words(new_words)


# Most chunks share these, by their number of tokens.
_ONES = tuple((1,) * n_tokens for n_tokens in range(MAX_LENGTH + 1))
_ONES_AND_ZERO = tuple((*ones, 0) for ones in _ONES)


def _ones(n_tokens: int) -> tuple[int, ...]:
    return _ONES[n_tokens] if n_tokens <= MAX_LENGTH else (1,) * n_tokens


def _ones_and_zero(n_tokens: int) -> tuple[int, ...]:
    return _ONES_AND_ZERO[n_tokens] if n_tokens <= MAX_LENGTH else (*_ones(n_tokens), 0)


@cache
def _new_word(n_pieces: int) -> tuple[int, ...]:
    return (1,) + (0,) * (n_pieces - 1)
