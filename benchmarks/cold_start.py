"""Time fresh processes: to import, to load a model, to the first embedding."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engines import FUSED_ONNX_FILE
from benchmarks.results import table

if TYPE_CHECKING:
    from collections.abc import Sequence

SENTENCE = "Where is my parcel?"
OURS = "skdistilbert"

# To import, to load, to embed; {0!r} is the model's directory and {1!r} the sentence.
PROGRAMS = {
    OURS: (
        "from skdistilbert import WordPieceTokenizer, embed, load_model",
        "model = load_model({0!r})",
        "embed(model, WordPieceTokenizer.from_pretrained({0!r}), {1!r})",
    ),
    "skdistilbert, DistilBertEmbedder": (
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
        "import numpy as np, onnxruntime\nfrom tokenizers import Tokenizer",
        """
session = onnxruntime.InferenceSession({0!r} + "/" + {2!r}, providers=["CPUExecutionProvider"])
""",
        """
encoding = Tokenizer.from_file({0!r} + "/tokenizer.json").encode({1!r})
ids = {{"input_ids": encoding.ids, "attention_mask": encoding.attention_mask}}
types = {{"tensor(int32)": np.int32, "tensor(int64)": np.int64}}
session.run(None, {{x.name: np.array([ids[x.name]], types[x.type]) for x in session.get_inputs()}})
""",
    ),
}
GOALS = {"torch": 5, "ONNX Runtime": 1}
HEADER = ("engine", "process", "divided by ours", "import", "load", "divided by ours", "embed")


def cold_start(directory: Path, rounds: int) -> str:
    """Give a table of the steps, medians of processes that take turns."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
    for turn in range(rounds + 1):
        for name, program in PROGRAMS.items():
            steps = run_alone(timed(program, directory))
            if turn > 0:  # the first fills the caches of the disk
                seconds[name].append(steps)
    medians = {
        name: list(map(statistics.median, zip(*seconds[name], strict=True))) for name in seconds
    }
    whole_of_ours, _, load_of_ours, _ = medians[OURS]
    rows = []
    for name, (whole, imports, load, embed) in medians.items():
        goal = f" (goal {GOALS[name]})" if name in GOALS else ""
        rows.append([name, f"{whole:.2f} s", f"{whole / whole_of_ours:.2f}{goal}"])
        rows[-1] += [f"{imports:.2f} s", f"{load:.3f} s", f"{load / load_of_ours:.1f}"]
        rows[-1] += [f"{embed:.2f} s"]
    return table(HEADER, rows)


def timed(steps: Sequence[str], directory: Path) -> str:
    """Give a program that prints the seconds of each step."""
    lines = ["import time", "times = [time.perf_counter()]"]
    for step in steps:
        lines += [step.strip().format(str(directory), SENTENCE, FUSED_ONNX_FILE)]
        lines += ["times.append(time.perf_counter())"]
    lines += ["print(*(stop - start for start, stop in zip(times, times[1:])))"]
    return "\n".join(lines)


def run_alone(code: str) -> list[float]:
    """Seconds of a process as a whole, and those that it prints."""
    # Compiled modules are kept, as they are where a package is installed.
    environment = {key: os.environ[key] for key in os.environ if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code]
    start = time.perf_counter()
    run = subprocess.run(command, check=True, capture_output=True, env=environment)
    return [time.perf_counter() - start, *map(float, run.stdout.split())]


def imports(rounds: int) -> str:
    """Tell how long it takes to import ours where scikit-learn is imported already."""
    of_models, *_ = PROGRAMS[OURS]
    steps = "import sklearn", "import skdistilbert", of_models, "skdistilbert.DistilBertEmbedder"
    runs = [run_alone(timed(steps, Path()))[2:] for _ in range(rounds)]
    ours, models, estimators = (1000 * statistics.median(step) for step in zip(*runs, strict=True))
    return (
        f"After `import sklearn`, `import skdistilbert` takes {ours:.1f} ms (goal 50). What it "
        f"names comes when it is first asked for: a tokenizer, `load_model` and `embed` take "
        f"{models:.0f} ms, and after them the estimators {estimators:.0f} ms more."
    )
