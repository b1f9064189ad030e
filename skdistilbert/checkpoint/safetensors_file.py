"""Read `model.safetensors` as views of the memory-mapped file.

The format (https://github.com/huggingface/safetensors) is eight bytes with the length of a JSON
header, the header, and the data. The safetensors library validates the file, for example that the
tensors fill it without gaps or overlaps. The views are our own, because the library copies, and
because processes that map the same file share its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from skdistilbert.checkpoint.mapped_file import MappedFile
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.found_instead import found_in_file
from skdistilbert.files.json_file import parse_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# bfloat16 is the upper half of a float32.
DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}


class TensorEntry(NamedTuple):
    """The type, shape and position of a tensor in a file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class SafetensorsFile:
    """A validated and mapped file; a missing or malformed file raises CheckpointError."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self.mapped = MappedFile.now(file)
            # This validates the file and allocates no more than its header.
            with safe_open(file, "np"):
                pass
            self._bytes = np.memmap(file, np.uint8, mode="r")
        except FileNotFoundError:
            raise CheckpointError(f"{file} does not exist.") from None
        except (SafetensorError, ValueError, OSError) as error:
            kind = found_in_file(file)
            details = f", but {kind}" if kind else f" ({error!s:.300})"
            raise CheckpointError(f"{file}: is not a valid safetensors file{details}.") from None
        data = 8 + int.from_bytes(self._bytes[:8].tobytes(), "little")
        header = parse_json_object(self._bytes[8:data].tobytes(), f"{file}, header")
        header.pop("__metadata__", None)
        self.entries = {
            name: TensorEntry(
                entry["dtype"],
                tuple(entry["shape"]),
                *(data + offset for offset in entry["data_offsets"]),
            )
            for name, entry in header.items()
        }

    def read(self, name: str) -> NDArray[np.float32]:
        """Return a tensor as read-only float32; a view of the file if the file has float32.

        Float64 is rounded. Raises CheckpointError if the tensor has another type than float16,
        bfloat16, float32 or float64.
        """
        dtype, shape, start, stop = self.entries[name]
        if dtype not in DTYPES:
            raise CheckpointError(
                f"{self.file}: tensor {name!r} is {dtype}; expected F32, F16, BF16 or F64. If "
                "the weights are quantised, use the original checkpoint."
            )
        stored: NDArray[Any] = np.asarray(self._bytes[start:stop].view(DTYPES[dtype]))
        if dtype == "BF16":
            stored = np.left_shift(stored, 16, dtype=np.uint32).view(np.float32)
        # Data that is not aligned to four bytes is copied.
        with np.errstate(over="ignore"):  # a float64 may become infinite
            tensor = np.require(stored, np.float32, "A").reshape(shape)
        tensor.flags.writeable = False
        return tensor


def check_finite(
    tensors: Mapping[str, NDArray[np.float32]], where: Path, remedy: str = ""
) -> None:
    """Raise CheckpointError if a tensor contains NaN or infinity."""
    for name, tensor in tensors.items():
        # A finite sum proves that a tensor is finite, and is eight times faster than isfinite.
        with np.errstate(all="ignore"):
            suspicious = not np.isfinite(np.add.reduce(tensor, axis=None))
        if suspicious and not np.isfinite(tensor).all():
            raise CheckpointError(f"{where}: tensor {name!r} holds NaN or infinity{remedy}.")
