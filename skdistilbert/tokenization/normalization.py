"""BERT's normalisation of text, as the Rust library `tokenizers` does it.

Control characters go, every kind of whitespace becomes a space, Chinese characters become words,
accents go, and all is lowercased: each step an option, each by tables that do not change with the
Python version.
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
    from collections.abc import Iterable, Sequence

    from skdistilbert.tokenization.unicode_tables import Ranges


def character_class(ranges: Ranges) -> str:
    """Write ranges as the inside of a regular expression's [...]."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def about_lone_surrogate(code: int) -> str:
    """Say what is wrong with a text that holds it, and what to do."""
    return (
        f"it holds the lone surrogate U+{code:04X}, which is no character; decode the text anew, "
        "or text.encode('utf-8', 'replace').decode()."
    )


class CodePoints:
    """A set of code points, kept as its ranges."""

    def __init__(self, ranges: Ranges) -> None:
        # Where membership begins and ends, in turn.
        self._bounds = [bound for first, last in ranges for bound in (first, last + 1)]

    def __contains__(self, character: str) -> bool:
        return bisect_right(self._bounds, ord(character)) % 2 == 1


REMOVED = CodePoints(tables.REMOVED)
WHITESPACE = CodePoints(tables.WHITESPACE)
CJK = CodePoints(tables.CJK)
NONSPACING_MARKS = CodePoints(tables.NONSPACING_MARKS)
COMBINING = CodePoints(tables.COMBINING)
DECOMPOSABLE = CodePoints(tables.DECOMPOSABLE)

# What Rust's trim takes; Python's str.strip() takes U+001C..1F, too.
STRIPPED = "".join(chr(code) for first, last in tables.STRIPPED for code in range(first, last + 1))

# What is remembered of single characters is bounded to so many of them: 12 MB at most.
MAX_CODE_POINTS = 2**16


@cache  # as all patterns are: they took a third of the import, and texts of ASCII need none
def _marks_that_stay() -> re.Pattern[str]:
    """Match marks that stay when accents go: of no others the order can show."""
    return re.compile(f"[{character_class(tables.MARKS_THAT_STAY)}]")


@cache
def _chinese() -> re.Pattern[str]:
    """Match a Chinese character."""
    return re.compile(f"[{character_class(tables.CJK)}]")


@cache
def chinese_characters_and_others() -> re.Pattern[str]:
    """Match a Chinese character, or what reaches to the next one."""
    cjk = character_class(tables.CJK)
    return re.compile(f"[{cjk}]|[^{cjk}]+")


@cache
def chinese_and_others() -> re.Pattern[str]:
    """Match all Chinese characters that follow each other, or all others."""
    cjk = character_class(tables.CJK)
    return re.compile(f"[{cjk}]+|[^{cjk}]+")


@cache
def _lowercase() -> dict[str, str]:
    lowered = {
        chr(code): chr(code + distance)
        for first, last, step, distance in tables.LOWERCASE
        for code in range(first, last + 1, step)
    }
    return lowered | {chr(code): text for code, text in tables.LONG_LOWERCASE.items()}


class Aligned(NamedTuple):
    """A normalised text, and for each of its characters which of the original it comes from."""

    text: str
    origins: Sequence[int]


class Normalizer(dict[int, str]):
    """Normalisation as a table for `str.translate`, filled as characters are met.

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
            raise ValueError(about_lone_surrogate(code))
        character = text = chr(code)
        is_chinese = self._handle_chinese_chars and character in CJK
        # So are nearly all: tens of thousands, for which the look-ups below would find nothing.
        if is_chinese and character not in DECOMPOSABLE:
            return f" {text} "
        if character in REMOVED:
            return ""
        if character in WHITESPACE:
            return " "
        if self._strip_accents:
            text = "".join([each for each in _decompose(text) if each not in NONSPACING_MARKS])
        if self._lowercase:
            lowered = _lowercase()
            text = "".join([lowered.get(each, each) for each in text])
        return f" {text} " if is_chinese else text

    def makes_words_of(self, text: str) -> bool:
        """Tell whether a text holds Chinese characters, which become words."""
        if text.isascii() or not self._handle_chinese_chars:
            return False
        return _chinese().search(text) is not None

    def normalize(self, text: str) -> str:
        """Normalise a text.

        Raises
        ------
        ValueError
            If the text holds a lone surrogate, which is no character.
        """
        if text.isascii() and text.isprintable():
            return text.lower() if self._lowercase else text
        if self._needs_reordering(text):
            return self.normalize_aligned(text).text
        return text.translate(self)

    def normalize_aligned(self, text: str) -> Aligned:
        """Normalise a text, with the origin of each resulting character."""
        if text.isascii() and text.isprintable():
            return Aligned(self.normalize(text), range(len(text)))
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
    """Unicode's canonical decomposition of a character, where the tables know of one.

    Decompositions and combining classes never change once a character has them, so that Python's
    are right for those in the tables.
    """
    return unicodedata.normalize("NFD", character) if character in DECOMPOSABLE else character


def _in_canonical_order(text: str) -> Iterable[tuple[str, int]]:
    """Decomposed characters with their origins, the marks of each base in canonical order.

    As in the library, what is put in order takes the places, and so the origins, that it finds:
    only the further characters of a decomposition share the origin of the one before.
    """
    kept = [origin for origin, character in enumerate(text) if character not in REMOVED]
    places = iter(kept)
    origin = kept[0] if kept else 0
    for character, is_further in _sort_marks(text[index] for index in kept):
        if not is_further:
            origin = next(places)
        yield character, origin


def _sort_marks(text: Iterable[str]) -> Iterable[tuple[str, bool]]:
    """Decomposed characters, and whether each is a further one of its decomposition."""
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
