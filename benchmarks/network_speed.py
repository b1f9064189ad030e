"""Compare the speed of the network with torch, ONNX Runtime and sentence-transformers.

    python -m benchmarks.network_speed [--texts FILE] [--n-texts 1000] [--threads 2] [--only NAME]
        [--python INTERPRETER]

Every engine runs in a process of its own, on the same token ids and number of threads, and they
take turns; medians are compared. ONNX Runtime gets the fused graph of its own optimiser. A ratio
is the peer's time divided by ours: above 1 we are faster. Needs the extra ``benchmark``; the texts
are lines of a file, or paragraphs of the READMEs of the installed packages.

With --python ours alone runs under another interpreter, such as a free-threaded one, which has
skdistilbert installed.

The table goes to RESULTS.md and a chart beside it, unless --only is given.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cases import SIZES, Case, corpus_cases, fixed_cases, text_case
from benchmarks.corpora import read_texts
from benchmarks.engines import (
    OnnxRuntime,
    Ours,
    SentenceTransformers,
    Torch,
    export_onnx,
    write_checkpoint,
)
from benchmarks.fine_tuning_tasks import find_minilm
from benchmarks.measuring import alternate, engine_processes
from benchmarks.results import RESULTS, machine, processor_kind, table, write_section
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.cases import Size
    from benchmarks.measuring import Engine, EngineProcess, Measurement

OURS = "skdistilbert"
PEERS: dict[str, Callable[[str], Engine]] = {
    "torch": Torch,
    "ONNX Runtime": OnnxRuntime,
    "sentence-transformers": SentenceTransformers,
}
FUSED = ("Attention", "SkipLayerNormalization", "BiasGelu", "EmbedLayerNormalization")
PACKAGES = ("numpy", "torch", "transformers", "onnxruntime", "sentence-transformers")
DESCRIBE_PYTHON = """
import platform, sys, numpy
print(f"Python {platform.python_version()}{sys.abiflags}, numpy {numpy.__version__}")
"""


def main() -> None:
    options = parse_arguments()
    results = {}
    pythons = {OURS: options.python} if options.python else {}
    with tempfile.TemporaryDirectory() as directory:
        for (size, peers), group in groupby(cases(options), key=attrgetter("size", "peers")):
            checkpoint = prepare(size, Path(directory) / size)
            of_size = makers(checkpoint, peers)
            with engine_processes(of_size, options.threads, pythons) as engines:
                for case in group:
                    results[case] = measure(case, engines, options.rounds)
                    print(" | ".join(row(case, results[case], options.threads)), flush=True)
    if not options.only:
        title = f"Speed of the network, {options.threads} thread" + "s" * (options.threads > 1)
        name = f"network_speed_{options.threads}_{processor_kind()}"
        if options.python:
            python = described(options.python).partition(",")[0]
            title, name = f"{title}, {python}", f"{name} {python}"
        chart = RESULTS.with_name(f"{name.replace(' ', '_').lower()}.png")
        draw(results, chart, title)
        write_section(title, report(results, options, chart.name))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--n-texts", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of long cases half as many")
    parser.add_argument("--python", help="the interpreter for ours, default: this one")
    parser.add_argument("--only", help="an expression: the cases it finds, with no report")
    return parser.parse_args()


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Give the cases that are wanted, those of one size together."""
    texts = read_texts(options.texts, options.n_texts)
    for case in [*fixed_cases(), *corpus_cases(ids_of(texts)), text_case(texts)]:
        if re.search(options.only or "", f"{case.size}, {case.name}"):
            yield case


def ids_of(texts: Sequence[str]) -> list[list[int]]:
    tokenizer = WordPieceTokenizer(find_minilm() / "vocab.txt")
    return [tokenizer.encode(text, max_length=512, truncation=True) for text in texts]


def prepare(size: Size, directory: Path) -> Path:
    """Write the checkpoint and the fused graph, and see that it is fused."""
    if directory.exists():
        return directory
    write_checkpoint(directory, find_minilm() / "vocab.txt", **SIZES[size])
    operators = export_onnx(directory)
    print(f"{size}, fused by ONNX Runtime: { ({name: operators[name] for name in FUSED}) }")
    if not all(operators[name] for name in FUSED):
        raise RuntimeError(f"ONNX Runtime has not fused the graph: {operators}")
    return directory


def makers(checkpoint: Path, peers: Sequence[str]) -> dict[str, Callable[[], Engine]]:
    engines = {OURS: Ours} | {name: PEERS[name] for name in peers}
    return {name: partial(engine, str(checkpoint)) for name, engine in engines.items()}


def measure(case: Case, engines: dict[str, EngineProcess], rounds: int) -> dict[str, Measurement]:
    works = dict.fromkeys(engines, case.theirs) | {OURS: case.ours}
    if not case.is_long:
        return alternate(engines, works, rounds)
    beginnings = {name: work.beginning() for name, work in works.items()}
    return alternate(engines, works, max(1, rounds // 2), beginnings)


def row(case: Case, measured: dict[str, Measurement], n_threads: int) -> list[str]:
    """Seconds and ratios of one case, with the goals, which are for two threads."""
    ours = measured[OURS]
    cells = [f"{case.size}, {case.name}", f"{1000 * ours.median:.3g} ms (±{ours.spread / 2:.0%})"]
    for name in PEERS:
        if name not in measured:
            cells.append("")
            continue
        ratio = measured[name].median / ours.median
        goal = case.goals.get(name) if n_threads == 2 else None
        cells.append(f"{ratio:.2f}" + (f" (goal {goal:g})" if goal else ""))
    return cells


def report(
    results: dict[Case, dict[str, Measurement]], options: argparse.Namespace, chart: str
) -> str:
    header = ["case", "skdistilbert", *(f"{name} / ours" for name in PEERS)]
    rows = [row(case, measured, options.threads) for case, measured in results.items()]
    command = (
        f"python -m benchmarks.network_speed --threads {options.threads} "
        f"--n-texts {options.n_texts} --rounds {options.rounds}"
    )
    on = machine(PACKAGES, options.threads)
    if options.python:
        command += " --python PYTHON"
        on += f" {OURS}: {described(options.python)}."
    return "\n\n".join(
        (
            f"`{command}`: time of the peer divided by ours, medians of alternated rounds.",
            on,
            table(header, rows),
            f"![Time of the peers divided by ours]({chart})",
        )
    )


def described(python: str) -> str:
    """Give the version of an interpreter, `t` for one without a global lock, and of its NumPy."""
    command = [python, "-c", DESCRIBE_PYTHON]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def draw(results: dict[Case, dict[str, Measurement]], path: Path, title: str) -> None:
    """Bars of the ratios, a group a case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    peers: Sequence[str] = [name for name in PEERS if name != "sentence-transformers"]
    results = {case: measured for case, measured in results.items() if peers[0] in measured}
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(results) + 1.5), layout="constrained")
    labels = [f"{case.size}, {case.name}" for case in results]
    for shift, name in zip((-0.2, 0.2), peers, strict=True):
        ratios = [measured[name].median / measured[OURS].median for measured in results.values()]
        axes.barh([index + shift for index in range(len(ratios))], ratios, 0.38, label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("time of the peer / time of skdistilbert (above 1: skdistilbert is faster)")
    axes.set_title(title)
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
