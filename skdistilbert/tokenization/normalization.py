"""BERT's normalisation of text, as the Rust library `tokenizers` does it.

Control characters go, every kind of whitespace becomes a space, Chinese characters become words,
accents go, and all is lowercased: each step an option, each by tables that do not change with the
Python version.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.tokenization.unicode_tables import Ranges


def character_class(ranges: Ranges) -> str:
    """Write ranges as the inside of a regular expression's [...]."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


@cache
def _code_points(name: str) -> frozenset[int]:
    ranges: Ranges = getattr(tables, name)
    return frozenset(code for first, last in ranges for code in range(first, last + 1))


@cache
def _lowercase() -> dict[str, str]:
    lowered = {
        chr(code): chr(code + distance)
        for first, last, step, distance in tables.LOWERCASE
        for code in range(first, last + 1, step)
    }
    return lowered | {chr(code): text for code, text in tables.LONG_LOWERCASE.items()}


class Aligned(NamedTuple):
    """A character of the normalised text, and the character of the original it comes from."""

    character: str
    origin: int


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
        normalized = self[code] = "".join(each.character for each in self._steps(chr(code)))
        return normalized

    def normalize(self, text: str) -> str:
        """Normalise a text.

        Raises
        ------
        ValueError
            If the text holds a lone surrogate, which is no character.
        """
        if self._needs_reordering(text):
            return "".join(each.character for each in self._steps(text))
        return text.translate(self)

    def normalize_aligned(self, text: str) -> list[Aligned]:
        """Normalise a text, with the origin of each resulting character."""
        if self._needs_reordering(text):
            return list(self._steps(text))
        return [
            Aligned(character, origin)
            for origin, original in enumerate(text)
            for character in self[ord(original)]
        ]

    def _needs_reordering(self, text: str) -> bool:
        if text.isascii() or not self._strip_accents:
            return False
        return _marks_that_stay().search(text) is not None

    def _steps(self, text: str) -> Iterable[Aligned]:
        aligned: Iterable[Aligned] = map(Aligned, text, range(len(text)))
        aligned = _clean(aligned)
        if self._handle_chinese_chars:
            aligned = _set_chinese_apart(aligned)
        if self._strip_accents:
            nonspacing = _code_points("NONSPACING_MARKS")
            aligned = (
                each for each in _decompose(aligned) if ord(each.character) not in nonspacing
            )
        if self._lowercase:
            lowered = _lowercase()
            aligned = (
                Aligned(character, origin)
                for original, origin in aligned
                for character in lowered.get(original, original)
            )
        return aligned


def _clean(text: Iterable[Aligned]) -> Iterable[Aligned]:
    removed, whitespace = _code_points("REMOVED"), _code_points("WHITESPACE")
    for character, origin in text:
        code = ord(character)
        if 0xD800 <= code <= 0xDFFF:
            raise ValueError(
                f"it holds the lone surrogate U+{code:04X}, which is no character; decode the "
                "text anew, or text.encode('utf-8', 'replace').decode()."
            )
        if code not in removed:
            yield Aligned(" " if code in whitespace else character, origin)


def _set_chinese_apart(text: Iterable[Aligned]) -> Iterable[Aligned]:
    chinese = _code_points("CJK")
    for character, origin in text:
        if ord(character) in chinese:
            yield from (Aligned(" ", origin), Aligned(character, origin), Aligned(" ", origin))
        else:
            yield Aligned(character, origin)


def _decompose(text: Iterable[Aligned]) -> Iterable[Aligned]:
    """Unicode's canonical decomposition, with the marks of each base in canonical order.

    As in the library, what is put in order takes the places, and so the origins, that it finds:
    only the further characters of a decomposition share the origin of the one before.
    """
    originals = list(text)
    places = iter(originals)
    origin = originals[0].origin if originals else 0
    for character, is_further in _in_canonical_order(each.character for each in originals):
        if not is_further:
            origin = next(places).origin
        yield Aligned(character, origin)


def _in_canonical_order(text: Iterable[str]) -> Iterable[tuple[str, bool]]:
    """Decomposed characters, and which are not the first of their decomposition.

    Decompositions and combining classes never change once a character has them, so that Python's
    are right for those in the tables.
    """
    marks: list[tuple[str, bool]] = []
    combining, decomposable = _code_points("COMBINING"), _code_points("DECOMPOSABLE")
    for original in text:
        known = ord(original) in decomposable
        decomposed = unicodedata.normalize("NFD", original) if known else original
        for index, character in enumerate(decomposed):
            if ord(character) in combining:
                marks.append((character, index > 0))
                continue
            yield from sorted(marks, key=_combining_class)
            marks.clear()
            yield character, index > 0
    yield from sorted(marks, key=_combining_class)


def _combining_class(mark: tuple[str, bool]) -> int:
    return unicodedata.combining(mark[0])


@cache
def _marks_that_stay() -> re.Pattern[str]:
    """Find marks that stay when accents go, the only ones whose order shows."""
    stay = _code_points("COMBINING") - _code_points("NONSPACING_MARKS")
    decompositions = (
        (code, unicodedata.normalize("NFD", chr(code))) for code in _code_points("DECOMPOSABLE")
    )
    holding = (code for code, text in decompositions if not stay.isdisjoint(map(ord, text)))
    return re.compile(f"[{character_class(tuple((code, code) for code in {*stay, *holding}))}]")
