"""Real text for the benchmarks: from a file, or the READMEs of the installed packages."""

from __future__ import annotations

import random
from importlib.metadata import distributions
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_texts(path: Path | None, n_texts: int, seed: int = 0) -> list[str]:
    """Give different texts in random order: lines of a file, or paragraphs of READMEs.

    Raises
    ------
    ValueError
        If there are fewer than `n_texts`.
    """
    texts = _readme_paragraphs() if path is None else path.read_text("utf-8").splitlines()
    different = sorted({" ".join(text.split()) for text in texts} - {""})
    if len(different) < n_texts:
        source = path or "the READMEs of the installed packages"
        raise ValueError(f"{n_texts} different texts are needed; {source}: {len(different)}.")
    random.Random(seed).shuffle(different)
    return different[:n_texts]


def _readme_paragraphs() -> list[str]:
    readmes = [str(distribution.metadata.get_payload()) for distribution in distributions()]
    paragraphs = [text for readme in readmes for text in readme.split("\n\n")]
    return [text for text in paragraphs if len(text.split()) >= 4]
