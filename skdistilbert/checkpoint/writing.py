"""Write a checkpoint directory that transformers loads."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file

from skdistilbert.checkpoint.tensor_names import (
    CLASSES,
    PREFIXES,
    PROJECTOR,
    WORDS,
    encoder_shapes,
    head_shapes,
    name_in_file,
)
from skdistilbert.checkpoint.token_types import split_token_types
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
    architecture = PREFIXES[config.model_type] + CLASSES[head]
    values = config.to_dict() | {"architectures": [architecture]}
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
    shapes, pooler = encoder_shapes(config), head_shapes(config, None)
    used = {*shapes, *head_shapes(config, head)}
    prefix = "" if head is None else f"{config.model_type}."
    bert = config.model_type == "bert"
    return {
        (prefix if name in {*shapes, *pooler} else "") + name_in_file(name, bert=bert): (
            np.ascontiguousarray(tensor)
        )
        for name, tensor in (split_token_types(weights, config) if bert else weights).items()
        if name in used
        # transformers ties the projector to the word embeddings again.
        if not (name == PROJECTOR and tensor is weights[WORDS])
    }
