"""Measure install size and cold start of skdistilbert and its peers in fresh environments.

    python -m benchmarks.install_size [--rounds 7] [--packages NAME ...] [--save]

The size is the growth of a new virtual environment by `pip install`. A cold start is the time from
the start of a process to the embedding of one sentence. All packages except model2vec load the
bundled model: sentence-transformers from its directory, fastembed as an ONNX file that this script
exports. model2vec has no transformer and loads random vectors of 256 dimensions for the same
vocabulary. The processes alternate, and medians are compared. With --environments, environments
are kept and reused, so that the cold start can be measured again at a quiet moment.
sentence-transformers uses the CPU build of torch; give --torch-index if pip does not find it by
default. The script itself needs the extra ``benchmark``.
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
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.engines import export_onnx
from benchmarks.measuring import ROOT
from benchmarks.results import Results, add_save_option, save
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "skdistilbert"
VECTORS_DIM = 256
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


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
    parser.add_argument("--packages", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--environments", type=Path, help="directory of the environments")
    parser.add_argument(
        "--torch-index", nargs="?", const=TORCH_INDEX, help="index of the CPU build of torch"
    )
    add_save_option(parser)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_models(directory, options.packages)
        results: Results = {}
        pythons: dict[str, str] = {}
        for package in options.packages:
            parent = (options.environments or directory / "environments").absolute()
            environment = parent / package.split(",")[0]
            pythons[package] = str(environment / "bin" / "python")
            results[package] = install(package, environment, options.torch_index)
            print(package, results[package], flush=True)
        for package, seconds in cold_starts(pythons, name, options.rounds).items():
            results[package] |= {"process, s": seconds}
    ours = results.get(OURS, {})
    for package, columns in results.items():
        for column, ratio in (("size, MB", "size ratio"), ("process, s", "process ratio")):
            if {column} <= columns.keys() & ours.keys():
                columns[ratio] = float(columns[column]) / float(ours[column])
        print(package, columns)
    save(options.save, "install_size", results, os.cpu_count() or 1)


def write_models(directory: Path, packages: Sequence[str]) -> None:
    """Write the bundled model in the form of each package, without any download."""
    mini, onnx, vectors = (directory / name for name in ("mini", "onnx", "vectors"))
    shutil.copytree(ROOT / "skdistilbert" / "mini_model", mini)
    if not {"fastembed", "model2vec"} & set(packages):
        return
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(mini)
    for target in (onnx, vectors):
        tokenizer.save_pretrained(target)
        shutil.copy(mini / "config.json", target)
    if "fastembed" in packages:
        write_onnx(mini, onnx)
    if "model2vec" in packages:
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


def install(package: str, environment: Path, torch_index: str | None) -> dict[str, float | str]:
    """Install a package, unless it is installed; return its size and its versions."""
    python = str(environment / "bin" / "python")
    requirements = PACKAGES[package].requirements
    if not requirements:
        return {}
    measured = environment / "install_size.json"
    if measured.exists():
        found: dict[str, float | str] = json.loads(measured.read_text("utf-8"))
        return found
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    empty = size_on_disk(environment)
    for requirement in requirements:
        is_torch = torch_index is not None and requirement.startswith("torch=")
        index = ["--index-url", str(torch_index)] if is_torch else []
        pip = [python, "-m", "pip", "install", "--quiet", *index, requirement]
        subprocess.run(pip, check=True)
    show = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    names = [Path(x).name.split("==")[0] if x != str(ROOT) else OURS for x in requirements]
    shown = subprocess.run([python, "-c", show, *names], check=True, capture_output=True)
    size = (size_on_disk(environment) - empty) / 1e6
    found = {"size, MB": size, "versions": shown.stdout.decode().strip()}
    measured.write_text(json.dumps(found), "utf-8")
    return found


def size_on_disk(directory: Path) -> int:
    files = [file for file in directory.rglob("*") if not file.is_symlink()]
    return sum(file.stat().st_size for file in files if file.is_file())


def cold_starts(pythons: dict[str, str], directory: str, rounds: int) -> dict[str, float]:
    """Return the median seconds of a process of each package."""
    environment = {key: os.environ[key] for key in os.environ if not key.startswith("PYTHON")}
    environment["HF_HUB_OFFLINE"] = "1"
    seconds: dict[str, list[float]] = {package: [] for package in pythons}
    for turn in range(rounds + 1):
        for package, python in pythons.items():
            command = [python, "-c", PACKAGES[package].program.format(directory)]
            start = time.perf_counter()
            subprocess.run(
                command, check=True, capture_output=True, env=environment, cwd=directory
            )
            if turn > 0:  # the first run fills the page cache
                seconds[package].append(time.perf_counter() - start)
    return {package: statistics.median(rounds) for package, rounds in seconds.items()}


if __name__ == "__main__":
    main()
