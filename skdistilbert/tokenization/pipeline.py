"""The steps from a text to its tokens.

1. Cut the text at its added tokens (`added_tokens`).
2. Normalise the text between them (`normalization`).
3. Split it into words and punctuation marks.
4. Split each word into pieces of the vocabulary (`wordpiece`).

Two bounded caches make this fast. One maps words to their pieces, because new texts consist of
known words. The other maps texts to their ids, because many texts recur: in cross-validation, in
the epochs of a training, or as requests to a service.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.bounded_cache import BoundedCache
from skdistilbert.tokenization.encodings import AlignedTokens
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.tokenization.added_tokens import AddedTokenFinder
    from skdistilbert.tokenization.normalization import Normalizer
    from skdistilbert.tokenization.wordpiece import WordPiece

_ids_of_pieces = itemgetter(0)


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
        self._word_pieces = BoundedCache(wordpiece.split)
        self._text_ids = BoundedCache(self._encode)

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` contains a lone surrogate.
        """
        if not isinstance(text, str):
            raise _not_a_string(text)
        return self._text_ids[text]

    def _encode(self, text: str) -> tuple[int, ...]:
        if self._finder.finds_any(text):
            return tuple(self.align(text).input_ids)
        words = split_into_words(self._normalizer.normalize(text))
        pieces = map(self._word_pieces.__getitem__, words)
        return tuple(chain.from_iterable(map(_ids_of_pieces, pieces)))

    def align(self, text: str) -> AlignedTokens:
        """Return the tokens of a text with their positions and words; errors as in `ids`."""
        if not isinstance(text, str):
            raise _not_a_string(text)
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
    pattern = _ASCII_WORDS if text.isascii() else _unicode_words()
    return pattern.findall(text)


def _compile_word_pattern(punctuation: str) -> re.Pattern[str]:
    return re.compile(f"[^ {punctuation}]+|[{punctuation}]")


# This pattern takes half the time of the one for Unicode.
_ASCII_WORDS = _compile_word_pattern(r"!-/:-@\[-`{-~")


@cache  # Compiling takes 5 ms, and ASCII texts do not need this pattern.
def _unicode_words() -> re.Pattern[str]:
    return _compile_word_pattern(character_class(tables.PUNCTUATION))


def _not_a_string(text: object) -> TypeError:
    return TypeError(
        f"a text must be a string, got {text!r:.99} of type {type(text).__name__}; convert it "
        "with str() or leave it out."
    )
