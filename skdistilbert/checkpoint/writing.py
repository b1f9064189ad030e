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
    DECODER_BIAS,
    MASKED_LM_BIAS,
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
from skdistilbert.files.generated_readme import README_FILE, is_generated

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
    A model card that this package wrote for other weights is removed.
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
    if is_generated(Path(path) / README_FILE):
        files[README_FILE] = None
    replace_files(Path(path), {**files, **(extra_files or {})})


def _tensors_in_file(
    config: DistilBertConfig, weights: Tensors, head: Head | None
) -> dict[str, NDArray[np.float32]]:
    bert = config.model_type == "bert"
    ours = split_token_types(weights, config) if bert else dict(weights)
    if ours.get(PROJECTOR) is ours[WORDS]:  # transformers ties both again
        del ours[PROJECTOR]
    encoder = {*encoder_shapes(config), *head_shapes(config, None)}
    prefix = "" if head is None else f"{config.model_type}."
    tensors = {
        (prefix if name in encoder else "") + name_in_file(name, bert=bert): ours[name]
        for name in encoder_shapes(config) | head_shapes(config, head)
        if name in ours
    }
    if MASKED_LM_BIAS in tensors:  # transformers reads the second name if nothing is tied
        tensors[DECODER_BIAS] = tensors[MASKED_LM_BIAS]
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
