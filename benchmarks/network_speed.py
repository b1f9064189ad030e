"""Compare the speed of the network with torch, ONNX Runtime and sentence-transformers.

    python -m benchmarks.network_speed [--texts FILE] [--n-texts 1000] [--threads 2] [--only NAME]

Every engine runs in a process of its own, on the same token ids and number of threads, and they
take turns; medians are compared. ONNX Runtime gets the fused graph of its own optimiser. A ratio
is the peer's time divided by ours: above 1 we are faster. Needs the extra ``benchmark``; the texts
are lines of a file, or paragraphs of the READMEs of the installed packages.

The table goes to RESULTS.md and a chart beside it, unless --only is given.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from functools import partial
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
from benchmarks.results import RESULTS, machine, table, write_section
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.measuring import Engine, Measurement

OURS = "skdistilbert"
PEERS: dict[str, Callable[[str], Engine]] = {
    "torch": Torch,
    "ONNX Runtime": OnnxRuntime,
    "sentence-transformers": SentenceTransformers,
}
FUSED = ("Attention", "SkipLayerNormalization", "BiasGelu", "EmbedLayerNormalization")
PACKAGES = ("numpy", "torch", "transformers", "onnxruntime", "sentence-transformers")


def main() -> None:
    options = parse_arguments()
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        for case, checkpoint in cases(options, Path(directory)):
            results[case] = measure(case, checkpoint, options.threads, options.rounds)
            print(" | ".join(row(case, results[case])), flush=True)
    if not options.only:
        title = f"Speed of the network, {options.threads} threads"
        chart = RESULTS.with_name(f"network_speed_{options.threads}.png")
        draw(results, chart, title)
        write_section(title, report(results, options, chart.name))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--n-texts", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="of short cases; of long ones 3")
    parser.add_argument("--only", help="an expression: the cases it finds, with no report")
    return parser.parse_args()


def cases(options: argparse.Namespace, directory: Path) -> Iterator[tuple[Case, Path]]:
    """Give the cases that are wanted, each with the checkpoint it runs on."""
    texts = read_texts(options.texts, options.n_texts)
    vocab = find_minilm() / "vocab.txt"
    tokenizer = WordPieceTokenizer(vocab)
    input_ids = [tokenizer.encode(text, max_length=512, truncation=True) for text in texts]
    checkpoints: dict[str, Path] = {}
    for case in [*fixed_cases(), *corpus_cases(input_ids), text_case(texts)]:
        if not re.search(options.only or "", f"{case.size}, {case.name}"):
            continue
        if case.size not in checkpoints:
            checkpoints[case.size] = prepare(case.size, directory / case.size, vocab)
        yield case, checkpoints[case.size]


def prepare(size: str, directory: Path, vocab: Path) -> Path:
    """Write the checkpoint and the fused graph, and see that it is fused."""
    write_checkpoint(directory, vocab, **SIZES[size])
    operators = export_onnx(directory)
    print(f"{size}, fused by ONNX Runtime: { ({name: operators[name] for name in FUSED}) }")
    if not all(operators[name] for name in FUSED):
        raise RuntimeError(f"ONNX Runtime has not fused the graph: {operators}")
    return directory


def measure(case: Case, checkpoint: Path, n_threads: int, rounds: int) -> dict[str, Measurement]:
    makers = {OURS: partial(Ours, str(checkpoint))}
    works = {OURS: case.ours}
    for name in case.peers:
        makers[name] = partial(PEERS[name], str(checkpoint))
        works[name] = case.theirs
    with engine_processes(makers, n_threads) as engines:
        return alternate(engines, works, min(rounds, 3) if case.is_long else rounds)


def row(case: Case, measured: dict[str, Measurement]) -> list[str]:
    """Seconds and ratios of one case, with the goals."""
    ours = measured[OURS]
    cells = [f"{case.size}, {case.name}", f"{1000 * ours.median:.3g} ms (±{ours.spread / 2:.0%})"]
    for name in PEERS:
        if name not in measured:
            cells.append("")
            continue
        ratio = measured[name].median / ours.median
        goal = case.goals.get(name)
        cells.append(f"{ratio:.2f}" + (f" (goal {goal:g})" if goal else ""))
    return cells


def report(
    results: dict[Case, dict[str, Measurement]], options: argparse.Namespace, chart: str
) -> str:
    header = ["case", "skdistilbert", *(f"{name} / ours" for name in PEERS)]
    rows = [row(case, measured) for case, measured in results.items()]
    command = f"python -m benchmarks.network_speed --threads {options.threads}"
    return "\n\n".join(
        (
            f"`{command}`: time of the peer divided by ours, medians of alternated rounds.",
            machine(PACKAGES, options.threads),
            table(header, rows),
            f"![Time of the peers divided by ours]({chart})",
        )
    )


def draw(results: dict[Case, dict[str, Measurement]], path: Path, title: str) -> None:
    """Bars of the ratios, a group a case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.36 * len(results) + 1.5), layout="constrained")
    labels = [f"{case.size}, {case.name}" for case in results]
    peers: Sequence[str] = [name for name in PEERS if name != "sentence-transformers"]
    for shift, name in zip((-0.2, 0.2), peers, strict=True):
        ratios = [
            measured[name].median / measured[OURS].median if name in measured else 0
            for measured in results.values()
        ]
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
