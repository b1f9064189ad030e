"""Reading `model.safetensors`: tensors as views of the mapped file.

The format is that of https://github.com/huggingface/safetensors: eight bytes with the length of
a JSON header, the header, the data. The safetensors library checks the file (that the tensors
fill it without holes or overlaps); the views are ours, as the library's own are copies, and
processes that map one file share its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from skdistilbert.checkpoint.mapped_file import MappedFile
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import parse_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Bytes of a tensor's element, read as these; bfloat16 is the upper half of a float32.
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class TensorEntry(NamedTuple):
    """Where a tensor stands in a file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class SafetensorsFile:
    """A checked and mapped file.

    Raises
    ------
    CheckpointError
        If the file is missing or malformed.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self.mapped = MappedFile.now(file)
            # The checks allocate no more than the header, which must lie within the file.
            with safe_open(file, "np"):
                pass
            self._bytes = np.memmap(file, np.uint8, mode="r")
        except FileNotFoundError:
            raise CheckpointError(f"{file} does not exist.") from None
        except (SafetensorError, ValueError, OSError) as error:
            raise CheckpointError(
                f"{file}: is not a valid safetensors file ({error!s:.300})."
            ) from None
        header_stop = 8 + int.from_bytes(self._bytes[:8].tobytes(), "little")
        header = parse_json_object(self._bytes[8:header_stop].tobytes(), f"{file}, header")
        header.pop("__metadata__", None)
        self.entries = {
            name: TensorEntry(
                entry["dtype"],
                tuple(entry["shape"]),
                header_stop + entry["data_offsets"][0],
                header_stop + entry["data_offsets"][1],
            )
            for name, entry in header.items()
        }

    def read(self, name: str) -> NDArray[np.float32]:
        """Give a tensor as read-only float32; a view of the file where it is float32 there.

        Raises
        ------
        CheckpointError
            If the tensor is of another type than float32, float16 or bfloat16.
        """
        entry = self.entries[name]
        if entry.dtype not in DTYPES:
            raise CheckpointError(
                f"{self.file}: tensor {name!r} is {entry.dtype}; expected F32, F16 or BF16."
            )
        stored = self._bytes[entry.start : entry.stop].view(DTYPES[entry.dtype])
        tensor = _as_float32(np.asarray(stored), entry.dtype).reshape(entry.shape)
        tensor.flags.writeable = False
        return tensor


def _as_float32(stored: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":
        stored = np.left_shift(stored, 16, dtype=np.uint32).view(np.float32)
    # A file whose header is not padded to four bytes can't be computed with in place.
    return np.require(stored, np.float32, "A")


def check_finite(
    tensors: Mapping[str, NDArray[np.float32]], where: Path, remedy: str = ""
) -> None:
    """Refuse tensors that hold NaN or infinity."""
    for name, tensor in tensors.items():
        # The sum of a finite tensor is finite but for overflow, and eight times faster to see.
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(np.add.reduce(tensor, axis=None))
        if suspicious and not np.isfinite(tensor).all():
            raise CheckpointError(
                f"{where}: tensor {name!r} holds NaN or infinity, so that the model would "
                f"give nothing else{remedy}."
            )
