from __future__ import annotations

import errno
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skdistilbert import load_model
from skdistilbert.checkpoint import read_checkpoint, write_checkpoint
from skdistilbert.files import directory_swap
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    "distilbert-tiny",
    "distilbert-tiny-sequence-classification",
    "distilbert-tiny-token-classification",
    "distilbert-tiny-question-answering",
    "distilbert-tiny-masked-lm",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    original = read_checkpoint(DATA / name)
    extra = {"vocab.txt": b"a\nb\n"}
    directory = tmp_path / "new" / "model"
    write_checkpoint(directory, original.config, original.weights, original.head, extra)
    written = read_checkpoint(directory)
    assert written.head == original.head
    assert written.config == original.config
    assert set(written.weights) == set(original.weights)
    for tensor_name, tensor in original.weights.items():
        np.testing.assert_array_equal(written.weights[tensor_name], tensor)
    assert (directory / "vocab.txt").read_bytes() == b"a\nb\n"
    assert json.loads((directory / "config.json").read_text())["model_type"] == "distilbert"


def rounded(tensor: np.ndarray, dtype: str) -> np.ndarray:
    """Give a tensor in half precision; bfloat16, the upper half of float32, as uint16."""
    if dtype == "float16":
        return tensor.astype(np.float16)
    return (tensor.view(np.uint32) >> 16).astype(np.uint16)


def widened(half: np.ndarray) -> np.ndarray:
    if half.dtype == np.float16:
        return half.astype(np.float32)
    return (half.astype(np.uint32) << 16).view(np.float32)


def call_bfloat16(file: Path) -> None:
    """Change the type of a file's tensors, as NumPy has none of this name."""
    content = file.read_bytes()
    stop = 8 + int.from_bytes(content[:8], "little")
    header = content[8:stop].replace(b'"U16"', b'"BF16"')
    file.write_bytes(len(header).to_bytes(8, "little") + header + content[stop:])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_what_was_read_in_half_precision_is_written_without_loss(
    name: str, dtype: str, tmp_path: Path
) -> None:
    directory = shutil.copytree(DATA / name, tmp_path / "half")
    file = directory / "model.safetensors"
    halves = {name: rounded(tensor, dtype) for name, tensor in load_file(file).items()}
    save_file(halves, file, {"format": "pt"})
    if dtype == "bfloat16":
        call_bfloat16(file)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"dtype": dtype}))
    load_model(directory).save_pretrained(tmp_path / "full")
    written = load_file(tmp_path / "full" / "model.safetensors")
    assert set(written) == set(halves)
    for tensor_name, half in halves.items():
        assert written[tensor_name].dtype == np.float32
        np.testing.assert_array_equal(written[tensor_name], widened(half))
    # transformers computes in what this says, and in float32 where nothing does.
    assert "dtype" not in json.loads((tmp_path / "full" / "config.json").read_text())


def contents(directory: Path) -> dict[str, bytes]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return {str(file.relative_to(directory)): file.read_bytes() for file in files}


@pytest.mark.parametrize("step", ["_flush_to_disk", "_keep_others", "_exchange"])
def test_a_failure_leaves_the_old_files(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = read_checkpoint(DATA / "distilbert-tiny")
    directory = tmp_path / "model"
    write_checkpoint(directory, original.config, original.weights, None)
    before = contents(tmp_path)

    def fail(*_: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(directory_swap, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(directory, original.config, {}, None)
    assert contents(tmp_path) == before


def can_not_change_places(*_: Path) -> None:
    raise OSError(errno.EBUSY, "a mounted volume")


@pytest.mark.parametrize("way", ["one step", "two steps", "one by one", "a volume"])
def test_other_files_stay_and_those_that_would_be_read_instead_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "two steps":
        monkeypatch.setattr(directory_swap, "_exchange_in_one_step", lambda *_: False)
    if way == "one by one":
        monkeypatch.setattr(directory_swap, "_exchange", can_not_change_places)
    if way == "a volume":
        monkeypatch.setattr("os.path.ismount", lambda path: path.name == "model")
        monkeypatch.setattr(directory_swap, "_keep_others", can_not_change_places)
    directory = tmp_path / "model"
    (directory / "1_Pooling").mkdir(parents=True)
    for name in ("README.md", "1_Pooling/config.json"):
        (directory / name).write_text("mine")
    stale = ("tokenizer.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors")
    for name in (*stale, "vocab.txt", "config.json"):
        (directory / name).write_text("old")
    original = read_checkpoint(DATA / "distilbert-tiny")
    files = {"vocab.txt": b"[PAD]\n", "tokenizer.json": None}
    write_checkpoint(directory, original.config, original.weights, None, files)
    assert sorted(contents(tmp_path)) == [
        f"model/{name}"
        for name in (
            "1_Pooling/config.json",
            "README.md",
            "config.json",
            "model.safetensors",
            "vocab.txt",
        )
    ]
    assert (directory / "README.md").read_text() == "mine"
    assert (directory / "vocab.txt").read_text() == "[PAD]\n"
    assert read_checkpoint(directory).config == original.config


def test_the_working_directory_and_a_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = read_checkpoint(DATA / "distilbert-tiny")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        write_checkpoint(tmp_path / "file", original.config, original.weights, None)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(ValueError, match="holds the working directory"):
        write_checkpoint(tmp_path, original.config, original.weights, None)
    assert contents(tmp_path) == {"file": b"mine"}


SAVE_ALTERNATELY = """
import sys
from skdistilbert.checkpoint import read_checkpoint, write_checkpoint
first, second = map(read_checkpoint, sys.argv[2:])
print("ready", flush=True)
while True:
    for one in (first, second):
        vocab = {"vocab.txt": str(one.head).encode()}
        write_checkpoint(sys.argv[1], one.config, one.weights, one.head, vocab)
"""


@pytest.mark.skipif(
    not sys.platform.startswith(("linux", "darwin")), reason="two renamings where no exchange"
)
def test_a_kill_at_any_moment_leaves_all_old_files_or_all_new_ones(tmp_path: Path) -> None:
    pair = [DATA / NAMES[1], DATA / NAMES[2]]  # tensors, labels and vocabularies differ
    directory = tmp_path / "model"
    one = read_checkpoint(pair[0])
    write_checkpoint(
        directory, one.config, one.weights, one.head, {"vocab.txt": one.head.encode()}
    )
    rng = random.Random(0)
    for _ in range(5):
        command = [sys.executable, "-c", SAVE_ALTERNATELY, str(directory), *map(str, pair)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.15))
            process.kill()
        left = read_checkpoint(directory)  # would raise if tensors and configuration differed
        assert (directory / "vocab.txt").read_text() == left.head
        assert len(list(directory.iterdir())) == 3


@pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="no dir_fd")
def test_readers_never_see_some_of_each(tmp_path: Path) -> None:
    """What a crash could leave is what a reader could see: look at it all the time."""
    pair = [read_checkpoint(DATA / name) for name in NAMES[1:3]]
    directory, seen = tmp_path / "model", set()
    write_checkpoint(directory, pair[0].config, pair[0].weights, pair[0].head)
    done = threading.Event()

    def save() -> None:
        for index in range(60):
            one = pair[index % 2]
            write_checkpoint(directory, one.config, one.weights, one.head)
        done.set()

    thread = threading.Thread(target=save)
    thread.start()
    while not done.is_set():
        descriptor = os.open(directory, os.O_RDONLY)  # files of one moment
        try:
            config = json.loads(_read_at(descriptor, "config.json"))
            weights = _read_at(descriptor, "model.safetensors")
        except FileNotFoundError:  # exchanged, and already removed
            continue
        finally:
            os.close(descriptor)
        seen.add((config["architectures"][0], b"pre_classifier" in weights))
    thread.join()
    assert seen <= {
        ("DistilBertForSequenceClassification", True),
        ("DistilBertForTokenClassification", False),
    }


def _read_at(directory: int, name: str) -> bytes:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=directory), "rb") as file:
        return file.read()
