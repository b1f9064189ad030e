"""`modules.json`: what sentence-transformers computes after the encoder (Reimers et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.checkpoint.safetensors_file import SafetensorsFile
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import parse_json_object, read_json_object

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

MODULES_FILE = "modules.json"
# In the order in which sentence-transformers joins them.
LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


class DenseFiles(NamedTuple):
    """A Dense module: its tensors, ``linear.weight`` and perhaps ``linear.bias``."""

    tensors: dict[str, NDArray[np.float32]]
    activation: str  # the last part of its name in torch: "Tanh", "Identity", ...


class SentenceModules(NamedTuple):
    """The modules after the encoder, in their order.

    Attributes
    ----------
    poolings : tuple of str
        Their vectors are joined.
    after : tuple of DenseFiles or None
        None is a normalisation to unit length.
    """

    poolings: tuple[str, ...]
    after: tuple[DenseFiles | None, ...]


def read_sentence_modules(directory: Path) -> SentenceModules | None:
    """Read a directory's ``modules.json`` and what it names; None if there is none.

    Raises
    ------
    CheckpointError
        If a module is not Transformer, Pooling, Dense or Normalize, or a file is malformed.
    """
    file = directory / MODULES_FILE
    if not file.is_file():
        return None
    modules = parse_json_object(b'{"modules": ' + file.read_bytes() + b"}", str(file))["modules"]
    kinds, paths = _kinds_and_paths(modules, file)
    if kinds[:2] != ["Transformer", "Pooling"] or set(kinds[2:]) - {"Dense", "Normalize"}:
        raise CheckpointError(
            f"{file}: expected Transformer, Pooling, then Dense or Normalize; got "
            f"{', '.join(kinds)}. Name a pooling, such as 'mean', to use the encoder alone."
        )
    after = (
        _read_dense(path) if kind == "Dense" else None
        for kind, path in zip(kinds[2:], paths[2:], strict=True)
    )
    return SentenceModules(_read_poolings(paths[1] / "config.json"), tuple(after))


def _kinds_and_paths(modules: Any, file: Path) -> tuple[list[str], list[Path]]:  # noqa: ANN401
    kinds, paths = [], []
    for module in modules if isinstance(modules, list) else [modules]:
        kind = module.get("type") if isinstance(module, dict) else None
        path = module.get("path") if isinstance(module, dict) else None
        if not (isinstance(kind, str) and kind.startswith("sentence_transformers.")):
            raise CheckpointError(f"{file}: {kind!r} is no module of sentence-transformers.")
        if not isinstance(path, str) or "/" in path or "\\" in path or path in (".", ".."):
            raise CheckpointError(f"{file}: path must name a directory in it; got {path!r}.")
        kinds.append(kind.rpartition(".")[2])
        paths.append(file.parent / path)
    if paths and paths[0] != file.parent:
        raise CheckpointError(f"{file}: the Transformer must stand in the directory itself.")
    return kinds, paths


def _read_poolings(file: Path) -> tuple[str, ...]:
    config = read_json_object(file)
    legacy = [mode for name, mode in LEGACY_POOLINGS.items() if config.get(name)]
    stated = config.get("pooling_mode", legacy or "mean")
    poolings = (stated,) if isinstance(stated, str) else tuple(stated)
    unknown = [mode for mode in poolings if mode not in LEGACY_POOLINGS.values()]
    if unknown or not poolings:
        raise CheckpointError(f"{file}: pooling_mode {stated!r} is not known.")
    return poolings


def _read_dense(directory: Path) -> DenseFiles:
    config = read_json_object(directory / "config.json")
    names = {config.get(f"module_{end}_name") for end in ("input", "output")}
    if config.get("use_residual") or names - {None, "sentence_embedding"}:
        raise CheckpointError(
            f"{directory / 'config.json'}: use_residual, and names other than "
            "'sentence_embedding', are not supported."
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
        "linear.weight": (config.get("out_features"), config.get("in_features"))
    }
    if config.get("bias", True):
        shapes["linear.bias"] = shapes["linear.weight"][:1]
    found = {name: entry.shape for name, entry in file.entries.items()}
    if found != shapes:
        raise CheckpointError(f"{weights}: expected the tensors {shapes}; got {found}.")
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    return DenseFiles({name: file.read(name) for name in found}, activation.rpartition(".")[2])
