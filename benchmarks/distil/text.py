"""The training text: sentences of all sources, and texts derived from them for variety."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.distil.questions import questions
from benchmarks.distil.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Number of questions, pairs, passages and phrases per 100 sentences.
N_QUESTIONS, N_PAIRS, N_PASSAGES, N_PHRASES = 25, 6, 1, 8
PASSAGE = 8  # sentences
# Short texts are cheaper, so only one in ten of the texts with more words is used.
MANY_WORDS, ONE_IN = 18, 10


def training_texts(directory: Path) -> list[str]:
    """Return distinct training texts in random order, which is the same in each run.

    Raises
    ------
    FileNotFoundError
        If the directory contains no text.
    """
    rng = np.random.default_rng(0)
    sources = read_sources(directory)
    texts = [text for of_source in sources.values() for text in of_source]
    made = [*_neighbours(texts, 2, N_PAIRS, rng), *_neighbours(texts, PASSAGE, N_PASSAGES, rng)]
    made += _phrases(texts, rng)
    for counts in sorted(directory.glob("**/cntlist.rev")):
        made += questions(counts.parent, len(texts) * N_QUESTIONS // 100, rng)
    every = list(dict.fromkeys(texts + made))
    taken = [index for index in rng.permutation(len(every)) if _is_taken(every[index], rng)]
    return [every[index] for index in taken]


def _is_taken(text: str, rng: np.random.Generator) -> bool:
    return len(text.split()) <= MANY_WORDS or rng.integers(ONE_IN) == 0


def _neighbours(
    texts: list[str], length: int, percentage: int, rng: np.random.Generator
) -> Iterator[str]:
    """Yield consecutive sentences, joined; few of them cross the border of two sources."""
    last = max(1, len(texts) - length)
    for start in rng.integers(0, last, len(texts) * percentage // 100):
        yield " ".join(texts[start : start + length])


def _phrases(texts: list[str], rng: np.random.Generator) -> Iterator[str]:
    """Yield a few consecutive words of random sentences."""
    for index in rng.integers(0, len(texts), len(texts) * N_PHRASES // 100):
        words = texts[index].split()
        start = rng.integers(0, max(1, len(words) - 2))
        yield " ".join(words[start : start + rng.integers(2, 8)])
