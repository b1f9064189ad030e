"""BERT's normalisation of text, as the Rust library `tokenizers` implements it.

Remove control characters, replace whitespace by spaces, put spaces around Chinese characters,
strip accents, and convert to lower case. The last three steps are optional. All steps use frozen
tables of Unicode, so that results do not depend on the version of Python.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import cache
from itertools import chain, repeat
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from skdistilbert.tokenization.unicode_tables import Ranges


def character_class(ranges: Ranges) -> str:
    """Return the inside of the regular expression [...] that matches these code points."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def lone_surrogate_message(code: int) -> str:
    """Return the error message for a text that contains a lone surrogate."""
    return (
        f"it holds the lone surrogate U+{code:04X}, which is not a character; decode the text "
        "again from its source, or replace surrogates by "
        "text.encode('utf-8', 'replace').decode()."
    )


class CodePoints:
    """A set of code points, stored as ranges."""

    def __init__(self, ranges: Ranges) -> None:
        # Start of a range, its end, start of the next range, ...
        self._bounds = [bound for first, last in ranges for bound in (first, last + 1)]

    def __contains__(self, character: str) -> bool:
        return bisect_right(self._bounds, ord(character)) % 2 == 1


REMOVED = CodePoints(tables.REMOVED)
WHITESPACE = CodePoints(tables.WHITESPACE)
CJK = CodePoints(tables.CJK)
NONSPACING_MARKS = CodePoints(tables.NONSPACING_MARKS)
COMBINING = CodePoints(tables.COMBINING)
DECOMPOSABLE = CodePoints(tables.DECOMPOSABLE)

# The characters that Rust's `trim` removes. Python's `str.strip()` also removes U+001C to U+001F.
STRIPPED = "".join(chr(code) for first, last in tables.STRIPPED for code in range(first, last + 1))

# Bounds the table of a normaliser to 12 MB.
MAX_CODE_POINTS = 2**16


@cache  # Compiling takes milliseconds, and ASCII texts do not need this pattern.
def _marks_that_stay() -> re.Pattern[str]:
    """Match the marks that remain when accents are stripped. Only their order can matter."""
    return re.compile(f"[{character_class(tables.MARKS_THAT_STAY)}]")


@cache
def _lowercase() -> dict[str, str]:
    lowered = {
        chr(code): chr(code + distance)
        for first, last, step, distance in tables.LOWERCASE
        for code in range(first, last + 1, step)
    }
    return lowered | {chr(code): text for code, text in tables.LONG_LOWERCASE.items()}


class Aligned(NamedTuple):
    """A normalised text, and the position in the original text of each of its characters."""

    text: str
    origins: Sequence[int]


class Normalizer(dict[int, str]):
    """Normalise texts character by character.

    It is the table for `str.translate`, which maps code points to normalised characters. Entries
    are computed when they are first needed. A full table is emptied.

    Parameters
    ----------
    lowercase : bool
    strip_accents : bool
    handle_chinese_chars : bool
    """

    def __init__(
        self, *, lowercase: bool, strip_accents: bool, handle_chinese_chars: bool
    ) -> None:
        self._lowercase = lowercase
        self._strip_accents = strip_accents
        self._handle_chinese_chars = handle_chinese_chars

    def __missing__(self, code: int) -> str:
        if len(self) >= MAX_CODE_POINTS:
            self.clear()
        normalized = self[code] = self._normalize_character(code)
        return normalized

    def _normalize_character(self, code: int) -> str:
        if 0xD800 <= code <= 0xDFFF:
            raise ValueError(lone_surrogate_message(code))
        character = text = chr(code)
        if self._handle_chinese_chars and character in CJK and character not in DECOMPOSABLE:
            return f" {text} "  # The other steps do not change these characters.
        if character in REMOVED:
            return ""
        if character in WHITESPACE:
            return " "
        if self._strip_accents:
            text = "".join([each for each in _decompose(text) if each not in NONSPACING_MARKS])
        if self._lowercase:
            lowered = _lowercase()
            text = "".join([lowered.get(each, each) for each in text])
        return f" {text} " if self._handle_chinese_chars and character in CJK else text

    def normalize(self, text: str) -> str:
        """Return the normalised text.

        Raises
        ------
        ValueError
            If the text contains a lone surrogate.
        """
        if text.isascii() and text.isprintable():
            return text.lower() if self._lowercase else text
        if self._needs_reordering(text):
            return self.normalize_aligned(text).text
        return text.translate(self)

    def normalize_aligned(self, text: str) -> Aligned:
        """Return the normalised text with the origin of each character; raise as `normalize`."""
        if text.isascii():
            normalized = self.normalize(text)
            if len(normalized) == len(text):  # No character was removed. None becomes longer.
                return Aligned(normalized, range(len(text)))
        characters: Sequence[str] = text
        origins: Sequence[int] = range(len(text))
        if self._needs_reordering(text):
            characters, origins = zip(*_in_canonical_order(text), strict=True)
        parts = list(map(self.__getitem__, map(ord, characters)))
        lengths = list(map(len, parts))
        if lengths.count(1) != len(parts):
            origins = list(chain.from_iterable(map(repeat, origins, lengths)))
        return Aligned("".join(parts), origins)

    def _needs_reordering(self, text: str) -> bool:
        if text.isascii() or not self._strip_accents:
            return False
        return _marks_that_stay().search(text) is not None


def _decompose(character: str) -> str:
    """Return the canonical decomposition of a character that the tables list as decomposable.

    Unicode never changes a decomposition or a combining class. Python's values are therefore right
    for the characters in the tables.
    """
    return unicodedata.normalize("NFD", character) if character in DECOMPOSABLE else character


def _in_canonical_order(text: str) -> Iterator[tuple[str, int]]:
    """Yield decomposed characters with their origins, the marks of each base in canonical order.

    As in the Rust library, sorted marks do not keep their own origins: they receive the origins of
    this part of the text in order. Only the second and later characters of a decomposition share
    the origin of the previous character.
    """
    kept = [origin for origin, character in enumerate(text) if character not in REMOVED]
    positions = iter(kept)
    origin = kept[0] if kept else 0
    for character, is_further in _sort_marks(text[index] for index in kept):
        if not is_further:
            origin = next(positions)
        yield character, origin


def _sort_marks(text: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Yield decomposed characters, and whether each is not the first of its decomposition."""
    marks: list[tuple[str, bool]] = []
    for original in text:
        for index, character in enumerate(_decompose(original)):
            if character in COMBINING:
                marks.append((character, index > 0))
                continue
            yield from sorted(marks, key=_combining_class)
            marks.clear()
            yield character, index > 0
    yield from sorted(marks, key=_combining_class)


def _combining_class(mark: tuple[str, bool]) -> int:
    return unicodedata.combining(mark[0])
