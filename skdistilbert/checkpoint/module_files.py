"""The directories of sentence-transformers' modules after the encoder: `1_Pooling`, `2_Dense`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import WEIGHTS_FILE
from skdistilbert.files.json_file import check_value, read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]

CONFIG_FILE = "config.json"
# In the order in which sentence-transformers concatenates the pooled vectors.
LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


class DenseFiles(NamedTuple):
    """A Dense module with the tensors ``linear.weight`` and, optionally, ``linear.bias``."""

    tensors: Tensors
    activation: str  # its class name in torch: "Tanh", "Identity", ...
    config_file: Path


class LayerNormFiles(NamedTuple):
    """A LayerNorm module with the tensors ``norm.weight`` and ``norm.bias``."""

    tensors: Tensors


class LayerMean(NamedTuple):
    """A WeightedLayerPooling module: a weighted mean of the hidden states after some layers."""

    layers: tuple[int, ...]
    weights: tuple[float, ...]  # their sum is 1


def read_pooling(directory: Path) -> tuple[tuple[str, ...], bool]:
    """Return the poolings, and whether they include the tokens of the prompt."""
    file = directory / CONFIG_FILE
    config = read_json_object(file)
    for name in config:
        if name in LEGACY_POOLINGS:
            _check_flag(config[name], name, file)
        elif name.startswith("pooling_mode_"):
            check_value(not config[name], file, name, "false, because it is unknown", config[name])
    legacy = [mode for name, mode in LEGACY_POOLINGS.items() if config.get(name)]
    stated = config.get("pooling_mode", legacy or "mean")
    poolings = stated if isinstance(stated, list) else [stated]
    known = list(LEGACY_POOLINGS.values())
    valid = all(mode in known for mode in poolings) and 1 <= len(poolings) <= len(known)
    check_value(valid, file, "pooling_mode", f"one or several of {', '.join(known)}", stated)
    include_prompt = config.get("include_prompt", True)
    _check_flag(include_prompt, "include_prompt", file)
    return tuple(poolings), include_prompt


def read_dense(directory: Path, n_features: int) -> DenseFiles:
    """Read a Dense module whose input has `n_features` features."""
    file = directory / CONFIG_FILE
    config = read_json_object(file)
    check_names(config, file)
    residual = config.get("use_residual")
    check_value(not residual, file, "use_residual", "false, as no other is supported", residual)
    _check_size(config, "in_features", n_features, file)
    bias = config.get("bias", True)
    _check_flag(bias, "bias", file)
    n_out = config.get("out_features")
    shapes: dict[str, tuple[Any, ...]] = {"linear.weight": (n_out, n_features)}
    if bias:
        shapes["linear.bias"] = (n_out,)
    stated = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    # sentence-transformers replaces classes of other packages by Tanh.
    known = isinstance(stated, str) and stated.startswith("torch.")
    check_value(known, file, "activation_function", "a class of torch", stated)
    return DenseFiles(_read_tensors(directory, shapes), stated.rpartition(".")[2], file)


def read_layer_norm(directory: Path, n_features: int) -> LayerNormFiles:
    """Read a LayerNorm module whose input has `n_features` features."""
    file = directory / CONFIG_FILE
    _check_size(read_json_object(file), "dimension", n_features, file)
    shapes = dict.fromkeys(("norm.weight", "norm.bias"), (n_features,))
    return LayerNormFiles(_read_tensors(directory, shapes))


def read_layer_mean(directory: Path, n_layers: int) -> LayerMean:
    """Read a WeightedLayerPooling module of an encoder with `n_layers` layers."""
    file = directory / CONFIG_FILE
    config = read_json_object(file)
    first, stated = config.get("layer_start", 4), config.get("num_hidden_layers", 12)
    _check_size({"num_hidden_layers": stated}, "num_hidden_layers", n_layers, file)
    valid = type(first) is int and 0 <= first <= n_layers
    check_value(valid, file, "layer_start", f"an integer from 0 to {n_layers}", first)
    layers = tuple(range(first, n_layers + 1))
    tensors = _read_tensors(directory, {"layer_weights": (len(layers),)})
    weights = tensors["layer_weights"].astype(np.float64)
    if not weights.sum():
        raise CheckpointError(f"{directory}: the sum of layer_weights must not be 0.")
    return LayerMean(layers, tuple((weights / weights.sum()).tolist()))


def check_normalize(directory: Path) -> None:
    """Raise CheckpointError if a Normalize module normalises anything but the pooled vectors."""
    file = directory / CONFIG_FILE
    if file.is_file():
        check_names(read_json_object(file), file)


def check_names(config: Mapping[str, Any], file: Path) -> None:
    """Raise CheckpointError if a module reads or writes anything but the pooled vectors."""
    for name in ("module_input_name", "module_output_name"):
        valid = config.get(name) in (None, "sentence_embedding")
        check_value(valid, file, name, "'sentence_embedding'", config.get(name))


def _check_flag(value: object, name: str, file: Path) -> None:
    check_value(type(value) is bool, file, name, "true or false", value)


def _check_size(config: Mapping[str, Any], name: str, expected: int, file: Path) -> None:
    stated = config.get(name)
    text = f"{expected}, the size of the previous module's output"
    if name == "num_hidden_layers":
        text = f"{expected}, the number of the encoder's layers"
    check_value(type(stated) is int and stated == expected, file, name, text, stated)


def _read_tensors(directory: Path, shapes: Mapping[str, tuple[Any, ...]]) -> Tensors:
    weights = directory / WEIGHTS_FILE
    if not weights.is_file() and (directory / "pytorch_model.bin").is_file():
        raise CheckpointError(
            f"{directory} has pytorch_model.bin but no {WEIGHTS_FILE}. Pickles are never read; "
            "convert it once, where sentence-transformers is installed, with "
            "SentenceTransformer(directory).save(new_directory)."
        )
    file = SafetensorsFile(weights)
    found = {name: entry.shape for name, entry in file.entries.items()}
    if found != dict(shapes):
        raise CheckpointError(
            f"{weights}: expected the tensors {shapes!s:.199} by {CONFIG_FILE}; got "
            f"{found!s:.199}."
        )
    tensors = {name: file.read(name).copy() for name in found}
    check_finite(tensors, weights)
    return tensors
