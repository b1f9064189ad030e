"""Read a checkpoint directory: its configuration and its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.checkpoint.config import DistilBertConfig
from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.checkpoint.stored_tensors import StoredTensors
from skdistilbert.checkpoint.tensor_names import (
    HEAD_OF_ARCHITECTURE,
    HEAD_OF_TENSOR,
    HEAD_PREFIXES,
    POSITIONS,
    PROJECTOR,
    UNSUPPORTED_ARCHITECTURES,
    WORDS,
    Head,
    encoder_shapes,
    head_shapes,
)
from skdistilbert.checkpoint.token_types import merge_token_types
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import MODULE_FILES, SMALL_FILES, find_weights
from skdistilbert.files.found_instead import check_no_adapter
from skdistilbert.files.module_paths import module_paths, transformer_directory

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.mapped_file import MappedFile

    FloatArray = NDArray[np.float32]

# Limits the memory for sinusoidal positions that are not in the file.
MAX_COMPUTED_POSITIONS = 2**16


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a checkpoint directory.

    Weights are read-only and have transformers' names for DistilBERT, without the prefix
    ``distilbert.``.
    """

    config: DistilBertConfig
    weights: Mapping[str, FloatArray]
    head: Head | None
    files: tuple[Path, ...]  # all files that affect results; weights come last
    directory: Path
    mapped: tuple[MappedFile, ...]  # the files that `weights` are views of

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the names and contents of the files."""
        total = hashlib.sha256()
        for path in self.files:
            total.update(path.relative_to(self.directory).as_posix().encode())
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()


def read_checkpoint(
    path: str | os.PathLike[str], *, encoder_only: bool = False, allow_non_finite: bool = False
) -> Checkpoint:
    """Read ``config.json`` and ``model.safetensors``, or its shards and their index.

    A BERT encoder becomes a DistilBERT; see `token_types`. The next-sentence head is ignored, and
    so is the pooler if a head does not read it.

    Parameters
    ----------
    path : str or path-like
        Checkpoint directory of ``model_type`` ``distilbert`` or ``bert``.
    encoder_only : bool, default=False
        Ignore the task head and all other tensors outside the encoder.
    allow_non_finite : bool, default=False
        Accept weights that are NaN or infinite.

    Raises
    ------
    CheckpointError
        If a file or tensor is missing, unexpected or malformed; the message names it.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise CheckpointError(
            f"{directory} is not a directory. Give the path of a checkpoint: a directory with "
            "config.json, vocab.txt and model.safetensors."
        )
    inner = transformer_directory(directory)
    if inner != directory and (directory / "config.json").is_file():
        raise CheckpointError(
            f"{directory} has two encoders: its own config.json, and that in {inner.name!r:.99}, "
            "which modules.json names. Give the path of the second, or remove one of them."
        )
    check_no_adapter(inner)
    config = DistilBertConfig.from_file(inner / "config.json")
    reader = _WeightsReader(inner, config)
    head = None if encoder_only else reader.head()
    weights = reader.read(head, encoder_only=encoder_only)
    if not allow_non_finite:
        check_finite(weights, inner, "; to load it nevertheless, pass allow_non_finite=True")
    weights = merge_token_types(weights)
    config = replace(config, type_vocab_size=min(config.type_vocab_size, 2))
    files = (*_files_beside_weights(directory, reader.paths), *reader.paths)
    return Checkpoint(config, weights, head, files, directory, reader.mapped)


def _files_beside_weights(directory: Path, weights: tuple[Path, ...]) -> list[Path]:
    """Return the files other than weights that affect results, also in module directories."""
    numbered = (folder.name for folder in directory.glob("[0-9]*_*"))
    folders = sorted({*numbered, *module_paths(directory)} - {""})
    patterns = (*SMALL_FILES, *(f"{folder}/{name}" for folder in folders for name in MODULE_FILES))
    found = dict.fromkeys(file for each in patterns for file in sorted(directory.glob(each)))
    return [file for file in found if file.is_file() and file not in weights]


class _WeightsReader:
    """Reads the tensors that a configuration needs from the weight files of a directory."""

    def __init__(self, directory: Path, config: DistilBertConfig) -> None:
        self.config = config
        self.config_file = directory / "config.json"
        self.paths = find_weights(directory)
        files = [SafetensorsFile(path) for path in self.paths]
        self.mapped = tuple(file.mapped for file in files)
        self._tensors = StoredTensors(files, bert=config.model_type == "bert")
        if config.tie_word_embeddings:
            self._tensors.tie(WORDS, PROJECTOR)

    def head(self) -> Head | None:
        """Return the head that the configuration or, without it, the tensors identify."""
        architecture = next(iter(self.config.architectures), None)
        if architecture is not None and architecture not in HEAD_OF_ARCHITECTURE:
            reason = UNSUPPORTED_ARCHITECTURES.get(
                architecture, f"expected one of {', '.join(HEAD_OF_ARCHITECTURE)}"
            )
            raise CheckpointError(
                f"{self.config_file}: the architecture {architecture!r:.99} cannot be loaded with "
                f"its head: {reason}. Load only its encoder with DistilBertModel.from_pretrained "
                "or an estimator."
            )
        if not any(name.startswith(HEAD_PREFIXES) for name in self._tensors):
            return None
        if architecture:
            return HEAD_OF_ARCHITECTURE[architecture]
        heads = (head for tensor, head in HEAD_OF_TENSOR.items() if tensor in self._tensors)
        return next(heads, "token_classification")

    def read(self, head: Head | None, *, encoder_only: bool) -> dict[str, FloatArray]:
        """Return the tensors of the encoder and a head; raise CheckpointError for others."""
        config, tensors = self.config, self._tensors
        # The configuration must not decide how much memory the list of tensor names takes.
        if config.n_layers > max(len(tensors), 1000):
            raise CheckpointError(
                f"{self.config_file}: n_layers is {config.n_layers}, but the weights have only "
                f"{len(tensors)} tensors."
            )
        shapes = encoder_shapes(config) | head_shapes(config, head)
        needed = set(shapes)
        optional = {POSITIONS} if config.sinusoidal_pos_embds else set()
        optional |= {PROJECTOR} if config.tie_word_embeddings else set()
        pooler = set(head_shapes(config, None))
        optional |= pooler if head is None else set()
        tensors.check_complete(needed - optional)
        tensors.check_others(needed | pooler, encoder_only=encoder_only)
        weights = {
            name: tensors.read(name, shape) for name, shape in shapes.items() if name in tensors
        }
        if POSITIONS not in weights:
            weights[POSITIONS] = self._sinusoidal_positions()
        if head == "masked_lm" and tensors.are_same(WORDS, PROJECTOR):
            weights[PROJECTOR] = weights[WORDS]
        return weights

    def _sinusoidal_positions(self) -> FloatArray:
        n_positions = self.config.max_position_embeddings
        if n_positions > MAX_COMPUTED_POSITIONS:
            raise CheckpointError(
                f"{self.config_file}: max_position_embeddings is {n_positions}; expected at most "
                f"{MAX_COMPUTED_POSITIONS}, as the weights contain no position embeddings."
            )
        return sinusoidal_positions(n_positions, self.config.dim)


def sinusoidal_positions(n_positions: int, dim: int) -> FloatArray:
    """Return transformers' sinusoidal position embeddings: sines in even, cosines in odd columns.

    *Shape:* (n_positions, dim)
    """
    rates = 10000.0 ** (-2 * (np.arange(dim) // 2) / dim)
    angles = np.arange(n_positions)[:, None] * rates
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return angles.astype(np.float32)
