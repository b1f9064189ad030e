"""Measure what a whole process costs: start, loading, memory; and how time grows with the text.

    python -m benchmarks.whole_process [--texts FILE] [--rounds 7] [--n-memory 10000 100000]

Cold start is a fresh `python -c` that imports, loads a 66M model and embeds a sentence; engines
take turns. Weights that are mapped are read from the file when they are first used, so that a part
of loading falls into embedding. Memory is that of a process that embeds many texts, sampled every
few milliseconds (Linux only), with one layer of the 66M model: each layer needs the same. The
share of the matrix products is the time within them in a forward pass. The tokenizers give
lists of ids; ours works on one thread.

Run from the project's root, with the extra ``benchmark``; the section goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import tokenizer_engines
from benchmarks.cases import SIZES
from benchmarks.cold_start import SENTENCE, cold_start, imports
from benchmarks.corpora import read_texts
from benchmarks.engines import Ours, Padded, Work, export_onnx, write_checkpoint
from benchmarks.fine_tuning_tasks import find_minilm
from benchmarks.floors import Products, ProductsWithin, Shared
from benchmarks.measuring import EngineProcess, alternate, engine_processes
from benchmarks.results import machine, table, write_section
from skdistilbert import DistilBertEmbedder, WordPieceTokenizer, embed, load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measuring import Engine

SHORT = 8  # words, so that very many texts are embedded in minutes
PACKAGES = ("numpy", "scikit-learn", "torch", "transformers", "onnxruntime", "tokenizers")


def main() -> None:
    options = parse_arguments()
    vocab = find_minilm() / "vocab.txt"
    with tempfile.TemporaryDirectory() as directory:
        base, one_layer = Path(directory) / "base", Path(directory) / "one_layer"
        write_checkpoint(base, vocab, **SIZES["base"])
        write_checkpoint(one_layer, vocab, n_layers=1)
        export_onnx(base)
        texts = read_texts(options.texts, options.n_texts)
        sections = [
            shown(
                f"Cold start to the first embedding, medians of {options.rounds}:",
                cold_start(base, options.rounds),
                imports(options.rounds),
            ),
            memory(one_layer, options),
            share_of_products(base, options.rounds),
            growth(base, texts),
            tokenizer(base, texts, options.rounds),
        ]
    command = "python -m benchmarks.whole_process "
    command += f"--n-texts {options.n_texts} --rounds {options.rounds}"
    measured_on = machine(PACKAGES, 2)
    write_section(
        "Whole processes",
        "\n\n".join([f"`{command}`.", __doc__.split("\n\n")[2], measured_on, *sections]),
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--n-texts", type=int, default=1000, help="for growth and tokenizer")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--n-memory", type=int, nargs="*", default=[10_000], help="whole texts")
    parser.add_argument(
        "--n-short", type=int, nargs="*", default=[10_000, 100_000], help=f"of {SHORT} words"
    )
    return parser.parse_args()


def memory(one_layer: Path, options: argparse.Namespace) -> str:
    texts = read_texts(options.texts, 2000)
    short = [" ".join(text.split()[:SHORT]) for text in texts]
    works = [(f"{n_texts:,}", texts, n_texts) for n_texts in options.n_memory]
    works += [(f"{n_texts:,} of {SHORT} words", short, n_texts) for n_texts in options.n_short]
    rows = []
    for name, different, n_texts in works:
        with EngineProcess(partial(PeakMemory, str(one_layer)), n_threads=2) as process:
            megabytes = process.seconds((different, n_texts))
        rows.append([name, f"{megabytes:.0f} MB (goal 150)"])
    return shown(
        "Peak memory above the weights, the texts and the result:",
        table(["texts", "peak"], rows),
    )


class PeakMemory:
    """Embeds different texts, and gives the growth of the process in MB instead of seconds."""

    def __init__(self, directory: str) -> None:
        self.embedder = DistilBertEmbedder(directory)
        self.embedder.fit_transform([SENTENCE])

    def run(self, work: tuple[Sequence[str], int]) -> float:
        different, n_texts = work
        texts = [f"{index} {different[index % len(different)]}" for index in range(n_texts)]
        before, result = anonymous_megabytes(), np.zeros(0)
        peak, done = before, threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.005):
                peak = max(peak, anonymous_megabytes())

        watcher = threading.Thread(target=watch)
        watcher.start()
        result = self.embedder.transform(texts)
        done.set()
        watcher.join()
        return peak - before - result.nbytes / 1e6


def anonymous_megabytes() -> float:
    """Memory of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("RssAnon"))


def share_of_products(base: Path, rounds: int) -> str:
    """Time the forward pass on 8 x 128 tokens, the products within it, and these alone."""
    makers: dict[str, Callable[[], Engine]] = {
        "whole": partial(Ours, str(base)),
        "within": partial(ProductsWithin, str(base)),
        "alone": partial(Products, str(base), 1),
    }
    ids = np.random.default_rng(0).integers(1000, 30000, (8, 128))
    forward_pass = Work("states", [Padded(ids, np.ones_like(ids))])
    works = {"whole": forward_pass, "within": forward_pass, "alone": Shared(8, 128)}
    with engine_processes(makers, 1) as engines:
        measured = alternate(engines, works, rounds)
    whole, within, alone = (measurement.median for measurement in measured.values())
    return shown(
        "Share of the matrix products in a forward pass, base, 8 x 128 tokens, one thread: "
        f"{within:.3f} of {whole:.3f} s, **{within / whole:.3f}** (goal 0.90); with nothing "
        f"between them, they take {alone:.3f} s."
    )


def growth(base: Path, texts: Sequence[str]) -> str:
    """Time of an eighth, a quarter, a half and all of the texts, a token."""
    tokenizer = WordPieceTokenizer.from_pretrained(base)
    n_tokens = [len(tokenizer.encode(text, max_length=512, truncation=True)) for text in texts]
    rows = []
    with EngineProcess(partial(Embedding, str(base)), n_threads=2) as process:
        process.seconds(texts[:100])
        for n_texts in (len(texts) // share for share in (8, 4, 2, 1)):
            microseconds = process.seconds(texts[:n_texts]) * 1e6 / sum(n_tokens[:n_texts])
            rows.append([f"{n_texts:,}", f"{microseconds:.0f} us"])
    return shown("Time a token, 2 threads, base:", table(["texts", "time a token"], rows))


class Embedding:
    """Embeds texts."""

    def __init__(self, directory: str) -> None:
        self.model = load_model(directory)
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)

    def run(self, texts: Sequence[str]) -> None:
        embed(self.model, self.tokenizer, texts, "mean")


def tokenizer(base: Path, texts: Sequence[str], rounds: int) -> str:
    """Texts a second of the tokenizers, and the share of ours in embedding."""
    vocab = str(base / "vocab.txt")
    makers: dict[str, Callable[[], Engine]] = {
        "skdistilbert": partial(tokenizer_engines.Ours, vocab),
        "tokenizers, 2 threads": partial(tokenizer_engines.Rust, vocab, 2),
        "tokenizers, 1 thread": partial(tokenizer_engines.Rust, vocab, 1),
    }
    ids = tokenizer_engines.Work(texts, "ids")
    works = {
        "each word seen for the first time": replace(ids, first_sight=True),
        "the same texts again": ids,
        "again, a call a text": replace(ids, one_by_one=True),
    }
    rows, seconds = [], {}
    with engine_processes(makers, 2) as engines:
        for name, work in works.items():
            measured = alternate(engines, dict.fromkeys(engines, work), rounds)
            ours, *others = (measurement.median for measurement in measured.values())
            seconds[name] = ours
            cells = (f"{len(texts) / other:,.0f} ({other / ours:.1f})" for other in others)
            rows.append([name, f"{len(texts) / ours:,.0f}", *cells])
    with EngineProcess(partial(Embedding, str(base)), n_threads=2) as process:
        whole = process.seconds(texts)
    share = seconds["each word seen for the first time"] / whole
    return shown(
        f"Texts a second of the tokenizers, {len(texts):,} texts (time divided by ours):",
        table(["", *makers], rows),
        f"At first sight, the tokenizer takes {share:.2%} of the time to embed them (base).",
    )


def shown(*parts: str) -> str:
    text = "\n\n".join(parts)
    print(text, end="\n\n", flush=True)
    return text


if __name__ == "__main__":
    main()
