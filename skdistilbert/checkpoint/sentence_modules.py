"""`modules.json`: sentence-transformers' modules after the encoder (Reimers et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.checkpoint.module_files import (
    DenseFiles,
    LayerMean,
    LayerNormFiles,
    check_normalize,
    read_dense,
    read_layer_mean,
    read_layer_norm,
    read_pooling,
)
from skdistilbert.checkpoint.prompts import SENTENCE_CONFIG_FILE
from skdistilbert.checkpoint.sentence_config import check_sentence_config
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import check_value, parse_json, read_json_object
from skdistilbert.files.module_paths import MODULES_FILE, is_inner_path

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.checkpoint.config import DistilBertConfig

    AfterPooling = DenseFiles | LayerNormFiles | None

AFTER_POOLING = ("Dense", "Dropout", "LayerNorm", "Normalize")

SENTENCE_MODULES = "sentence_transformers.models."


class SentenceModules(NamedTuple):
    """The modules after the encoder.

    Attributes
    ----------
    layer_mean : LayerMean or None
        The weighted layers to pool; None pools the hidden states of the last layer.
    poolings : tuple of str
        The pooled vectors are concatenated in this order.
    include_prompt : bool
        Whether pooling includes the tokens of the prompt.
    after : tuple of DenseFiles, LayerNormFiles or None
        The modules after pooling; None is a normalisation to unit length.
    n_features : int
        Number of output features, after truncation to ``truncate_dim``.
    """

    layer_mean: LayerMean | None
    poolings: tuple[str, ...]
    include_prompt: bool
    after: tuple[AfterPooling, ...]
    n_features: int


def read_sentence_modules(directory: Path, config: DistilBertConfig) -> SentenceModules | None:
    """Read ``modules.json`` and the modules that it names; return None if it does not exist.

    `config` is the configuration of the encoder. Raises CheckpointError if a file is malformed, a
    module is not supported, or a module does not accept its input.
    """
    file = directory / MODULES_FILE
    if not file.is_file():
        return None
    kinds, paths = kinds_and_paths(file)
    first = 2 if kinds[1:2] == ["WeightedLayerPooling"] else 1
    wanted = [*kinds[:1], *kinds[first : first + 1]]
    if wanted != ["Transformer", "Pooling"] or set(kinds[first + 1 :]) - set(AFTER_POOLING):
        raise CheckpointError(
            f"{file}: expected Transformer, optionally WeightedLayerPooling, Pooling, then any of "
            f"{', '.join(AFTER_POOLING)}; got {', '.join(kinds):.99}. To use only the encoder, "
            "set pooling, for example to 'mean'."
        )
    keeps_layers = check_sentence_config(paths[0]) or config.output_hidden_states
    # Without all hidden states, sentence-transformers skips the module.
    layer_mean = (
        read_layer_mean(paths[1], config.n_layers) if first == 2 and keeps_layers else None
    )
    poolings, include_prompt = read_pooling(paths[first])
    n_features = config.dim * len(poolings)
    after: list[AfterPooling] = []
    for kind, path in zip(kinds[first + 1 :], paths[first + 1 :], strict=True):
        if kind == "Dense":
            dense = read_dense(path, n_features)
            after.append(dense)
            n_features = len(dense.tensors["linear.weight"])
        elif kind == "LayerNorm":
            after.append(read_layer_norm(path, n_features))
        elif kind == "Normalize":
            check_normalize(path)
            after.append(None)
    n_features = min(n_features, _truncate_dim(directory) or n_features)
    return SentenceModules(layer_mean, poolings, include_prompt, tuple(after), n_features)


def _truncate_dim(directory: Path) -> int | None:
    file = directory / SENTENCE_CONFIG_FILE
    config = read_json_object(file) if file.is_file() else {}
    kind = config.get("model_type")
    expected = "'SentenceTransformer', because other models have other outputs"
    check_value(kind in (None, "SentenceTransformer"), file, "model_type", expected, kind)
    stated: int | None = config.get("truncate_dim")
    valid = stated is None or (type(stated) is int and stated >= 1)
    check_value(valid, file, "truncate_dim", "an integer of at least 1", stated)
    return stated


def kinds_and_paths(file: Path) -> tuple[list[str], list[Path]]:
    """Return the classes and the directories of the modules in a ``modules.json``."""
    modules = parse_json(file.read_bytes(), str(file))
    kinds: list[str] = []
    paths: list[Path] = []
    names: list[object] = []
    for module in modules if isinstance(modules, list) else [modules]:
        values = module if isinstance(module, dict) else {}
        kind, path, name = values.get("type"), values.get("path"), values.get("name")
        if not (isinstance(kind, str) and kind.startswith("sentence_transformers.")):
            raise CheckpointError(f"{file}: {kind!r:.99} is not a sentence-transformers module.")
        expected = "'' or a path below this directory, such as '1_Pooling'"
        check_value(is_inner_path(path), file, "path", expected, path)
        # sentence-transformers would replace the earlier module of this name.
        unique = name is None or name not in names
        check_value(unique, file, "name", "different for each module", name)
        kinds.append(kind.rpartition(".")[2])
        paths.append(file.parent / str(path))
        names.append(name)
    return kinds, paths
