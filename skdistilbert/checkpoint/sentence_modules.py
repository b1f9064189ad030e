"""`modules.json`: sentence-transformers' modules after the encoder (Reimers et al., 2019)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.checkpoint.prompts import SENTENCE_CONFIG_FILE
from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import is_plain_name
from skdistilbert.files.json_file import check_value, parse_json, read_json_object

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MODULES_FILE = "modules.json"
# In the order in which sentence-transformers concatenates the pooled vectors.
LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


SENTENCE_MODULES = "sentence_transformers.models."


class DenseFiles(NamedTuple):
    """A Dense module with the tensors ``linear.weight`` and, optionally, ``linear.bias``."""

    tensors: dict[str, NDArray[np.float32]]
    activation: str  # its class name in torch: "Tanh", "Identity", ...
    config_file: Path


class SentenceModules(NamedTuple):
    """The modules after the encoder.

    Attributes
    ----------
    poolings : tuple of str
        The pooled vectors are concatenated in this order.
    include_prompt : bool
        Whether pooling includes the tokens of the prompt.
    after : tuple of DenseFiles or None
        The modules after pooling; None is a normalisation to unit length.
    n_features : int
        Number of output features, after truncation to ``truncate_dim``.
    """

    poolings: tuple[str, ...]
    include_prompt: bool
    after: tuple[DenseFiles | None, ...]
    n_features: int


def read_sentence_modules(directory: Path, dim: int) -> SentenceModules | None:
    """Read ``modules.json`` and the modules that it names; return None if it does not exist.

    `dim` is the size of the encoder's hidden states. Raises CheckpointError if a file is
    malformed, a module is not supported, or a Dense module does not accept its input.
    """
    file = directory / MODULES_FILE
    if not file.is_file():
        return None
    kinds, paths = _kinds_and_paths(parse_json(file.read_bytes(), str(file)), file)
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Dense", "Normalize"}:
        raise CheckpointError(
            f"{file}: expected Transformer, Pooling, then Dense or Normalize; got "
            f"{', '.join(kinds):.99}. To use only the encoder, set pooling, for example to 'mean'."
        )
    poolings, include_prompt = _read_pooling(paths[1] / "config.json")
    after: list[DenseFiles | None] = []
    n_features = dim * len(poolings)
    for kind, path in zip(kinds[2:], paths[2:], strict=True):
        module = _read_dense(path, n_features) if kind == "Dense" else None
        n_features = len(module.tensors["linear.weight"]) if module else n_features
        after.append(module)
    n_features = min(n_features, _truncate_dim(directory) or n_features)
    return SentenceModules(poolings, include_prompt, tuple(after), n_features)


def sentence_module_files(pooling: str, dim: int) -> dict[str, bytes | None]:
    """Return the files of an encoder with one pooling, by name; None removes an old file.

    The flags of ``1_Pooling/config.json`` are understood by all versions of sentence-transformers.
    """
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{SENTENCE_MODULES}Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{SENTENCE_MODULES}Pooling"},
    ]
    flags = {name: mode == pooling for name, mode in LEGACY_POOLINGS.items()}
    return {
        MODULES_FILE: json.dumps(modules, indent=2).encode() + b"\n",
        "1_Pooling/config.json": json.dumps(
            {"word_embedding_dimension": dim, **flags, "include_prompt": True}, indent=2
        ).encode()
        + b"\n",
        SENTENCE_CONFIG_FILE: None,  # could truncate the vectors or add a prompt
    }


def _truncate_dim(directory: Path) -> int | None:
    file = directory / SENTENCE_CONFIG_FILE
    stated: int | None = read_json_object(file).get("truncate_dim") if file.is_file() else None
    valid = stated is None or (type(stated) is int and stated >= 1)
    check_value(valid, file, "truncate_dim", "an integer of at least 1", stated)
    return stated


def _kinds_and_paths(modules: Any, file: Path) -> tuple[list[str], list[Path]]:  # noqa: ANN401
    kinds: list[str] = []
    paths: list[Path] = []
    for module in modules if isinstance(modules, list) else [modules]:
        values = module if isinstance(module, dict) else {}
        kind, path = values.get("type"), values.get("path")
        if not (isinstance(kind, str) and kind.startswith("sentence_transformers.")):
            raise CheckpointError(f"{file}: {kind!r:.99} is not a sentence-transformers module.")
        is_name = isinstance(path, str) and (path == "" or (bool(paths) and is_plain_name(path)))
        expected = "the name of a directory next to this file" if paths else "'' for the encoder"
        check_value(is_name, file, "path", expected, path)
        kinds.append(kind.rpartition(".")[2])
        paths.append(file.parent / str(path))
    return kinds, paths


def _read_pooling(file: Path) -> tuple[tuple[str, ...], bool]:
    config = read_json_object(file)
    for name in LEGACY_POOLINGS:
        _check_flag(config.get(name, False), name, file)
    legacy = [mode for name, mode in LEGACY_POOLINGS.items() if config.get(name)]
    stated = config.get("pooling_mode", legacy or "mean")
    poolings = stated if isinstance(stated, list) else [stated]
    known = list(LEGACY_POOLINGS.values())
    valid = all(mode in known for mode in poolings) and 1 <= len(poolings) <= len(known)
    check_value(valid, file, "pooling_mode", f"one or several of {', '.join(known)}", stated)
    include_prompt = config.get("include_prompt", True)
    _check_flag(include_prompt, "include_prompt", file)
    return tuple(poolings), include_prompt


def _check_flag(value: object, name: str, file: Path) -> None:
    check_value(type(value) is bool, file, name, "true or false", value)


def _read_dense(directory: Path, n_features: int) -> DenseFiles:
    config_file = directory / "config.json"
    config = read_json_object(config_file)
    names = [config.get(f"module_{end}_name") for end in ("input", "output")]
    if config.get("use_residual") or any(x not in (None, "sentence_embedding") for x in names):
        raise CheckpointError(
            f"{config_file}: use_residual, and inputs or outputs other than 'sentence_embedding', "
            "are not supported."
        )
    in_features = config.get("in_features")
    expected = f"{n_features}, the number of features of the previous module"
    check_value(in_features == n_features, config_file, "in_features", expected, in_features)
    weights = directory / "model.safetensors"
    if not weights.is_file() and (directory / "pytorch_model.bin").is_file():
        raise CheckpointError(
            f"{directory} has pytorch_model.bin but no model.safetensors. Pickles are never read; "
            "convert it once, where sentence-transformers is installed, with "
            "SentenceTransformer(directory).save(new_directory)."
        )
    file = SafetensorsFile(weights)
    shapes: dict[str, tuple[Any, ...]] = {
        "linear.weight": (config.get("out_features"), n_features)
    }
    bias = config.get("bias", True)
    _check_flag(bias, "bias", config_file)
    if bias:
        shapes["linear.bias"] = shapes["linear.weight"][:1]
    found = {name: entry.shape for name, entry in file.entries.items()}
    if found != shapes:
        raise CheckpointError(
            f"{weights}: expected the tensors {shapes!s:.199} by config.json; got {found!s:.199}."
        )
    tensors = {name: file.read(name).copy() for name in found}
    check_finite(tensors, weights)
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    return DenseFiles(tensors, activation.rpartition(".")[2], config_file)
