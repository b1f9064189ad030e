"""Embed the longest, the most and the most unusual texts; print time and peak memory.

    python -m tests.extremes [--model DIRECTORY] [--n-texts N] [--only REGEX]

Each case runs in a new process. Memory is the peak above the memory in use after the texts were
created and the model was loaded, without the features that are returned. The default model is the
DistilBERT of dim 32 in the tests.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.measuring import memory_in_use, peak_memory
from skdistilbert import (
    DistilBertConfig,
    DistilBertEmbedder,
    TruncationWarning,
    UnknownTokenWarning,
)

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = Path(__file__).parents[1] / "tests" / "data" / "distilbert-tiny"
MEGABYTE = 1_000_000


class Case(NamedTuple):
    """A function from the number of texts and of positions to texts, and expected warnings."""

    texts: Callable[[int, int], list[str]]
    n_warnings: int = 0
    max_length: int | None = None


CASES = {
    "one-word texts, all different": Case(lambda n, _: [f"{i}" for i in range(n)]),
    "identical texts": Case(lambda n, _: ["where is the one of us?"] * n),
    "empty texts": Case(lambda n, _: [""] * n),
    "only unknown characters": Case(lambda n, _: [f"\U0001f9ff\u2603\ua500{i}" for i in range(n)]),
    "max_length 2": Case(lambda n, _: [f"where is {i}?" for i in range(n)], 1, max_length=2),
    "all positions taken": Case(lambda n, size: numbered(n // 1000, size - 2)),
    "one token too many": Case(lambda n, size: numbered(n // 1000, size - 1), 1),
    "10 MB of words": Case(lambda *_: ["the one " * (10 * MEGABYTE // 8)], 1),
    "10 MB in one word": Case(lambda *_: ["a" * 10 * MEGABYTE]),
    "10 MB of punctuation": Case(lambda *_: ["?!" * (5 * MEGABYTE)], 1),
}


def numbered(n_texts: int, n_tokens: int) -> list[str]:
    """Return distinct texts of `n_tokens` digits; each digit is one token."""
    return [" ".join(f"{i:0{n_tokens}d}") for i in range(max(1, n_texts))]


class Result(NamedTuple):
    """The time and the memory of a case."""

    n_texts: int
    seconds: float
    bytes_used: int | None


def run(name: str, model: str | Path, n_texts: int) -> Result:
    """Embed the texts of a case in this process.

    Raises
    ------
    AssertionError
        If a feature is not finite, or if the warnings are not the expected ones.
    """
    case = CASES[name]
    n_positions = DistilBertConfig.from_pretrained(model).max_position_embeddings
    texts = case.texts(n_texts, n_positions)
    embedder = DistilBertEmbedder(model, pooling="mean", max_length=case.max_length)
    embedder.fit(texts[:1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedder.transform([text[:99] for text in texts[:9]])
    before = memory_in_use()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", UnknownTokenWarning)
        start = time.perf_counter()
        features = embedder.transform(texts)
        seconds = time.perf_counter() - start
    assert [warning.category for warning in caught] == [TruncationWarning] * case.n_warnings
    assert features.shape[0] == len(texts)
    assert np.isfinite(features).all()
    peak = peak_memory()
    used = None if before is None or peak is None else max(0, peak - before - features.nbytes)
    return Result(len(texts), seconds, used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=TINY)
    parser.add_argument("--n-texts", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="regular expression that selects cases")
    arguments = parser.parse_args()
    print(f"{'case':<32}{'texts':>10}{'seconds':>10}{'us per text':>14}{'MB':>8}")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for name in filter(re.compile(arguments.only).search, CASES):
            n, seconds, used = pool.submit(run, name, arguments.model, arguments.n_texts).result()
            memory = "?" if used is None else f"{used / MEGABYTE:.0f}"
            print(f"{name:<32}{n:>10}{seconds:>10.2f}{seconds / n * 1e6:>14.1f}{memory:>8}")


if __name__ == "__main__":
    main()
