"""The tensors of weight files under this package's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.checkpoint.tensor_names import (
    ENCODER_PREFIXES,
    HEAD_PREFIXES,
    NEVER_READ,
    canonical_name,
    wrapper_prefixes,
)
from skdistilbert.exceptions import CheckpointError, warn_user

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence, Set

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.checkpoint.safetensors_file import SafetensorsFile
    from skdistilbert.checkpoint.tensor_names import Shape

LORA = (
    "The file has LoRA layers. Merge them into the weights once, where peft is installed, with "
    "merge_and_unload(), and save the merged model."
)


class StoredTensors:
    """The file of each tensor, and the name of the tensor in this file.

    Parameters
    ----------
    files : sequence of SafetensorsFile
        The file of the weights, or its shards.
    bert : bool
        Whether the files use the tensor names of BERT.
    """

    def __init__(self, files: Sequence[SafetensorsFile], *, bert: bool) -> None:
        self._path, self._bert = files[0].file, bert
        self._names = [name for file in files for name in file.entries]
        self._wrapper = self._find_wrapper()
        self._sources: dict[str, tuple[SafetensorsFile, str]] = {}
        for file in files:
            for name in file.entries:
                self._add(file, name)

    def _find_wrapper(self) -> str:
        prefixes = wrapper_prefixes(self._names, bert=self._bert)
        if len(prefixes) > 1 and "" not in prefixes:
            raise CheckpointError(
                f"{self._path}: has several encoders; their names start with "
                f"{_quoted(prefixes)}. Save the one you need with its own config.json."
            )
        return prefixes[0] if prefixes else ""

    def _add(self, file: SafetensorsFile, name: str) -> None:
        canonical = canonical_name(name, bert=self._bert, wrapper=self._wrapper)
        if canonical is None:
            return
        if canonical in self._sources:
            other_file, other = self._sources[canonical]
            if canonical != "vocab_projector.bias":
                raise CheckpointError(
                    f"{file.file}: tensor {name!r:.99} is also stored as {other!r:.99} in "
                    f"{other_file.file.name}; expected it once."
                )
            # BERT files may have two names of this bias. transformers uses the decoder's.
            if other.endswith("decoder.bias"):
                return
        self._sources[canonical] = file, name

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def tie(self, name: str, other: str) -> None:
        """Use the tensor `other` for a missing tensor as well."""
        if name not in self._sources and other in self._sources:
            self._sources[name] = self._sources[other]

    def are_same(self, name: str, other: str) -> bool:
        """Return whether two names share a tensor, or only the first is stored."""
        return self._sources.get(other, self._sources[name]) == self._sources[name]

    def read(self, name: str, shape: Shape) -> NDArray[np.float32]:
        """Return a tensor; raise CheckpointError if it has another shape."""
        file, name_in_file = self._sources[name]
        if (found := file.entries[name_in_file].shape) != shape:
            raise CheckpointError(
                f"{file.file}: tensor {name_in_file!r:.99} has shape {found}; expected {shape} by "
                "config.json."
            )
        return file.read(name_in_file)

    def check_complete(self, needed: Set[str]) -> None:
        """Raise CheckpointError if needed tensors are missing; name some tensors of the file."""
        missing = needed - set(self._sources)
        if not missing:
            return
        examples = self._names[:3]
        found = f"The file has {len(self._names)} tensors" + (
            f", such as {_quoted(examples)}. " if examples else ". "
        )
        lora = any("lora_" in name for name in self._names)
        raise CheckpointError(
            f"{self._path}: {_listed(missing)} missing; config.json requires "
            f"{'it' if len(missing) == 1 else 'them'}. {found}"
            + (LORA if lora else "Use a config.json and weights of the same model.")
        )

    def check_others(self, needed: Set[str], *, encoder_only: bool) -> None:
        """Raise CheckpointError for other tensors of encoder or head; warn of unused ones."""
        parts = ENCODER_PREFIXES + (("encoder.",) if self._bert else ())
        others = set(self._sources) - needed
        if encoder_only:
            others = {name for name in others if name.startswith(parts)}
        unexpected = {name for name in others if name.startswith(parts + HEAD_PREFIXES)}
        if unexpected:
            file, name = self._sources[min(unexpected)]
            raise CheckpointError(
                f"{file.file}: {_listed(unexpected)} unexpected (in the file: {name!r:.99}). Use "
                "a config.json and weights of the same model."
                + ("" if encoder_only else " DistilBertModel.from_pretrained ignores task heads.")
            )
        unused = {name for name in others if not any(part in name for part in NEVER_READ)}
        if unused:
            warn_user(
                f"{self._path}: {_listed(unused)} not used. If the model was trained with them, "
                "its results differ."
            )


def _listed(names: Set[str]) -> str:
    shown = _quoted(sorted(names)[:5]) + (", ..." if len(names) > 5 else "")
    return f"tensor {shown} is" if len(names) == 1 else f"{len(names)} tensors ({shown}) are"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"{name!r:.99}" for name in names)
