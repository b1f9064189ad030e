"""Measure what `embedding_cache` saves in a grid search, compared with `Pipeline(memory=)`.

    python -m benchmarks.grid_search_cache [--model DIRECTORY_OR_NAME] [--data FILE.csv]
                                           [--n-texts 500] [--jobs 1] [--rounds 3] [--save]

`GridSearchCV` with 5 folds and 10 values of C fits a logistic regression on features of the model
(default: the bundled one). Texts and labels are the first two columns of a CSV file with a header
(default: examples/support_requests.csv). Each search runs in a new process, and the ways
alternate. Besides the seconds of the search, without imports, the script prints how many encodings
of the corpus they amount to: (seconds - seconds of the heads) / seconds of one encoding.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engines import GridSearch
from benchmarks.measuring import EngineProcess, medians
from benchmarks.results import Results, add_save_option, save

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUESTS = Path(__file__).parents[1] / "examples" / "support_requests.csv"
ENCODING, HEADS = "one encoding", "heads only"
SEARCHES = ("no cache", "Pipeline(memory=)", "embedding_cache", "embedding_cache, again")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
    parser.add_argument("--data", type=Path, default=REQUESTS, help="CSV file: text, label")
    parser.add_argument("--n-texts", type=int, default=500, help="maximum number of texts")
    parser.add_argument("--jobs", type=int, default=1, help="n_jobs of the search")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--candidates", type=int, default=10, help="number of values of C")
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=SEARCHES)
    add_save_option(parser)
    options = parser.parse_args(arguments)
    texts, labels = read(options.data, options.n_texts)
    seconds: dict[str, list[float]] = {way: [] for way in (ENCODING, HEADS, *options.searches)}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            data = (texts, labels, options.model, scratch, options.jobs, options.candidates)
            for way, of_way in seconds.items():
                with EngineProcess(partial(GridSearch, *data), n_threads=2) as process:
                    of_way.append(process.seconds(way))
    results = rows(medians(seconds))
    print(f"{len(texts)} texts, n_jobs={options.jobs}")
    for name, columns in results.items():
        print(name, columns)
    save(options.save, f"grid_search_cache_{options.jobs}_jobs", results, 2)


def rows(seconds: dict[str, float]) -> Results:
    """Return the seconds of each way, and of searches the number of encodings."""
    results: Results = {way: {"s": value} for way, value in seconds.items()}
    for way in (search for search in SEARCHES if search in seconds):
        encodings = (seconds[way] - seconds[HEADS]) / seconds[ENCODING]
        results[way] |= {"encodings": encodings}
    return results


def read(file: Path, n_texts: int) -> tuple[list[str], list[str]]:
    """Read texts and labels in random order, as the file may be sorted by label."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))[1:]
    chosen = np.random.default_rng(0).permutation(len(rows))[:n_texts]
    return [rows[row][0] for row in chosen], [rows[row][1] for row in chosen]


if __name__ == "__main__":
    main()
