"""Real texts for the benchmarks: the lines of a file, or the READMEs of installed packages."""

from __future__ import annotations

import random
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_text_options(parser: argparse.ArgumentParser, n_texts: int) -> None:
    parser.add_argument("--texts", type=Path, help="file with one text per line")
    parser.add_argument("--n-texts", type=int, default=n_texts)


def read_texts(path: Path | None, n_texts: int) -> list[str]:
    """Return distinct texts in random order: lines of the file, or paragraphs of READMEs.

    Raises
    ------
    ValueError
        If there are fewer than `n_texts` distinct texts.
    """
    texts = _readme_paragraphs() if path is None else path.read_text("utf-8").splitlines()
    distinct = sorted({" ".join(text.split()) for text in texts} - {""})
    if len(distinct) < n_texts:
        source = path or "the READMEs of the installed packages"
        raise ValueError(
            f"{n_texts} distinct texts are needed, but {source} has {len(distinct)}. "
            "Give another file with --texts, or reduce --n-texts."
        )
    random.Random(0).shuffle(distinct)
    return distinct[:n_texts]


def _readme_paragraphs() -> list[str]:
    # The package importlib_metadata, once imported, returns metadata without their payload.
    metadata = [distribution.read_text("METADATA") or "" for distribution in distributions()]
    readmes = [text.partition("\n\n")[2] for text in metadata]
    paragraphs = [text for readme in readmes for text in readme.split("\n\n")]
    return [text for text in paragraphs if len(text.split()) >= 4]
