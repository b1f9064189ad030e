"""Questions and requests, which dictionaries lack: questions.txt filled with WordNet's words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

PATTERNS = Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines()

# WordNet's files of nouns by meaning; each sense key contains the number of the file.
MEANINGS = {
    "creature": ("05",),
    "thing": ("06", "10"),
    "food": ("13",),
    "role": ("18",),
    "money": ("21",),
    "state": ("26",),
    "time": ("28",),
    "other": ("04", "07", "09", "14", "17", "19", "27"),
}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def questions(directory: Path, n: int, rng: np.random.Generator) -> Iterator[str]:
    """Fill patterns with words, frequent words more often; `directory` has WordNet's files."""
    words = {kind: np.array(found) for kind, found in _words(directory).items()}
    for pattern in rng.choice(PATTERNS, n):
        yield PLACEHOLDER.sub(lambda match: _draw(words[match[1]], rng), str(pattern))


def _draw(words: np.ndarray, rng: np.random.Generator) -> str:
    """Draw one of the words, which are sorted by frequency, roughly by Zipf's law."""
    return str(words[int(len(words) * rng.random() ** 2)])


def _words(directory: Path) -> dict[str, list[str]]:
    """Return lemmas by kind, most frequent first; names of people and places are unsorted."""
    counted = (line.split() for line in (directory / "cntlist.rev").read_text().splitlines())
    senses = sorted(counted, key=lambda sense: -int(sense[2]))
    words: dict[str, list[str]] = {"verb": []}
    for key, _, _ in senses:
        lemma, _, place = key.partition("%")
        part_of_speech, file, *_ = place.split(":")
        kind = next((k for k, files in MEANINGS.items() if file in files), None)
        kind = {"1": kind, "2": "verb"}.get(part_of_speech)
        if kind is not None and lemma not in words.setdefault(kind, []):
            words[kind].append(lemma.replace("_", " "))
    return words | _names(directory)


def _names(directory: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {"person": [], "place": []}
    for line in (directory / "data.noun").read_text().splitlines():
        if " @i " in line:
            _, file, _, n_words, *fields = line.split()
            kind = {"18": "person", "15": "place"}.get(file)
            if kind:
                synonyms = fields[: 2 * int(n_words, 16) : 2]
                name = synonyms[0] if kind == "place" else max(synonyms, key=len)
                names[kind].append(name.replace("_", " "))
    return names
