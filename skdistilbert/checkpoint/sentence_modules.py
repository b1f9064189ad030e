"""`modules.json`: sentence-transformers' modules after the encoder (Reimers et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.checkpoint.prompts import SENTENCE_CONFIG_FILE
from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import is_plain_name
from skdistilbert.files.json_file import parse_json, read_json_object

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

    Parameters
    ----------
    directory : Path
    dim : int
        Size of the encoder's hidden states.

    Raises
    ------
    CheckpointError
        If a module is not Transformer, Pooling, Dense or Normalize, a file is malformed, or a
        Dense module does not accept the output of the module before it.
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


def _truncate_dim(directory: Path) -> int | None:
    file = directory / SENTENCE_CONFIG_FILE
    stated: int | None = read_json_object(file).get("truncate_dim") if file.is_file() else None
    if stated is not None and (type(stated) is not int or stated < 1):
        raise CheckpointError(
            f"{file}: truncate_dim must be an integer of at least 1; got {stated!r:.99}."
        )
    return stated


def _kinds_and_paths(modules: Any, file: Path) -> tuple[list[str], list[Path]]:  # noqa: ANN401
    kinds, paths = [], []
    for module in modules if isinstance(modules, list) else [modules]:
        kind = module.get("type") if isinstance(module, dict) else None
        path = module.get("path") if isinstance(module, dict) else None
        if not (isinstance(kind, str) and kind.startswith("sentence_transformers.")):
            raise CheckpointError(f"{file}: {kind!r:.99} is not a sentence-transformers module.")
        if not isinstance(path, str) or not (path == "" or is_plain_name(path)):
            raise CheckpointError(
                f"{file}: path must name a directory next to this file; got {path!r:.99}."
            )
        kinds.append(kind.rpartition(".")[2])
        paths.append(file.parent / path)
    if paths and paths[0] != file.parent:
        raise CheckpointError(f"{file}: the Transformer's path must be ''; got {paths[0].name!r}.")
    return kinds, paths


def _read_pooling(file: Path) -> tuple[tuple[str, ...], bool]:
    config = read_json_object(file)
    for name in LEGACY_POOLINGS:
        _check_flag(config.get(name, False), name, file)
    legacy = [mode for name, mode in LEGACY_POOLINGS.items() if config.get(name)]
    stated = config.get("pooling_mode", legacy or "mean")
    poolings = stated if isinstance(stated, list) else [stated]
    unknown = [mode for mode in poolings if mode not in LEGACY_POOLINGS.values()]
    if unknown or not 1 <= len(poolings) <= len(LEGACY_POOLINGS):
        raise CheckpointError(
            f"{file}: pooling_mode must be one or several of "
            f"{', '.join(LEGACY_POOLINGS.values())}; got {stated!r:.99}."
        )
    include_prompt = config.get("include_prompt", True)
    _check_flag(include_prompt, "include_prompt", file)
    return tuple(poolings), include_prompt


def _check_flag(value: object, name: str, file: Path) -> None:
    if type(value) is not bool:
        raise CheckpointError(f"{file}: {name} must be true or false; got {value!r:.99}.")


def _read_dense(directory: Path, n_features: int) -> DenseFiles:
    config_file = directory / "config.json"
    config = read_json_object(config_file)
    names = [config.get(f"module_{end}_name") for end in ("input", "output")]
    if config.get("use_residual") or any(x not in (None, "sentence_embedding") for x in names):
        raise CheckpointError(
            f"{config_file}: use_residual, and inputs or outputs other than 'sentence_embedding', "
            "are not supported."
        )
    if config.get("in_features") != n_features:
        raise CheckpointError(
            f"{config_file}: in_features must be {n_features}, the number of features that the "
            f"previous module returns; got {config.get('in_features')!r:.99}."
        )
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
