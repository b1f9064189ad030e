"""Reading a checkpoint directory: its configuration, and its weights under our names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.checkpoint.config import DistilBertConfig
from skdistilbert.checkpoint.names import (
    ENCODER_PREFIXES,
    HEAD_OF_ARCHITECTURE,
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
from skdistilbert.checkpoint.safetensors_file import SafetensorsFile, check_finite
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.download import FILES_BESIDE_WEIGHTS
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.model_type import check_model_type
from skdistilbert.files.names import INDEX_FILE, WEIGHTS_FILE, shard_names

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from skdistilbert.checkpoint.mapped_file import MappedFile

    FloatArray = NDArray[np.float32]

# Sinusoidal positions that no file holds must not take any memory that a configuration names.
MAX_COMPUTED_POSITIONS = 2**16
LEAVING_HEADS = " DistilBertModel.from_pretrained reads the encoder and leaves any task head."
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint directory holds.

    Attributes
    ----------
    config : DistilBertConfig
    weights : mapping of str to read-only float32 ndarray
        Tensors under transformers' names for DistilBERT, without the prefix ``distilbert.``.
    head : str or None
        "sequence_classification", "token_classification", "question_answering", "masked_lm".
    files : tuple of Path
        All on which results depend, the weights last.
    directory : Path
    mapped : tuple of MappedFile
        The files of which `weights` are views.
    """

    config: DistilBertConfig
    weights: Mapping[str, FloatArray]
    head: Head | None
    files: tuple[Path, ...]
    directory: Path
    mapped: tuple[MappedFile, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Hash (SHA-256) of the files' names and contents."""
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

    Parameters
    ----------
    path : str or path-like
        Checkpoint directory, of ``model_type`` ``distilbert`` or ``bert``. A BERT encoder is
        read as a DistilBERT: the embedding of token type 0 is added to every position's, the
        pooler and the next-sentence head are left.
    encoder_only : bool, default=False
        Leave all but the encoder: the task head, whichever it is, and tensors of any other name.
    allow_non_finite : bool, default=False
        Accept weights that are NaN or infinite.

    Returns
    -------
    Checkpoint

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
    config = DistilBertConfig.from_pretrained(directory)
    model_type = check_model_type(read_json_object(directory / "config.json"))
    reader = _WeightsReader(directory, config, bert=model_type == "bert")
    head = None if encoder_only else reader.head()
    weights = reader.read(head, encoder_only=encoder_only)
    if not allow_non_finite:
        check_finite(weights, directory, "; allow_non_finite=True reads it all the same")
    return Checkpoint(
        config,
        weights,
        head,
        (*_files_beside_weights(directory), *reader.paths),
        directory,
        reader.mapped,
    )


def _files_beside_weights(directory: Path) -> Iterator[Path]:
    """Find all on which results depend: tokenizer, modules and prompts, too."""
    for pattern in FILES_BESIDE_WEIGHTS:
        yield from (file for file in sorted(directory.glob(pattern)) if file.is_file())


class _WeightsReader:
    """The tensors of one or several files, under our names."""

    def __init__(self, directory: Path, config: DistilBertConfig, *, bert: bool) -> None:
        self.directory = directory
        self.config = config
        self.bert = bert
        self.paths = _weight_files(directory)
        self._sources: dict[str, tuple[SafetensorsFile, str]] = {}
        files = [SafetensorsFile(path) for path in self.paths]
        self.mapped = tuple(file.mapped for file in files)
        for file in files:
            for name in file.entries:
                self._add(file, name)

    def _add(self, file: SafetensorsFile, name: str) -> None:
        ours = canonical_name(name, bert=self.bert)
        if ours is None:
            return
        if ours in self._sources and ours != "vocab_projector.bias":  # BERT has two names for it
            other_file, other = self._sources[ours]
            raise CheckpointError(
                f"{file.file}: tensor {name!r} is there twice, also as {other!r} in "
                f"{other_file.file.name}."
            )
        self._sources[ours] = file, name

    def head(self) -> Head | None:
        """Give the head that the configuration names, or else the one the tensors are of."""
        architecture = next(iter(self.config.architectures), None)
        if architecture in UNSUPPORTED_ARCHITECTURES:
            raise CheckpointError(
                f"{self.directory / 'config.json'}: {architecture} can't be loaded with its head: "
                f"{UNSUPPORTED_ARCHITECTURES[architecture]}. Its encoder alone can: use "
                "DistilBertModel.from_pretrained, or an estimator."
            )
        if architecture is not None and architecture not in HEAD_OF_ARCHITECTURE:
            raise CheckpointError(
                f"{self.directory / 'config.json'}: architectures names {architecture!r:.99}; "
                f"expected one of {', '.join(HEAD_OF_ARCHITECTURE)}. Its encoder alone can be "
                "read, if it is BERT's or DistilBERT's: use DistilBertModel.from_pretrained, or "
                "an estimator."
            )
        if not any(name.startswith(HEAD_PREFIXES) for name in self._sources):
            return None
        return HEAD_OF_ARCHITECTURE[architecture] if architecture else self._head_of_tensors()

    def _head_of_tensors(self) -> Head:
        if "vocab_transform.weight" in self._sources:
            return "masked_lm"
        if "qa_outputs.weight" in self._sources:
            return "question_answering"
        if "pre_classifier.weight" in self._sources:
            return "sequence_classification"
        return "token_classification"

    def read(self, head: Head | None, *, encoder_only: bool) -> dict[str, FloatArray]:
        """Read the tensors of the encoder and a head; all others are an error."""
        self._check_n_layers()
        shapes = encoder_shapes(self.config) | head_shapes(self.config, head)
        optional = {TOKEN_TYPES, PROJECTOR}
        self._check_names(set(shapes), optional, encoder_only=encoder_only)
        weights = {
            name: self._read(name, shapes[name]) for name in shapes if name in self._sources
        }
        if POSITIONS not in weights:
            self._check_n_positions()
            weights[POSITIONS] = sinusoidal_positions(*shapes[POSITIONS])
        if head == "masked_lm" and PROJECTOR not in weights:
            weights[PROJECTOR] = weights[WORDS]
        if TOKEN_TYPES in self._sources:
            weights[POSITIONS] = self._with_first_token_type(weights[POSITIONS])
        return weights

    def _check_n_layers(self) -> None:
        """Before every layer is listed: the memory for that must not be the configuration's."""
        if self.config.n_layers > max(len(self._sources), 1000):
            raise CheckpointError(
                f"{self.directory / 'config.json'}: n_layers is {self.config.n_layers}, but the "
                f"weights have only {len(self._sources)} tensors."
            )

    def _check_names(self, needed: set[str], optional: set[str], *, encoder_only: bool) -> None:
        if self.config.sinusoidal_pos_embds:
            optional = optional | {POSITIONS}
        if not self.config.tie_word_embeddings:
            optional = optional - {PROJECTOR}
        missing = sorted(needed - optional - set(self._sources))
        if missing:
            raise CheckpointError(
                f"{self.paths[0]}: {_listed(missing, 'tensor')} missing; config.json asks for "
                f"{'it' if len(missing) == 1 else 'them'}."
            )
        allowed = needed | ({TOKEN_TYPES} if self.bert else set())
        unexpected = [name for name in self._sources if name not in allowed]
        if encoder_only:
            unexpected = [name for name in unexpected if name.startswith(ENCODER_PREFIXES)]
        if unexpected:
            file, name = self._sources[min(unexpected)]
            raise CheckpointError(
                f"{file.file}: {_listed(sorted(unexpected), 'tensor')} unexpected (in the file: "
                f"{name!r}). Do config.json and the weights belong together?"
                + ("" if encoder_only else LEAVING_HEADS)
            )

    def _check_n_positions(self) -> None:
        if self.config.max_position_embeddings > MAX_COMPUTED_POSITIONS:
            raise CheckpointError(
                f"{self.directory / 'config.json'}: max_position_embeddings is "
                f"{self.config.max_position_embeddings}; at most {MAX_COMPUTED_POSITIONS} are "
                "computed where the weights have none."
            )

    def _read(self, name: str, shape: Shape) -> FloatArray:
        file, name_in_file = self._sources[name]
        got = file.entries[name_in_file].shape
        if got != shape:
            raise CheckpointError(
                f"{file.file}: tensor {name_in_file!r} has shape {got}; expected {shape} by "
                "config.json."
            )
        return file.read(name_in_file)

    def _with_first_token_type(self, positions: FloatArray) -> FloatArray:
        file, name = self._sources[TOKEN_TYPES]
        n_types = file.entries[name].shape[0] if file.entries[name].shape else 0
        if n_types < 1:
            raise CheckpointError(f"{file.file}: tensor {name!r} has no row.")
        first: FloatArray = self._read(TOKEN_TYPES, (n_types, self.config.dim))[0]
        return positions + first


def _weight_files(directory: Path) -> tuple[Path, ...]:
    single, index = directory / WEIGHTS_FILE, directory / INDEX_FILE
    if single.is_file():
        return (single,)
    if index.is_file():
        return tuple(directory / name for name in shard_names(index))
    pickle = next((name for name in PICKLES if (directory / name).is_file()), None)
    if pickle:
        raise CheckpointError(
            f"{directory} has {pickle} but no {WEIGHTS_FILE}. Pickles are never read, as they can "
            "run any code; convert it once, where transformers is installed, with "
            "AutoModel.from_pretrained(directory).save_pretrained(new_directory)."
        )
    raise CheckpointError(f"{single} does not exist, and no {INDEX_FILE} either.")


def sinusoidal_positions(n_positions: int, dim: int) -> FloatArray:
    """Sines in the even features, cosines in the odd, as transformers' DistilBERT has them."""
    rates = 10000.0 ** (-2 * (np.arange(dim) // 2) / dim)
    angles = np.arange(n_positions)[:, None] * rates  # (n_positions, dim)
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return angles.astype(np.float32)


def _listed(names: list[str], noun: str) -> str:
    shown = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
    return f"{noun} {shown} is" if len(names) == 1 else f"{len(names)} {noun}s ({shown}) are"
