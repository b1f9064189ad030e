"""The products of a network's weights. Packed copies of constant weights are kept.

Packing a weight takes as long as a product with few columns. Copies belong to the object that
made them, which belongs to one model: they are freed with it and never pickled. A forked process
inherits them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from skdistilbert.nn.runtime.matrix_product import matmul, mkl_for
from skdistilbert.nn.runtime.mkl import PackedWeight
from skdistilbert.nn.runtime.precision import bfloat16_packing
from skdistilbert.nn.runtime.process_lock import ProcessLock
from skdistilbert.nn.runtime.product_choice import chosen_mkl

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.nn.runtime.precision import Packed

    Array = NDArray[np.floating]

# On an Intel Xeon with AVX-512, MKL multiplies packed weights by 16 columns in 0.84 of the time,
# by 32 in 0.88, by 128 in 0.96 and by 1024 in 1.05.
MAX_COLUMNS_OF_PACKED_WEIGHTS = 64


_packing = ProcessLock()


class WeightProducts:
    """Products of weights that may change."""

    def count_parts(self, n_workers: int) -> int:
        """Return the number of parts into which a layer is split for some workers."""
        return n_workers

    def multiply(self, weight: Array, x: Array) -> Array:
        """Multiply (..., n_out, n_in) by (n_in, n_columns) to (..., n_out, n_columns)."""
        return matmul(weight, x)


class ConstantWeightProducts(WeightProducts):
    """Products of weights that never change, in float32."""

    def __init__(self) -> None:
        self._packed: dict[tuple[Any, ...], tuple[Array, Packed]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"_packed": {}}

    @cached_property
    def in_bfloat16(self) -> Bfloat16Products:
        """The products of the same weights in bfloat16, if `supported_precision` allows them."""
        return Bfloat16Products()

    @property
    def nbytes(self) -> int:
        """Memory of all packed copies in bytes."""
        return sum(packed.nbytes for _, packed in list(self._packed.values()))

    def count_parts(self, n_workers: int) -> int:
        """Return a power of two, because each number of parts has its own copies."""
        return n_workers if chosen_mkl() is None else largest_power_of_two(n_workers)

    def multiply(self, weight: Array, x: Array) -> Array:
        """Multiply (..., n_out, n_in) by (n_in, n_columns) to (..., n_out, n_columns)."""
        mkl = mkl_for(weight, x)
        if mkl is None or x.shape[1] > MAX_COLUMNS_OF_PACKED_WEIGHTS:
            return matmul(weight, x)
        return self._multiply_packed(weight, x, lambda matrix: PackedWeight(mkl, matrix))

    def _multiply_packed(self, weight: Array, x: Array, pack: Callable[[Array], Packed]) -> Array:
        # Parts of a layer are new views in each pass, but of the same memory.
        key = weight.__array_interface__["data"][0], weight.shape, weight.strides
        if key not in self._packed:
            with _packing:  # One thread packs; the others wait.
                if key not in self._packed:
                    packed = pack(weight.reshape(-1, weight.shape[-1]))
                    # The copy keeps the weight, so that no other array gets its address.
                    self._packed[key] = weight, packed
        _, packed = self._packed[key]
        return packed.multiply(x).reshape(*weight.shape[:-1], x.shape[1])


class Bfloat16Products(ConstantWeightProducts):
    """Products of constant weights in bfloat16, with sums and results in float32."""

    @property
    def in_bfloat16(self) -> Bfloat16Products:
        """These products."""
        return self

    def count_parts(self, n_workers: int) -> int:
        """Return a power of two, because each number of parts has its own copies."""
        return largest_power_of_two(n_workers)

    def multiply(self, weight: Array, x: Array) -> Array:
        """Multiply (..., n_out, n_in) by (n_in, n_columns) to (..., n_out, n_columns)."""
        pack = bfloat16_packing()
        assert pack is not None
        return self._multiply_packed(weight, x, pack)


def largest_power_of_two(n: int) -> int:
    """Return the largest power of two that is not greater than `n`."""
    return 1 << (n.bit_length() - 1)
