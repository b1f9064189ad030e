"""Compare the speed and the peak memory of two checkouts of skdistilbert.

    python -m benchmarks.compare_checkouts OTHER [--rounds 15] [--only REGEX] [--threads 2]
        [--parts network step cold-start]

OTHER is the root directory of another checkout, such as a worktree of the previous commit. The
network cases of `network_speed`, one fine-tuning step of all 66 million parameters (16 texts of
128 tokens) and cold starts alternate between the two checkouts in one run. A ratio is the median
of the rounds' ratios, this checkout divided by the other: above 1 this checkout is slower. Peak
memory is that of a process that ran the cases, the steps, or one cold start.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.checkpoints import SIZES, write_checkpoint
from benchmarks.cold_start import PROGRAMS, Program, alternate_programs
from benchmarks.corpora import add_text_options
from benchmarks.engines import Ours
from benchmarks.fine_tuning_engines import OurSteps, StepBatch
from benchmarks.measuring import ROOT, alternate, engine_processes
from benchmarks.network_speed import cases, measure, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measuring import EngineProcess

THIS, OTHER = "this", "other"
PARTS = ("network", "step", "cold-start")
COLD_STARTS = {"functions": "cold start, embed", "estimator": "cold start, DistilBertEmbedder"}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    checkouts = {THIS: {"checkout": ROOT}, OTHER: {"checkout": options.other.resolve()}}
    print(f"{'':<40}{'this':>10}{'other':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as directory:
        checkpoint = str(Path(directory) / options.size)
        write_checkpoint(Path(checkpoint), **SIZES[options.size])
        if "network" in options.parts:
            compare_network(Path(directory), checkouts, options)
        if "step" in options.parts:
            compare_steps(checkpoint, checkouts, options)
        if "cold-start" in options.parts:
            compare_cold_starts(checkpoint, checkouts, options.rounds)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("other", type=Path)
    add_text_options(parser, 256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15, help="long cases have half as many")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--only", default="", help="regular expression that selects network cases")
    parser.add_argument("--size", choices=SIZES, default="base", help="of steps and cold starts")
    return parser


def makers(engine: type, directory: str) -> dict[str, partial[object]]:
    return dict.fromkeys((THIS, OTHER), partial(engine, directory))


def compare_network(
    directory: Path, checkouts: Mapping[str, Mapping[str, Path]], options: argparse.Namespace
) -> None:
    for size, group in groupby(cases(options), attrgetter("size")):
        prepare(directory / size, SIZES[size], with_onnx=False)
        engines_of_size = makers(Ours, str(directory / size))
        with engine_processes(engines_of_size, options.threads, checkouts) as engines:
            for case in group:
                show(str(case), measure(case, engines, {THIS, OTHER}, options.rounds))
            show_peaks(f"{size} network", engines)


def compare_steps(
    checkpoint: str, checkouts: Mapping[str, Mapping[str, Path]], options: argparse.Namespace
) -> None:
    with engine_processes(makers(OurSteps, checkpoint), options.threads, checkouts) as engines:
        works = dict.fromkeys(engines, StepBatch())
        show("fine-tuning step", alternate(engines, works, options.rounds))
        show_peaks("fine-tuning", engines)


def compare_cold_starts(
    directory: str, checkouts: Mapping[str, Mapping[str, Path]], rounds: int
) -> None:
    """Time fresh processes from their start to the first embedding."""
    for kind, name in COLD_STARTS.items():
        programs = {
            checkout: Program(PROGRAMS[kind], directory, **options)
            for checkout, options in checkouts.items()
        }
        runs = alternate_programs(programs, rounds)
        show(name, {checkout: [run.seconds for run in runs[checkout]] for checkout in runs})
        peaks = {checkout: [run.peak for run in runs[checkout]] for checkout in runs}
        show(f"{name}, peak memory, MB", peaks, scale=1e-6)


def show(name: str, rounds: Mapping[str, Sequence[float]], scale: float = 1000) -> None:
    """Print both medians, and the median of the ratios of the rounds."""
    this, other = rounds[THIS], rounds[OTHER]
    ratio = statistics.median(x / y for x, y in zip(this, other, strict=True))
    unit = "" if re.search("MB$", name) else ", ms"
    medians = (scale * statistics.median(x) for x in (this, other))
    print(f"{name + unit:<40}" + "".join(f"{x:>10.4g}" for x in medians) + f"{ratio:>8.3f}")


def show_peaks(name: str, engines: Mapping[str, EngineProcess]) -> None:
    peaks = {checkout: [float(engine.peak or "nan")] for checkout, engine in engines.items()}
    show(f"{name}, peak memory, MB", peaks, scale=1e-6)


if __name__ == "__main__":
    main()
