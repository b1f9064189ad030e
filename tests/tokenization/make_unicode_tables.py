"""Write skdistilbert/tokenization/unicode_tables.py from what the `tokenizers` library does.

Run from the project's root, with the library installed:

    python -m tests.tokenization.make_unicode_tables
"""

from __future__ import annotations

import unicodedata
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import NFD, BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

OUTPUT = Path(__file__).parents[2] / "skdistilbert" / "tokenization" / "unicode_tables.py"
CODE_POINTS = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]

HEADER = '''"""Frozen tables of Unicode as the Rust library `tokenizers` {version} knows it.

Written by tests/tokenization/make_unicode_tables.py; do not edit. Inclusive ranges of code points.
The library mixes several versions of Unicode, none of them Python's.
"""

Ranges = tuple[tuple[int, int], ...]
'''
TABLES = {
    "REMOVED": "Control characters and the like, dropped from every text.",
    "WHITESPACE": "What separates words.",
    "CJK": "Set apart as words of their own; U+2B820..2B91F is missing there by an oversight.",
    "PUNCTUATION": "Set apart as words of their own.",
    "NONSPACING_MARKS": "Accents, dropped after decomposition.",
    "COMBINING": "Characters whose canonical combining class is known not to be zero.",
    "DECOMPOSABLE": "Characters with a known canonical decomposition.",
    "MARKS_THAT_STAY": "Combining characters that are no accents, and what decomposes to such.",
    "STRIPPED": "Whitespace that an added token takes with it.",
    "WORD_CHARACTERS": "What an added token that must be a word of its own can't stand beside.",
}


def ranges(codes: Iterable[int]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for code in sorted(codes):
        if result and code == result[-1][1] + 1:
            result[-1] = (result[-1][0], code)
        else:
            result.append((code, code))
    return result


def find_tables() -> dict[str, list[tuple[int, int]]]:
    clean = BertNormalizer(True, False, False, False)
    chinese = BertNormalizer(False, True, False, False)
    strip = BertNormalizer(False, False, True, False)
    nfd, split = NFD(), BertPreTokenizer()

    def where(holds: object) -> list[tuple[int, int]]:
        return ranges(code for code in CODE_POINTS if holds(chr(code)))  # type: ignore[operator]

    return {
        "REMOVED": where(lambda c: clean.normalize_str(c) == ""),
        "WHITESPACE": where(lambda c: clean.normalize_str(c) == " "),
        "CJK": where(lambda c: chinese.normalize_str(c) != c),
        "PUNCTUATION": where(lambda c: len(split.pre_tokenize_str(f"a{c}a")) == 3),
        "NONSPACING_MARKS": where(
            lambda c: nfd.normalize_str(c) == c and strip.normalize_str(c) == ""
        ),
        "COMBINING": where(lambda c: unicodedata.combining(c) and _is_reordered(c)),
        "DECOMPOSABLE": where(lambda c: nfd.normalize_str(c) != c),
        "MARKS_THAT_STAY": where(
            lambda c: any(
                unicodedata.combining(each) and strip.normalize_str(each) and _is_reordered(each)
                for each in nfd.normalize_str(c)
            )
        ),
        **_find_neighbours_of_added_tokens(),
    }


def _find_neighbours_of_added_tokens() -> dict[str, list[tuple[int, int]]]:
    tokenizer = Tokenizer(WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.add_tokens([AddedToken("<s>", lstrip=True), AddedToken("<w>", single_word=True)])
    stripped = tokenizer.encode_batch([f"{chr(code)}<s>" for code in CODE_POINTS])
    words = tokenizer.encode_batch([f"{chr(code)}<w>" for code in CODE_POINTS])
    return {
        "STRIPPED": ranges(
            code
            for code, encoding in zip(CODE_POINTS, stripped, strict=True)
            if encoding.offsets == [(0, 4)]
        ),
        "WORD_CHARACTERS": ranges(
            code
            for code, encoding in zip(CODE_POINTS, words, strict=True)
            if "<w>" not in encoding.tokens
        ),
    }


def _is_reordered(mark: str) -> bool:
    """Tell whether the library moves a mark to its place among others."""
    others = ("\u0334", "\u0323", "\u0301", "\u0345")  # classes 1, 220, 230, 240
    return all(
        NFD().normalize_str(text) == unicodedata.normalize("NFD", text)
        for other in others
        for text in (f"a{mark}{other}", f"a{other}{mark}")
    )


def find_lowercase() -> list[tuple[int, int, int, int]]:
    """Runs (first, last, step, distance) of characters with a lower case of one character."""
    lower = Lowercase()
    runs: list[list[int]] = []
    for code in CODE_POINTS:
        lowered = lower.normalize_str(chr(code))
        if lowered == chr(code) or len(lowered) > 1:
            continue
        distance = ord(lowered) - code
        if runs and runs[-1][3] == distance and _continues(runs[-1], code):
            runs[-1][1:3] = code, code - runs[-1][1]
        else:
            runs.append([code, code, 1, distance])
    return [tuple(run) for run in runs]  # type: ignore[misc]


def _continues(run: list[int], code: int) -> bool:
    first, last, step, _ = run
    return code - last == step or (first == last and code - last == 2)


def find_long_lowercase() -> dict[int, str]:
    lowered = {code: Lowercase().normalize_str(chr(code)) for code in CODE_POINTS}
    return {code: text for code, text in lowered.items() if len(text) > 1}


def lines(items: Iterable[str]) -> Iterator[str]:
    line = "   "
    for item in items:
        if len(line) + len(item) > 97:
            yield line
            line = "   "
        line += f" {item},"
    yield line


def main() -> None:
    parts = [HEADER.format(version=version("tokenizers"))]
    for name, found in find_tables().items():
        numbers = (f"(0x{first:X}, 0x{last:X})" for first, last in found)
        parts.append(
            f"# {TABLES[name]}\n{name}: Ranges = (\n" + "\n".join(lines(numbers)) + "\n)\n"
        )
    runs = (f"(0x{a:X}, 0x{b:X}, {step}, {distance})" for a, b, step, distance in find_lowercase())
    parts.append(
        "# Runs (first, last, step, distance): `distance` on is the lower case.\n"
        "LOWERCASE: tuple[tuple[int, int, int, int], ...] = (\n" + "\n".join(lines(runs)) + "\n)\n"
    )
    parts.append(
        "# Characters whose lower case is several.\n"
        f"LONG_LOWERCASE: dict[int, str] = {find_long_lowercase()!a}"
    )
    OUTPUT.write_text("\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
