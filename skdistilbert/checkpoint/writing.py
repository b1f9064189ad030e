"""Write a checkpoint directory that transformers loads."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from skdistilbert.checkpoint.tensor_names import (
    ARCHITECTURE_OF_HEAD,
    PROJECTOR,
    TOKEN_TYPE_DIFFERENCE,
    WORDS,
    head_shapes,
)
from skdistilbert.files.atomic_save import replace_files
from skdistilbert.files.file_names import INDEX_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.config import DistilBertConfig
    from skdistilbert.checkpoint.tensor_names import Head
    from skdistilbert.files.atomic_save import Content

    Tensors = Mapping[str, NDArray[np.float32]]


def write_checkpoint(
    path: str | os.PathLike[str],
    config: DistilBertConfig,
    weights: Tensors,
    head: Head | None,
    extra_files: Mapping[str, bytes | None] | None = None,
) -> None:
    """Write ``config.json``, ``model.safetensors`` and further files, such as a tokenizer's.

    The ``architectures`` of `config` are replaced by the one that belongs to `head`. In
    `extra_files`, None removes a file. The module `atomic_save` explains the state after a crash.
    """
    values = config.to_dict() | {"architectures": [ARCHITECTURE_OF_HEAD[head]]}
    tensors = _tensors_in_file(config, weights, head)
    # Other loaders would read shards from an earlier save instead of the new weights.
    shards = (file.name for file in Path(path).glob("model-*-of-*.safetensors"))
    files: dict[str, Content] = dict.fromkeys((INDEX_FILE, *shards)) | {
        "config.json": json.dumps(values, indent=2, sort_keys=True).encode() + b"\n",
        WEIGHTS_FILE: partial(save_file, tensors, metadata={"format": "pt"}),
    }
    replace_files(Path(path), {**files, **(extra_files or {})})


def _tensors_in_file(
    config: DistilBertConfig, weights: Tensors, head: Head | None
) -> dict[str, NDArray[np.float32]]:
    in_head = head_shapes(config, head)
    prefix = "" if head is None else "distilbert."
    return {
        name if name in in_head else prefix + name: np.ascontiguousarray(tensor)
        for name, tensor in weights.items()
        if name != TOKEN_TYPE_DIFFERENCE
        # transformers ties the projector to the word embeddings again.
        if not (name == PROJECTOR and tensor is weights[WORDS])
    }
