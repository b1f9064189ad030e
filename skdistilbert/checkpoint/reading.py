"""Read a checkpoint directory: its configuration and its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.checkpoint.config import DistilBertConfig
from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.checkpoint.tensor_names import (
    ENCODER_PREFIXES,
    HEAD_OF_ARCHITECTURE,
    HEAD_OF_TENSOR,
    HEAD_PREFIXES,
    POSITIONS,
    PROJECTOR,
    TOKEN_TYPES,
    UNSUPPORTED_ARCHITECTURES,
    WORDS,
    Head,
    Shape,
    canonical_name,
    encoder_shapes,
    head_shapes,
)
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.download import FILES_BESIDE_WEIGHTS
from skdistilbert.files.file_names import INDEX_FILE, WEIGHTS_FILE, shard_names
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.model_type import check_model_type

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.mapped_file import MappedFile

    FloatArray = NDArray[np.float32]

# Limits the memory for sinusoidal positions that are not in the file.
MAX_COMPUTED_POSITIONS = 2**16
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


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

    A BERT encoder becomes a DistilBERT: the embedding of token type 0 is added to every position
    embedding, and the pooler and the next-sentence head are ignored.

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
    config = DistilBertConfig.from_file(directory / "config.json")
    model_type = check_model_type(read_json_object(directory / "config.json"))
    reader = _WeightsReader(directory, config, bert=model_type == "bert")
    head = None if encoder_only else reader.head()
    weights = reader.read(head, encoder_only=encoder_only)
    if not allow_non_finite:
        check_finite(weights, directory, "; to load it nevertheless, pass allow_non_finite=True")
    beside = (sorted(directory.glob(pattern)) for pattern in FILES_BESIDE_WEIGHTS)
    files = (*(file for found in beside for file in found if file.is_file()), *reader.paths)
    return Checkpoint(config, weights, head, files, directory, reader.mapped)


class _WeightsReader:
    """The tensors of one or several files, under this package's names."""

    def __init__(self, directory: Path, config: DistilBertConfig, *, bert: bool) -> None:
        self.config = config
        self.config_file = directory / "config.json"
        self.bert = bert
        self.paths = _weight_files(directory)
        files = [SafetensorsFile(path) for path in self.paths]
        self.mapped = tuple(file.mapped for file in files)
        self._sources: dict[str, tuple[SafetensorsFile, str]] = {}
        for file in files:
            for name in file.entries:
                self._add(file, name)

    def _add(self, file: SafetensorsFile, name: str) -> None:
        canonical = canonical_name(name, bert=self.bert)
        if canonical is None:
            return
        # BERT files may contain the projector's bias under two names.
        if canonical in self._sources and canonical != "vocab_projector.bias":
            other_file, other = self._sources[canonical]
            raise CheckpointError(
                f"{file.file}: tensor {name!r} is also stored as {other!r} in "
                f"{other_file.file.name}; expected it once."
            )
        self._sources[canonical] = file, name

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
        if not any(name.startswith(HEAD_PREFIXES) for name in self._sources):
            return None
        if architecture:
            return HEAD_OF_ARCHITECTURE[architecture]
        heads = (head for tensor, head in HEAD_OF_TENSOR.items() if tensor in self._sources)
        return next(heads, "token_classification")

    def read(self, head: Head | None, *, encoder_only: bool) -> dict[str, FloatArray]:
        """Return the tensors of the encoder and a head; raise CheckpointError for others."""
        config = self.config
        # The configuration must not decide how much memory the list of tensor names takes.
        if config.n_layers > max(len(self._sources), 1000):
            raise CheckpointError(
                f"{self.config_file}: n_layers is {config.n_layers}, but the weights have only "
                f"{len(self._sources)} tensors."
            )
        shapes = encoder_shapes(config) | head_shapes(config, head)
        self._check_names(set(shapes), encoder_only=encoder_only)
        weights = {
            name: self._read(name, shape)
            for name, shape in shapes.items()
            if name in self._sources
        }
        if POSITIONS not in weights:
            weights[POSITIONS] = self._sinusoidal_positions()
        if head == "masked_lm":
            weights.setdefault(PROJECTOR, weights[WORDS])
        if TOKEN_TYPES in self._sources:
            weights[POSITIONS] = weights[POSITIONS] + self._first_token_type()
        return weights

    def _check_names(self, needed: set[str], *, encoder_only: bool) -> None:
        missing = needed - set(self._sources)
        if self.config.sinusoidal_pos_embds:
            missing.discard(POSITIONS)
        if self.config.tie_word_embeddings:
            missing.discard(PROJECTOR)
        if missing:
            raise CheckpointError(
                f"{self.paths[0]}: {_listed(missing)} missing; config.json requires "
                f"{'it' if len(missing) == 1 else 'them'}."
            )
        unexpected = set(self._sources) - needed - ({TOKEN_TYPES} if self.bert else set())
        if encoder_only:
            unexpected = {name for name in unexpected if name.startswith(ENCODER_PREFIXES)}
        if unexpected:
            file, name = self._sources[min(unexpected)]
            raise CheckpointError(
                f"{file.file}: {_listed(unexpected)} unexpected (in the file: {name!r}). Do "
                "config.json and the weights belong together?"
                + ("" if encoder_only else " DistilBertModel.from_pretrained ignores task heads.")
            )

    def _read(self, name: str, shape: Shape) -> FloatArray:
        file, name_in_file = self._sources[name]
        found = file.entries[name_in_file].shape
        if found != shape:
            raise CheckpointError(
                f"{file.file}: tensor {name_in_file!r} has shape {found}; expected {shape} by "
                "config.json."
            )
        return file.read(name_in_file)

    def _sinusoidal_positions(self) -> FloatArray:
        n_positions = self.config.max_position_embeddings
        if n_positions > MAX_COMPUTED_POSITIONS:
            raise CheckpointError(
                f"{self.config_file}: max_position_embeddings is {n_positions}; expected at most "
                f"{MAX_COMPUTED_POSITIONS}, as the weights contain no position embeddings."
            )
        return sinusoidal_positions(n_positions, self.config.dim)

    def _first_token_type(self) -> FloatArray:
        file, name = self._sources[TOKEN_TYPES]
        n_types = next(iter(file.entries[name].shape), 0)
        if n_types < 1:
            raise CheckpointError(
                f"{file.file}: tensor {name!r} has no rows; expected at least 1."
            )
        first: FloatArray = self._read(TOKEN_TYPES, (n_types, self.config.dim))[0]
        return first


def _weight_files(directory: Path) -> tuple[Path, ...]:
    single, index = directory / WEIGHTS_FILE, directory / INDEX_FILE
    if single.is_file():
        return (single,)
    if index.is_file():
        return tuple(directory / name for name in shard_names(index))
    pickle = next((name for name in PICKLES if (directory / name).is_file()), None)
    if pickle:
        raise CheckpointError(
            f"{directory} has {pickle} but no {WEIGHTS_FILE}. Pickles are never read, because "
            "they can run any code. Convert it once, where transformers is installed, with "
            "AutoModel.from_pretrained(directory).save_pretrained(new_directory)."
        )
    raise CheckpointError(f"{single} does not exist, and {INDEX_FILE} does not exist either.")


def sinusoidal_positions(n_positions: int, dim: int) -> FloatArray:
    """Return transformers' sinusoidal position embeddings: sines in even, cosines in odd columns.

    *Shape:* (n_positions, dim)
    """
    rates = 10000.0 ** (-2 * (np.arange(dim) // 2) / dim)
    angles = np.arange(n_positions)[:, None] * rates
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return angles.astype(np.float32)


def _listed(names: set[str]) -> str:
    shown = ", ".join(map(repr, sorted(names)[:5])) + (", ..." if len(names) > 5 else "")
    return f"tensor {shown} is" if len(names) == 1 else f"{len(names)} tensors ({shown}) are"
