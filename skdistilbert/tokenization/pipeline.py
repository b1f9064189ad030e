"""The steps from a text to its tokens.

1. Cut the text at its added tokens (`added_tokens`).
2. Normalise the text between them (`normalization`).
3. Split it at spaces into chunks, such as "time?", and these into words and punctuation marks.
4. Split each word into pieces of the vocabulary (`wordpiece`).

Bounded caches make this fast. Most chunks and words of new texts are known. Many texts recur: in
cross-validation, in the epochs of a training, or as requests to a service. The caches of chunks
and of texts store ids as bytes: Python joins bytes faster than tuples, and NumPy reads the bytes
of a whole batch at once. Positions are computed word by word.
"""

from __future__ import annotations

import re
from array import array
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.bounded_cache import BoundedCache
from skdistilbert.tokenization.encodings import AlignedTokens
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.tokenization.added_tokens import AddedTokenFinder
    from skdistilbert.tokenization.normalization import Normalizer
    from skdistilbert.tokenization.wordpiece import WordPiece

ID_SIZE = 4  # bytes


def to_bytes(ids: Iterable[int]) -> bytes:
    """Return token ids as the bytes of int32 numbers."""
    return array("i", ids).tobytes()


def from_bytes(ids: bytes) -> list[int]:
    """Return the token ids that `to_bytes` stored."""
    return memoryview(ids).cast("i").tolist()


class Pipeline:
    """Convert texts to token ids, or to tokens with their positions.

    Parameters
    ----------
    finder : AddedTokenFinder
    normalizer : Normalizer
    wordpiece : WordPiece
    """

    def __init__(
        self, finder: AddedTokenFinder, normalizer: Normalizer, wordpiece: WordPiece
    ) -> None:
        self._finder = finder
        self._normalizer = normalizer
        self._split_word = wordpiece.split
        self._word_pieces = BoundedCache(wordpiece.split)
        self._chunk_ids = BoundedCache(self._encode_chunk)
        self._text_ids = BoundedCache(self._encode)

    def id_bytes(self, text: str) -> bytes:
        """Return the token ids of a text as `to_bytes` stores them.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` contains a lone surrogate.
        """
        check_text(text)
        return self._text_ids[text]

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text; raise as `id_bytes`."""
        return from_bytes(self.id_bytes(text))

    def pieces(self, text: str) -> list[int | str]:
        """Return token ids, and the matched text in place of each added token."""
        pieces: list[int | str] = []
        for token, segment, _ in self._finder.segments(text):
            if token:
                pieces.append(segment)
            else:
                pieces += from_bytes(self._encode_normalized(segment))
        return pieces

    def words(self, text: str) -> list[str]:
        """Return the normalised words between the added tokens; raise as `id_bytes`."""
        check_text(text)
        if not self._finder.finds_any(text):
            return split_into_words(self._normalizer.normalize(text))
        segments = (segment for token, segment, _ in self._finder.segments(text) if token is None)
        return [word for segment in segments for word in split_into_words(segment)]

    def _encode(self, text: str) -> bytes:
        if not self._finder.finds_any(text):
            return self._encode_normalized(self._normalizer.normalize(text))
        return b"".join(
            to_bytes([token.id]) if token else self._encode_normalized(segment)
            for token, segment, _ in self._finder.segments(text)
        )

    def _encode_normalized(self, text: str) -> bytes:
        # Spaces are the only whitespace in a normalised text.
        return b"".join(map(self._chunk_ids.__getitem__, text.split()))

    def _encode_chunk(self, chunk: str) -> bytes:
        if len(chunk) == 1 or (chunk.isascii() and chunk.isalnum()):  # Most chunks are words.
            return to_bytes(self._split_word(chunk)[0])
        pieces = map(self._split_word, split_into_words(chunk))
        return to_bytes(chain.from_iterable(ids for ids, _ in pieces))

    def align(self, text: str) -> AlignedTokens:
        """Return the tokens of a text with their positions and words; raise as `id_bytes`."""
        check_text(text)
        tokens = AlignedTokens([], [], [])
        if not self._finder.finds_any(text):
            self._add_words(tokens, *self._normalizer.normalize_aligned(text))
            return tokens
        for token, segment, origins in self._finder.segments(text):
            if token is None:
                self._add_words(tokens, segment, origins)
            else:
                tokens.input_ids.append(token.id)
                tokens.offsets.append((origins[0], origins[-1] + 1))
                tokens.word_ids.append(tokens.n_words)
        return tokens

    def _add_words(self, tokens: AlignedTokens, text: str, origins: Sequence[int]) -> None:
        """Add the tokens of a normalised text, whose characters have these origins."""
        input_ids, offsets, word_ids = tokens
        spans: list[tuple[int, int]] = []
        stop = 0
        for word_id, word in enumerate(split_into_words(text), tokens.n_words):
            word_start = start = text.find(word, stop)  # Only spaces are between words.
            ids, stops = self._word_pieces[word]
            input_ids += ids
            for stop_in_word in stops:
                stop = word_start + stop_in_word
                spans.append((start, stop))
                word_ids.append(word_id)
                start = stop
        if origins != range(len(text)):
            spans = [(origins[start], origins[stop - 1] + 1) for start, stop in spans]
        offsets += spans


def split_into_words(text: str) -> list[str]:
    """Split a normalised text into words and punctuation marks."""
    if text.isascii():
        return _ASCII_WORDS.findall(text)
    words: list[str] = []
    find_all = _unicode_words().findall
    for chunk in text.split():
        if len(chunk) == 1:  # such as a Chinese character
            words.append(chunk)
        else:
            words += find_all(chunk)
    return words


def _compile_word_pattern(punctuation: str) -> re.Pattern[str]:
    return re.compile(f"[^ {punctuation}]+|[{punctuation}]")


# This pattern takes half the time of the one for Unicode.
_ASCII_WORDS = _compile_word_pattern(r"!-/:-@\[-`{-~")


@cache  # Compiling takes 5 ms, and ASCII texts do not need this pattern.
def _unicode_words() -> re.Pattern[str]:
    return _compile_word_pattern(character_class(tables.PUNCTUATION))


def check_text(text: object) -> None:
    """Raise TypeError unless a text is a string."""
    if not isinstance(text, str):
        raise TypeError(
            f"a text must be a string, got {text!r:.99} of type {type(text).__name__}; convert it "
            "with str() or leave it out."
        )
