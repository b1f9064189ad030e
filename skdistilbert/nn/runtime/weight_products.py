"""The products of a network's weights, of which packed copies are kept if they are constant.

Packing a weight takes as long as a product with few columns. Copies belong to the object that
made them, which belongs to one model: they are freed with it and never pickled. A forked process
inherits them.
"""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from skdistilbert.nn.runtime.matrix_product import matmul, mkl_for
from skdistilbert.nn.runtime.mkl import PackedWeight
from skdistilbert.nn.runtime.product_choice import chosen_mkl

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.floating]

# On an Intel Xeon with AVX-512, MKL multiplies packed weights by 16 columns in 0.84 of the time,
# by 32 in 0.88, by 128 in 0.96 and by 1024 in 1.05.
MAX_COLUMNS_OF_PACKED_WEIGHTS = 64


class Packed(Protocol):
    """A packed copy of a weight matrix (n_out, n_in)."""

    @property
    def nbytes(self) -> int:
        """Memory of the copy in bytes."""

    def multiply(self, x: Array) -> Array:
        """(n_in, n_columns) -> (n_out, n_columns)."""


class WeightProducts:
    """Products of weights that may change."""

    def count_parts(self, n_workers: int) -> int:
        """Return the number of parts into which a layer is split for some workers."""
        return n_workers

    def multiply(self, weight: Array, x: Array) -> Array:
        """(..., n_out, n_in) times (n_in, n_columns) -> (..., n_out, n_columns)."""
        return matmul(weight, x)


class ConstantWeightProducts(WeightProducts):
    """Products of weights that never change, in float32."""

    def __init__(self) -> None:
        self._packed: dict[tuple[Any, ...], tuple[Array, Packed]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": {}}

    @property
    def nbytes(self) -> int:
        """Memory of all packed copies in bytes."""
        return sum(packed.nbytes for _, packed in list(self._packed.values()))

    def count_parts(self, n_workers: int) -> int:
        """Return a power of two, because each number of parts has its own copies."""
        return n_workers if chosen_mkl() is None else largest_power_of_two(n_workers)

    def multiply(self, weight: Array, x: Array) -> Array:
        """(..., n_out, n_in) times (n_in, n_columns) -> (..., n_out, n_columns)."""
        mkl = mkl_for(weight, x)
        if mkl is None or x.shape[1] > MAX_COLUMNS_OF_PACKED_WEIGHTS:
            return matmul(weight, x)
        return self._multiply_packed(weight, x, lambda matrix: PackedWeight(mkl, matrix))

    def _multiply_packed(self, weight: Array, x: Array, pack: Callable[[Array], Packed]) -> Array:
        # Parts of a layer are new views in each pass, but of the same memory.
        key = weight.__array_interface__["data"][0], weight.shape, weight.strides
        if key not in self._packed:
            with _packing.lock:  # One thread packs; the others wait.
                if key not in self._packed:
                    packed = pack(weight.reshape(-1, weight.shape[-1]))
                    # The copy keeps the weight, so that no other array gets its address.
                    self._packed[key] = weight, packed
        _, packed = self._packed[key]
        return packed.multiply(x).reshape(*weight.shape[:-1], x.shape[1])


def largest_power_of_two(n: int) -> int:
    """Return the largest power of two that is not greater than `n`."""
    return 1 << (n.bit_length() - 1)


class _Packing:
    """The lock of the thread that packs a weight."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Replace the lock, which another thread may have held when the process was forked."""
        self.lock = Lock()


_packing = _Packing()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_packing.reset)
