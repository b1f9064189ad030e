"""A local hub for huggingface_hub."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.conftest import DATA
from tests.files.hub_server import Hub, files_of, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "owner/tiny"
NOT_READ = {
    "README.md": b"a model",
    "pytorch_model.bin": b"a pickle",
    "modeling_custom.py": b"raise SystemExit",
    "onnx/model.onnx": b"a graph",
    "1_Pooling/pytorch_model.bin": b"a pickle",
}
MODULES = b"""[
    {"path": "", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
]"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = files_of(DATA / "distilbert-tiny") | NOT_READ
    files |= {"modules.json": MODULES, "1_Pooling/config.json": b"{}"}
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client waits between its attempts
    with serve(NAME, files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "home" / "hub"
