"""Measure start-up and memory: fresh processes to the first embedding, imports, peak memory.

    python -m benchmarks.cold_start [--rounds 7] [--engines NAME ...] [--n-memory N ...] [--save]

A cold start is a fresh ``python -c`` that imports, loads a DistilBERT with 66 million parameters
and embeds one sentence. The engines alternate, and medians are compared. Imports are timed in a
process that has imported scikit-learn. Peak memory is that of `DistilBertEmbedder.transform` on
texts of 8 words, with one layer of the 66M model, without weights, texts and result. The script
reads /proc and runs on Linux only. The peers need the extra ``benchmark``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.checkpoints import SIZES, write_checkpoint
from benchmarks.engines import FUSED_ONNX_FILE, PeakMemory, export_onnx
from benchmarks.measuring import ROOT, EngineProcess
from benchmarks.results import Results, add_save_option, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SENTENCE = "Where is my parcel?"
# Statements that import, load and embed; {0!r} is the directory and {1!r} the sentence.
PROGRAMS = {
    "functions": (
        "from skdistilbert import WordPieceTokenizer, embed, load_model",
        "model = load_model({0!r})",
        "embed(model, WordPieceTokenizer.from_pretrained({0!r}), {1!r})",
    ),
    "estimator": (
        "from skdistilbert import DistilBertEmbedder",
        "embedder = DistilBertEmbedder({0!r}).fit([{1!r}])",
        "embedder.transform([{1!r}])",
    ),
    "torch": (
        "import torch\nfrom transformers import BertTokenizer, DistilBertModel",
        "model = DistilBertModel.from_pretrained({0!r})",
        """
tokenizer = BertTokenizer.from_pretrained({0!r})
with torch.inference_mode():
    model(**tokenizer({1!r}, return_tensors="pt"))
""",
    ),
    "ONNX Runtime": (
        "import numpy as np, onnxruntime\nfrom tokenizers import BertWordPieceTokenizer",
        """
session = onnxruntime.InferenceSession({0!r} + "/" + {2!r}, providers=["CPUExecutionProvider"])
""",
        """
encoding = BertWordPieceTokenizer({0!r} + "/vocab.txt").encode({1!r})
ids = {{"input_ids": encoding.ids, "attention_mask": encoding.attention_mask}}
types = {{"tensor(int32)": np.int32, "tensor(int64)": np.int64}}
session.run(None, {{x.name: np.array([ids[x.name]], types[x.type]) for x in session.get_inputs()}})
""",
    ),
}
OURS = "functions"
PRINT_STEPS = """
print(*(stop - start for start, stop in zip(times, times[1:])))
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--engines", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--n-memory", type=int, nargs="*", default=[10_000, 100_000])
    add_save_option(parser)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        checkpoint, one_layer = Path(name) / "checkpoint", Path(name) / "one_layer"
        write_checkpoint(checkpoint, **SIZES[options.size])
        write_checkpoint(one_layer, **SIZES[options.size] | {"n_layers": 1})
        if "ONNX Runtime" in options.engines:
            export_onnx(checkpoint)
        programs = {name: Program(PROGRAMS[name], str(checkpoint)) for name in options.engines}
        results = cold_starts(programs, options.rounds)
        results |= imports(options.rounds)
        results |= memory(str(one_layer), options.n_memory)
    for row, columns in results.items():
        print(row, columns)
    save(options.save, "cold_start", results, 2)


class Run(NamedTuple):
    """One process: seconds as a whole and of each step, and peak memory in bytes."""

    seconds: float
    steps: list[float]
    peak: float


class Program(NamedTuple):
    """Statements with the placeholders of `PROGRAMS`, to run in a process of their own."""

    steps: Sequence[str]
    directory: str
    python: str = sys.executable
    checkout: Path | None = ROOT  # None: the installed package

    def run(self) -> Run:
        # Keep compiled modules, as an installed package does.
        environment = {key: os.environ[key] for key in os.environ if not key.startswith("PYTHON")}
        environment |= {"PYTHONSAFEPATH": "1", "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = str(self.checkout or "")
        command = [self.python, "-c", self.code()]
        start = time.perf_counter()
        process = subprocess.run(
            command, check=True, capture_output=True, env=environment, text=True
        )
        seconds = time.perf_counter() - start
        steps, peak = process.stdout.splitlines()[-2:]
        return Run(seconds, [float(step) for step in steps.split()], 1024 * float(peak))

    def code(self) -> str:
        """Return a program that prints the seconds of each step, and its peak memory in kB."""
        lines = ["import time", "times = [time.perf_counter()]"]
        for step in self.steps:
            lines += [step.strip().format(self.directory, SENTENCE, FUSED_ONNX_FILE)]
            lines += ["times.append(time.perf_counter())"]
        return "\n".join(lines) + PRINT_STEPS


def alternate_programs(programs: Mapping[str, Program], rounds: int) -> dict[str, list[Run]]:
    """Return the runs of each program in each round."""
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, program in programs.items():
            run = program.run()
            if turn > 0:  # the first run compiles the modules and fills the page cache
                runs[name].append(run)
    return runs


def cold_starts(programs: Mapping[str, Program], rounds: int) -> Results:
    """Return the median seconds of each engine, as a whole and by step."""
    rows: Results = {}
    for name, of_engine in alternate_programs(programs, rounds).items():
        steps = map(statistics.median, zip(*(run.steps for run in of_engine), strict=True))
        seconds = statistics.median(run.seconds for run in of_engine)
        columns = dict(zip(("import, s", "load, s", "embed, s"), steps, strict=True))
        rows[f"cold start, {name}"] = {"process, s": seconds, **columns}
    if OURS in programs:
        ours = float(rows[f"cold start, {OURS}"]["process, s"])
        for row in rows.values():
            row["process / functions"] = float(row["process, s"]) / ours
    return rows


def imports(rounds: int) -> Results:
    """Return the seconds to import ours after scikit-learn: functions, then estimators."""
    functions, *_ = PROGRAMS[OURS]
    program = Program(("import sklearn", functions, "from skdistilbert import *"), "")
    runs = [program.run().steps[1:] for _ in range(rounds)]
    names = ("import of the functions", "import of the estimators")
    steps = map(statistics.median, zip(*runs, strict=True))
    return {name: {"import, s": step} for name, step in zip(names, steps, strict=True)}


def memory(directory: str, n_texts: Sequence[int]) -> Results:
    rows: Results = {}
    for n in n_texts:
        with EngineProcess(partial(PeakMemory, directory), n_threads=2) as process:
            rows[f"memory, {n:,} texts of 8 words"] = {"peak, MB": process.seconds(n) / 1e6}
    return rows


if __name__ == "__main__":
    main()
