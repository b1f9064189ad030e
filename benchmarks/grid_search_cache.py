"""What `embedding_cache` saves in a grid search, against no cache and `Pipeline(memory=)`.

    python -m benchmarks.grid_search_cache [--model DIRECTORY_OR_NAME] [--data FILE.csv]
                                           [--texts 500] [--jobs 1] [--rounds 3]

GridSearchCV of 5 folds and 10 values of C for a logistic regression on features of the model that
comes with the package, or of another. The texts and labels are the first two columns of a CSV file
with a header; by default those of examples/support_requests.csv. Each search runs in a process of
its own, and the ways take turns. Prints medians of the seconds that the search took, without the
imports, and how many times the corpus was encoded.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skdistilbert import DistilBertEmbedder
from skdistilbert.estimators import text_encoder

REQUESTS = Path(__file__).parents[1] / "examples" / "support_requests.csv"
WAYS = {
    "no cache": "every fit and every score encodes its texts",
    "Pipeline(memory=)": "a new directory; keeps what is fitted, not what is scored",
    "embedding_cache": "a new file",
    "embedding_cache, again": "the file of the search before",
}


class CountingEmbedder(DistilBertEmbedder):
    """Adds a line with the number of texts that were encoded, in any process, to a file."""

    def __init__(
        self, model: str, *, log: str, normalize: bool = True, embedding_cache: str | None = None
    ) -> None:
        super().__init__(model, normalize=normalize, embedding_cache=embedding_cache)
        self.log = log

    def _features(self, texts: list[str]) -> Any:  # noqa: ANN401
        pool_texts = text_encoder.pool_texts

        def counting(model: Any, tokenizer: Any, texts: list[str], *options: Any) -> Any:  # noqa: ANN401
            with Path(self.log).open("a") as file:
                file.write(f"{len(texts)}\n")
            return pool_texts(model, tokenizer, texts, *options)

        with mock.patch.object(text_encoder, "pool_texts", counting):
            return super()._features(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
    parser.add_argument("--data", type=Path, default=REQUESTS, help="CSV: text, label")
    parser.add_argument("--texts", type=int, default=500, help="at most so many of them")
    parser.add_argument("--jobs", type=int, default=1, help="n_jobs of the search")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured")
    parser.add_argument("--search", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.search:
        print(json.dumps(search(options)))
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            for way in WAYS:
                results[way].append(in_own_process(way, scratch))
    n_texts = int(results["no cache"][0]["n_texts"])
    print(
        f"{n_texts} texts, 5 folds, 10 candidates, n_jobs={options.jobs}; {options.rounds} rounds"
    )
    print(f"{'':<24}{'seconds':>9}{'ratio':>8}{'encodings':>11}  best score")
    slowest = median(result["seconds"] for result in results["no cache"])
    for way, note in WAYS.items():
        seconds = median(result["seconds"] for result in results[way])
        encodings = median(result["n_encoded"] for result in results[way]) / n_texts
        score = results[way][0]["score"]
        print(
            f"{way:<24}{seconds:>9.2f}{slowest / seconds:>7.1f}x{encodings:>11.2f}"
            f"  {score:.4f}  ({note})"
        )


def in_own_process(way: str, scratch: str) -> dict[str, float]:
    # Not as the main module, whose classes workers and joblib's Memory can't find.
    code = "from benchmarks.grid_search_cache import main; main()"
    arguments = [*sys.argv[1:], "--search", way, "--scratch", scratch]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def search(options: argparse.Namespace) -> dict[str, float]:
    texts, labels = read(options.data, options.texts)
    log = options.scratch / "log"
    log.write_text("")
    cache = str(options.scratch / "cache.sqlite") if "embedding" in options.search else None
    memory = str(options.scratch / "memory") if "memory" in options.search else None
    embedder = CountingEmbedder(options.model, log=str(log), embedding_cache=cache)
    head = LogisticRegression(max_iter=1000)
    pipeline = Pipeline([("embedder", embedder), ("head", head)], memory=memory)
    grid = {"head__C": np.logspace(-2, 2, 10)}
    searching = GridSearchCV(pipeline, grid, cv=5, n_jobs=options.jobs, error_score="raise")
    start = time.perf_counter()
    searching.fit(texts, labels)
    return {
        "seconds": time.perf_counter() - start,
        "n_encoded": sum(map(int, log.read_text().split())),
        "n_texts": len(texts),
        "score": searching.best_score_,
    }


def read(file: Path, n_texts: int) -> tuple[list[str], list[str]]:
    """Read texts and labels, spread over the file, as it may be sorted by label."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))[1:]
    chosen = np.random.default_rng(0).permutation(len(rows))[:n_texts]
    return [rows[row][0] for row in chosen], [rows[row][1] for row in chosen]


if __name__ == "__main__":
    main()
