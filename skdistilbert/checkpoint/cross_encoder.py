"""The files of sentence-transformers' cross-encoders, which score pairs of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.checkpoint.prompts import SENTENCE_CONFIG_FILE
from skdistilbert.checkpoint.sentence_config import check_sentence_config
from skdistilbert.checkpoint.sentence_modules import kinds_and_paths
from skdistilbert.files.json_file import check_value, read_json_object
from skdistilbert.files.module_paths import MODULES_FILE, transformer_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The fields of config.json before version 6 and before version 4 of sentence-transformers.
OLDER_OBJECT, OLDEST_FIELD = "sentence_transformers", "sbert_ce_default_activation_function"


class ScoreActivation(NamedTuple):
    """The activation of the scores of pairs, and the file that states it."""

    name: str  # its class name in torch: "Sigmoid", "Identity", ...
    file: Path


def read_score_activation(directory: Path) -> ScoreActivation | None:
    """Read the activation that a cross-encoder applies to its logits; None if no file states it.

    Raises CheckpointError if a file is malformed, the activation is not a class of torch, or the
    cross-encoder has other modules than a transformer with its classification head.
    """
    for file, field, stated in _stated_activations(directory):
        if stated is not None:
            # The name is never imported. sentence-transformers trusts only classes of torch.
            known = isinstance(stated, str) and stated.startswith("torch.")
            check_value(known, file, field, "a class of torch", stated)
            return ScoreActivation(stated.rpartition(".")[2], file)
    return None


def _stated_activations(directory: Path) -> Iterator[tuple[Path, str, Any]]:
    """Yield a file, its field and the value of the field; the first value counts."""
    file = directory / SENTENCE_CONFIG_FILE
    config = read_json_object(file) if file.is_file() else {}
    if config.get("model_type") == "CrossEncoder":
        _check_modules(directory / MODULES_FILE)
        yield file, "activation_fn", config.get("activation_fn")
    file = transformer_directory(directory) / "config.json"
    config = read_json_object(file)
    older = config.get(OLDER_OBJECT) or {}
    check_value(isinstance(older, dict), file, OLDER_OBJECT, "an object", older)
    yield file, f"{OLDER_OBJECT}.activation_fn", older.get("activation_fn")
    yield file, OLDEST_FIELD, config.get(OLDEST_FIELD)


def _check_modules(file: Path) -> None:
    if file.is_file():
        kinds, paths = kinds_and_paths(file)
        expected = "only a Transformer, as other modules would change the scores"
        check_value(kinds == ["Transformer"], file, "the modules", expected, kinds)
        check_sentence_config(paths[0], "sequence-classification")
