"""Frozen tables of Unicode as the Rust library `tokenizers` knows it.

tests/tokenization/make_unicode_tables.py writes unicode_tables.json. The library mixes several
versions of Unicode, none of them Python's.
"""

from __future__ import annotations

import json
from pathlib import Path

Ranges = tuple[tuple[int, int], ...]  # inclusive

_TABLES = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))


def _ranges(name: str) -> Ranges:
    """Parse the ranges of a table, which are hexadecimal code points."""
    bounds = (part.partition("-") for part in _TABLES[name].split())
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in bounds)


# Control characters and similar ones, removed from every text.
REMOVED = _ranges("removed")
# Characters that separate words.
WHITESPACE = _ranges("whitespace")
# Each is a word. The library omits U+2B820..2B91F by mistake.
CJK = _ranges("cjk")
# Each is a word.
PUNCTUATION = _ranges("punctuation")
# Accents, removed after decomposition.
NONSPACING_MARKS = _ranges("nonspacing_marks")
# Characters with a non-zero canonical combining class.
COMBINING = _ranges("combining")
# Characters with a canonical decomposition.
DECOMPOSABLE = _ranges("decomposable")
# Combining characters that are not accents, and characters with them.
MARKS_THAT_STAY = _ranges("marks_that_stay")
# Whitespace that an added token with lstrip or rstrip includes.
STRIPPED = _ranges("stripped")
# Characters that may not adjoin an added token with single_word.
WORD_CHARACTERS = _ranges("word_characters")
# Runs (first, last, step, distance): the lower case of `code` is `code + distance`.
LOWERCASE: list[tuple[int, int, int, int]] = _TABLES["lowercase"]
# Characters whose lower case has several characters.
LONG_LOWERCASE = {int(code): str(text) for code, text in _TABLES["long_lowercase"].items()}
