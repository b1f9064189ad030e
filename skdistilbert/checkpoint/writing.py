"""Writing a checkpoint directory that transformers loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from skdistilbert.checkpoint.names import ARCHITECTURE_OF_HEAD, PROJECTOR, WORDS, head_shapes
from skdistilbert.files.directory_swap import replace_files
from skdistilbert.files.names import INDEX_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.config import DistilBertConfig
    from skdistilbert.checkpoint.names import Head


def write_checkpoint(
    path: str | os.PathLike[str],
    config: DistilBertConfig,
    weights: Mapping[str, NDArray[np.float32]],
    head: Head | None,
    extra_files: Mapping[str, bytes | None] | None = None,
) -> None:
    """Write ``config.json``, ``model.safetensors`` and further files, such as a tokenizer's.

    All is written in a new directory beside this one, which then takes its place: whoever reads,
    or is left with what a crash left, finds all the old files or all the new ones, never some of
    each. Linux and macOS can exchange two directories in one step. Elsewhere two renamings are
    needed; a crash just between them leaves the old directory whole, but under
    ``.<name>-saving-*/<name>-old``. A killed process may leave such a hidden directory beside.
    A directory that can't change places, such as a mounted volume, gets file after file instead,
    the weights last: there a crash can leave some of each.

    Parameters
    ----------
    path : str or path-like
        Directory; made if it does not exist.
    config : DistilBertConfig
        Its ``architectures`` are written after `head`.
    weights : mapping of str to float32 ndarray
        Tensors as in `Checkpoint.weights`.
    head : str or None
    extra_files : mapping of str to bytes or None, optional
        Contents by file name; None for a file that shall not stay.

    Raises
    ------
    ValueError
        If the directory is the working directory or above it.
    """
    values = config.to_dict() | {"architectures": [ARCHITECTURE_OF_HEAD[head]]}
    contents = dict.fromkeys(_other_weights(Path(path))) | {
        "config.json": json.dumps(values, indent=2, sort_keys=True).encode() + b"\n",
        **(extra_files or {}),
    }
    tensors = _names_in_file(config, weights, head)

    def write_weights(directory: Path) -> None:
        save_file(tensors, directory / WEIGHTS_FILE, metadata={"format": "pt"})

    replace_files(Path(path), contents, write_weights)


def _other_weights(directory: Path) -> list[str]:
    """Name the shards, which would be read, or take space, beside the new weights."""
    if not directory.is_dir():
        return []
    return [INDEX_FILE, *(file.name for file in directory.glob("model-*-of-*.safetensors"))]


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
