"""Write `modules.json` and the directories of sentence-transformers' modules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from skdistilbert.checkpoint.module_files import (
    CONFIG_FILE,
    LEGACY_POOLINGS,
    DenseFiles,
    LayerNormFiles,
)
from skdistilbert.checkpoint.prompts import SENTENCE_CONFIG_FILE
from skdistilbert.checkpoint.sentence_modules import SENTENCE_MODULES
from skdistilbert.files.file_names import WEIGHTS_FILE
from skdistilbert.files.module_paths import MODULES_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skdistilbert.checkpoint.sentence_modules import AfterPooling

    Files = dict[str, bytes | None]


def sentence_module_files(
    pooling: str,
    dim: int,
    after: Sequence[AfterPooling] = (),
    config: Mapping[str, Any] | None = None,
) -> Files:
    """Return the contents of the module files, by file name; None deletes an old file.

    All versions of sentence-transformers read the flags of ``1_Pooling/config.json``.

    Parameters
    ----------
    pooling : str
    dim : int
    after : sequence of modules after the pooling
    config : mapping of str, default=None
        Contents of ``config_sentence_transformers.json``, such as ``truncate_dim``. None deletes
        an old file, which could truncate the vectors or add a prompt.
    """
    flags = {name: mode == pooling for name, mode in LEGACY_POOLINGS.items()}
    pooling_config = {"word_embedding_dimension": dim, **flags, "include_prompt": True}
    paths = {"": "Transformer", "1_Pooling": "Pooling"}
    files: Files = {"1_Pooling/config.json": _json(pooling_config)}
    for index, module in enumerate(after, start=2):
        kind, module_files = _module(module)
        paths[f"{index}_{kind}"] = kind
        files |= {f"{index}_{kind}/{name}": content for name, content in module_files.items()}
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"{SENTENCE_MODULES}{kind}"}
        for index, (path, kind) in enumerate(paths.items())
    ]
    files[MODULES_FILE] = _json(modules)
    files[SENTENCE_CONFIG_FILE] = _json(config) if config else None
    return files


def _module(module: AfterPooling) -> tuple[str, Files]:
    """Return the kind of a module after the pooling, and the contents of its files."""
    if module is None:
        return "Normalize", {}
    if isinstance(module, LayerNormFiles):
        (dim,) = module.tensors["norm.weight"].shape
        return "LayerNorm", _files({"dimension": dim}, module)
    n_out, n_in = module.tensors["linear.weight"].shape
    package = "linear" if module.activation == "Identity" else "activation"
    config = {
        "in_features": n_in,
        "out_features": n_out,
        "bias": "linear.bias" in module.tensors,
        "activation_function": f"torch.nn.modules.{package}.{module.activation}",
    }
    return "Dense", _files(config, module)


def _files(config: dict[str, Any], module: DenseFiles | LayerNormFiles) -> Files:
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in module.tensors.items()}
    weights = save(tensors, metadata={"format": "pt"})
    return {CONFIG_FILE: _json(config), WEIGHTS_FILE: weights}


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
