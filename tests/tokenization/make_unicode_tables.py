"""Write skdistilbert/tokenization/unicode_tables.json by probing the `tokenizers` library.

Run from the project's root, with the library installed:

    python -m tests.tokenization.make_unicode_tables
"""

from __future__ import annotations

import json
import unicodedata
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import NFD, BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable

OUTPUT = Path(__file__).parents[2] / "skdistilbert" / "tokenization" / "unicode_tables.json"
CODE_POINTS = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]


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
        "removed": where(lambda c: clean.normalize_str(c) == ""),
        "whitespace": where(lambda c: clean.normalize_str(c) == " "),
        "cjk": where(lambda c: chinese.normalize_str(c) != c),
        "punctuation": where(lambda c: len(split.pre_tokenize_str(f"a{c}a")) == 3),
        "nonspacing_marks": where(
            lambda c: nfd.normalize_str(c) == c and strip.normalize_str(c) == ""
        ),
        "combining": where(lambda c: unicodedata.combining(c) and _is_reordered(c)),
        "decomposable": where(lambda c: nfd.normalize_str(c) != c),
        "marks_that_stay": where(
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
        "stripped": ranges(
            code
            for code, encoding in zip(CODE_POINTS, stripped, strict=True)
            if encoding.offsets == [(0, 4)]
        ),
        "word_characters": ranges(
            code
            for code, encoding in zip(CODE_POINTS, words, strict=True)
            if "<w>" not in encoding.tokens
        ),
    }


def _is_reordered(mark: str) -> bool:
    """Return whether the library sorts a mark among others."""
    others = ("\u0334", "\u0323", "\u0301", "\u0345")  # classes 1, 220, 230, 240
    return all(
        NFD().normalize_str(text) == unicodedata.normalize("NFD", text)
        for other in others
        for text in (f"a{mark}{other}", f"a{other}{mark}")
    )


def find_lowercase() -> list[tuple[int, int, int, int]]:
    """Return runs (first, last, step, distance) of characters with one lower-case character."""
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
    """Return the characters whose lower case has several characters."""
    lowered = {code: Lowercase().normalize_str(chr(code)) for code in CODE_POINTS}
    return {code: text for code, text in lowered.items() if len(text) > 1}


def main() -> None:
    tables: dict[str, object] = {"tokenizers": version("tokenizers")}
    for name, found in find_tables().items():
        tables[name] = " ".join(f"{a:X}" if a == b else f"{a:X}-{b:X}" for a, b in found)
    tables |= {"lowercase": find_lowercase(), "long_lowercase": find_long_lowercase()}
    # One line per table.
    lines = (f"{json.dumps(name)}: {json.dumps(table)}" for name, table in tables.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
