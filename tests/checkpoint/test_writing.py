from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.checkpoint import read_checkpoint, write_checkpoint, writing
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
    write_checkpoint(tmp_path, original.config, original.weights, original.head, extra)
    written = read_checkpoint(tmp_path)
    assert written.head == original.head
    assert written.config == original.config
    assert set(written.weights) == set(original.weights)
    for tensor_name, tensor in original.weights.items():
        np.testing.assert_array_equal(written.weights[tensor_name], tensor)
    assert (tmp_path / "vocab.txt").read_bytes() == b"a\nb\n"
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "distilbert"


def test_a_failure_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = read_checkpoint(DATA / "distilbert-tiny")
    write_checkpoint(tmp_path, original.config, original.weights, None)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def fail(_: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(writing, "_flush_to_disk", fail)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(tmp_path, original.config, {}, None)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
