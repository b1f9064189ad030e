"""bfloat16: the upper half of a float32, with 8 instead of 24 bits of precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime.numpy_product import multiply_with_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.floating]

HALF = np.uint32(0x8000)  # half of a unit in the last place


def round_to_bfloat16(x: Array) -> NDArray[np.uint16]:
    """Return the bits of the nearest bfloat16 of float32 values, C-contiguous, in the same shape.

    A value half-way between two is rounded away from zero, which takes two operations instead of
    five. Infinity and the NaNs that arithmetic returns are kept.
    """
    rounded = np.ascontiguousarray(x).view(np.uint32) + HALF
    return rounded.view(np.uint16)[..., int(np.little_endian) :: 2].copy()


def widen(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the float32 values of bfloat16 bits."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


class RoundedWeight:
    """A weight matrix with the values of bfloat16, which NumPy multiplies in float32.

    This emulates hardware for bfloat16 in tests and in measurements of accuracy.
    """

    def __init__(self, weight: Array) -> None:
        self._weight = widen(round_to_bfloat16(weight))
        self.nbytes = self._weight.nbytes

    def multiply(self, x: Array) -> Array:
        """Multiply the weight by columns: (n_in, n_columns) -> (n_out, n_columns)."""
        return multiply_with_numpy(self._weight, widen(round_to_bfloat16(x)))
