"""Measure what a whole process costs: start, loading, memory; and how time grows with the text.

    python -m benchmarks.whole_process [--texts FILE] [--rounds 7] [--n-memory 10000 100000]

Cold start is a fresh ``python -c`` that imports, loads a 66M model and embeds a sentence; engines
take turns. Memory is that of a process that embeds many texts, sampled every few milliseconds
(Linux only), with one layer of the 66M model: each layer needs the same. The share of the matrix
products is the time of these alone, in the shapes and on the one thread of a forward pass, divided
by that of the whole pass. Needs the extra ``benchmark``; the section goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.cases import SIZES
from benchmarks.corpora import read_texts
from benchmarks.engines import FUSED_ONNX_FILE, export_onnx, write_checkpoint
from benchmarks.fine_tuning_tasks import find_minilm
from benchmarks.measuring import EngineProcess
from benchmarks.results import machine, table, write_section
from skdistilbert import DistilBertEmbedder, WordPieceTokenizer, embed, load_model

if TYPE_CHECKING:
    from collections.abc import Sequence

SENTENCE = "Where is my parcel?"
COLD_STARTS = {
    "skdistilbert": """
from skdistilbert import WordPieceTokenizer, embed, load_model
embed(load_model({0!r}), WordPieceTokenizer.from_pretrained({0!r}), {1!r})
""",
    "skdistilbert, DistilBertEmbedder": """
from skdistilbert import DistilBertEmbedder
DistilBertEmbedder({0!r}).fit_transform([{1!r}])
""",
    "torch": """
import torch
from transformers import AutoModel, AutoTokenizer
model, tokenizer = AutoModel.from_pretrained({0!r}), AutoTokenizer.from_pretrained({0!r})
with torch.inference_mode():
    model(**tokenizer({1!r}, return_tensors="pt"))
""",
    "ONNX Runtime": """
import numpy as np, onnxruntime
from tokenizers import Tokenizer
session = onnxruntime.InferenceSession({0!r} + "/" + {2!r}, providers=["CPUExecutionProvider"])
encoding = Tokenizer.from_file({0!r} + "/tokenizer.json").encode({1!r})
ids = {{"input_ids": encoding.ids, "attention_mask": encoding.attention_mask}}
types = {{"tensor(int32)": np.int32, "tensor(int64)": np.int64}}
session.run(None, {{x.name: np.array([ids[x.name]], types[x.type]) for x in session.get_inputs()}})
""",
}
PACKAGES = ("numpy", "scikit-learn", "torch", "transformers", "onnxruntime", "tokenizers")


def main() -> None:
    options = parse_arguments()
    vocab = find_minilm() / "vocab.txt"
    with tempfile.TemporaryDirectory() as directory:
        base, one_layer = Path(directory) / "base", Path(directory) / "one_layer"
        write_checkpoint(base, vocab, **SIZES["base"])
        write_checkpoint(one_layer, vocab, n_layers=1)
        export_onnx(base)
        sections = [
            cold_start(base, options.rounds),
            memory(one_layer, options),
            share_of_products(base, options.rounds),
            growth(base, read_texts(options.texts, 1000)),
        ]
    write_section("Whole processes", "\n\n".join([__doc__.split("\n\n")[2], *sections]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--n-memory", type=int, nargs="+", default=[10_000, 100_000])
    return parser.parse_args()


def cold_start(base: Path, rounds: int) -> str:
    seconds: dict[str, list[float]] = {name: [] for name in COLD_STARTS}
    for turn in range(rounds + 1):
        for name, code in COLD_STARTS.items():
            elapsed = run_alone(code.format(str(base), SENTENCE, FUSED_ONNX_FILE))
            if turn > 0:  # the first fills the caches of the disk
                seconds[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ours = medians["skdistilbert"]
    rows = [[name, f"{median:.2f} s", f"{median / ours:.2f}"] for name, median in medians.items()]
    return shown(
        f"{machine(PACKAGES, 2)}\n\nCold start to the first embedding, medians of {rounds}:",
        table(["engine", "seconds", "divided by ours"], rows),
    )


def run_alone(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - start


def memory(one_layer: Path, options: argparse.Namespace) -> str:
    texts = read_texts(options.texts, 2000)
    rows = []
    for n_texts in options.n_memory:
        with EngineProcess(partial(PeakMemory, str(one_layer)), n_threads=2) as process:
            megabytes = process.seconds((texts, n_texts))
        rows.append([f"{n_texts:,}", f"{megabytes:.0f} MB"])
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
    with EngineProcess(partial(ForwardPass, str(base)), n_threads=1) as process:
        works = ("whole", "products")
        for work in works:
            process.seconds(work)
        seconds = {
            work: statistics.median(process.seconds(work) for _ in range(rounds)) for work in works
        }
    share = seconds["products"] / seconds["whole"]
    return shown(
        "Share of the matrix products in a forward pass, base, 8 x 128 tokens, one thread: "
        f"{seconds['products']:.3f} of {seconds['whole']:.3f} s, **{share:.2f}**."
    )


class ForwardPass:
    """The forward pass on 8 x 128 tokens, or its matrix products alone."""

    def __init__(self, directory: str) -> None:
        self.model = load_model(directory)
        self.ids = np.random.default_rng(0).integers(1000, 30000, (8, 128))
        config = self.model.config
        heads = (8, config.n_heads, config.dim // config.n_heads, 128)
        self.queries = np.ones(heads, np.float32)
        self.scores = np.ones((8, config.n_heads, 128, 128), np.float32)
        self.narrow = np.ones((config.dim, 8 * 128), np.float32)
        self.wide = np.ones((config.hidden_dim, 8 * 128), np.float32)

    def run(self, work: str) -> None:
        if work == "whole":
            self.model(self.ids)
            return
        for layer in self.model.encoder.layers:
            for linear in (layer.qkv_lin, layer.out_lin, layer.lin1):
                linear.weight @ self.narrow
            layer.lin2.weight @ self.wide
            for text in range(8):
                np.matmul(
                    self.queries[text].swapaxes(-1, -2), self.queries[text], out=self.scores[text]
                )
                self.queries[text] @ self.scores[text]


def growth(base: Path, texts: Sequence[str]) -> str:
    """Time of the first 125, 250, 500 and 1000 texts, a token."""
    tokenizer = WordPieceTokenizer.from_pretrained(base)
    n_tokens = [len(tokenizer.encode(text, max_length=512, truncation=True)) for text in texts]
    rows = []
    with EngineProcess(partial(Embedding, str(base)), n_threads=2) as process:
        process.seconds(texts[:100])
        for n_texts in (125, 250, 500, 1000):
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


def shown(*parts: str) -> str:
    text = "\n\n".join(parts)
    print(text, end="\n\n", flush=True)
    return text


if __name__ == "__main__":
    main()
