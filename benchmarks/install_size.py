"""Measure install size and cold start of skdistilbert and its peers in fresh environments.

    python -m benchmarks.install_size [--rounds 7] [--save]

The size is the growth of a new virtual environment by `pip install`. A cold start is the time from
the start of a process to the embedding of one sentence. All packages except model2vec load the
bundled model: sentence-transformers from its directory, fastembed as an ONNX file that this script
exports. model2vec has no transformer and loads random vectors of 256 dimensions for the same
vocabulary. The processes alternate, and medians are compared. sentence-transformers uses the CPU
build of torch; if pip does not find it by default, set the environment variable
PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu. The script reads /proc and runs on Linux
only. It needs the extra ``benchmark``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.cold_start import Program, alternate_programs
from benchmarks.engines import export_onnx
from benchmarks.measuring import ROOT
from benchmarks.results import Results, add_save_option, save
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "skdistilbert"
VECTORS_DIM = 256


class Package(NamedTuple):
    """What to install, and a program that embeds one sentence with the model in {0!r}."""

    requirements: tuple[str, ...]
    program: str


PACKAGES = {
    OURS: Package(
        (str(ROOT),),
        """
from skdistilbert import embed

embed("mini", "Where is my parcel?")
""",
    ),
    "skdistilbert, DistilBertEmbedder": Package(
        (),  # uses the environment of skdistilbert
        """
from skdistilbert import DistilBertEmbedder
DistilBertEmbedder().fit_transform(["Where is my parcel?"])
""",
    ),
    "model2vec": Package(
        ("model2vec",),
        """
from model2vec import StaticModel
StaticModel.from_pretrained({0!r} + "/vectors").encode("Where is my parcel?")
""",
    ),
    "fastembed": Package(
        ("fastembed",),
        """
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
TextEmbedding.add_custom_model(
    "local/mini", PoolingType.MEAN, True, ModelSource(hf="local/mini"), 192, "model.onnx"
)
model = TextEmbedding("local/mini", specific_model_path={0!r} + "/onnx")
list(model.embed(["Where is my parcel?"]))
""",
    ),
    "sentence-transformers": Package(
        ("torch==2.13.0", "sentence-transformers"),
        """
from sentence_transformers import SentenceTransformer
SentenceTransformer({0!r} + "/mini", device="cpu").encode("Where is my parcel?")
""",
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    add_save_option(parser)
    options = parser.parse_args(arguments)
    results: Results = {}
    programs: dict[str, Program] = {}
    with tempfile.TemporaryDirectory() as name:
        write_models(Path(name))
        for package, (requirements, code) in PACKAGES.items():
            environment = Path(name) / "environments" / package.split(",")[0]
            results[package] = install(requirements, environment) if requirements else {}
            print(package, results[package], flush=True)
            python = str(environment / "bin" / "python")
            programs[package] = Program([code], name, python, checkout=None)
        for package, runs in alternate_programs(programs, options.rounds).items():
            seconds = statistics.median(run.seconds for run in runs)
            results[package] |= {"process, s": seconds}
    ours = results[OURS]
    for package, columns in results.items():
        for column, ratio in (("size, MB", "size ratio"), ("process, s", "process ratio")):
            if column in columns:
                columns[ratio] = float(columns[column]) / float(ours[column])
        print(package, columns)
    save(options.save, "install_size", results, os.cpu_count() or 1)


def write_models(directory: Path) -> None:
    """Write the bundled model in the form of each package, without any download."""
    from transformers import AutoTokenizer

    mini, onnx, vectors = (directory / name for name in ("mini", "onnx", "vectors"))
    shutil.copytree(ROOT / "skdistilbert" / "mini_model", mini)
    tokenizer = AutoTokenizer.from_pretrained(mini)
    for target in (onnx, vectors):
        tokenizer.save_pretrained(target)
        shutil.copy(mini / "config.json", target)
    write_onnx(mini, onnx)
    write_vectors(vectors)


def write_onnx(mini: Path, directory: Path) -> None:
    export_onnx(mini)
    shutil.move(mini / "model.onnx", directory)
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (directory / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")


def write_vectors(directory: Path) -> None:
    from safetensors.numpy import save_file

    n_tokens = len(WordPieceTokenizer.from_pretrained("mini").vocab)
    embeddings = np.random.default_rng(0).normal(size=(n_tokens, VECTORS_DIM))
    save_file({"embeddings": embeddings.astype(np.float32)}, directory / "model.safetensors")
    (directory / "config.json").write_text(json.dumps({"normalize": True}), "utf-8")


def install(requirements: Sequence[str], environment: Path) -> dict[str, float | str]:
    """Install packages in a new environment; return its growth and their versions."""
    python = str(environment / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    empty = size_on_disk(environment)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
    size = (size_on_disk(environment) - empty) / 1e6
    show = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    names = [OURS if name == str(ROOT) else name.split("==")[0] for name in requirements]
    shown = subprocess.run([python, "-c", show, *names], check=True, capture_output=True)
    return {"size, MB": size, "versions": shown.stdout.decode().strip()}


def size_on_disk(directory: Path) -> int:
    files = [file for file in directory.rglob("*") if not file.is_symlink()]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
