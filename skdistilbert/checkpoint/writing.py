"""Writing a checkpoint directory that transformers loads."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from skdistilbert.checkpoint.names import ARCHITECTURE_OF_HEAD, PROJECTOR, WORDS, head_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.config import DistilBertConfig
    from skdistilbert.checkpoint.names import Head


def write_checkpoint(
    path: str | os.PathLike[str],
    config: DistilBertConfig,
    weights: Mapping[str, NDArray[np.float32]],
    head: Head | None,
    extra_files: Mapping[str, bytes] | None = None,
) -> None:
    """Write ``config.json``, ``model.safetensors`` and further files, such as a tokenizer's.

    All is written beside its place first and then moved there file by file, each move being
    atomic: a crash before the moves leaves the old files.

    Parameters
    ----------
    path : str or path-like
        Directory; made if it does not exist.
    config : DistilBertConfig
        Its ``architectures`` are written after `head`.
    weights : mapping of str to float32 ndarray
        Tensors as in `Checkpoint.weights`.
    head : str or None
    extra_files : mapping of str to bytes, optional
        Contents by file name.
    """
    directory = Path(path)
    directory.mkdir(parents=True, exist_ok=True)
    values = config.to_dict() | {"architectures": [ARCHITECTURE_OF_HEAD[head]]}
    contents = {"config.json": json.dumps(values, indent=2, sort_keys=True).encode() + b"\n"}
    contents |= extra_files or {}
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=directory) as name:
        staging = Path(name)
        tensors = _names_in_file(config, weights, head)
        save_file(tensors, staging / "model.safetensors", metadata={"format": "pt"})
        for file_name, content in contents.items():
            (staging / file_name).write_bytes(content)
        written = sorted(staging.iterdir())
        for file in written:
            _flush_to_disk(file)
        for file in written:
            file.replace(directory / file.name)


def _names_in_file(
    config: DistilBertConfig, weights: Mapping[str, NDArray[np.float32]], head: Head | None
) -> dict[str, NDArray[np.float32]]:
    of_head = head_shapes(config, head)
    prefix = "" if head is None else "distilbert."
    tensors = {}
    for name, tensor in weights.items():
        if name == PROJECTOR and tensor is weights[WORDS]:  # tied: transformers ties it again
            continue
        tensors[name if name in of_head else prefix + name] = np.ascontiguousarray(tensor)
    return tensors


def _flush_to_disk(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
