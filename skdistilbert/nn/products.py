"""The product of a weight matrix and the columns of a packed batch.

OpenBLAS rearranges ("packs") both matrices before each product. With few columns that takes as
long as the multiplications. On processors with AVX-512 it also has kernels that read small
matrices where they stand; cut into blocks of rows, the weights are small enough for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.threads import blas_architectures

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array

# As OpenBLAS's kernel/x86_64/sgemm_small_kernel_permit_skylakex.c sets it.
MAX_MULTIPLICATIONS_IN_PLACE = 10**6
ARCHITECTURES_WITH_SMALL_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids"})
# The kernels work on six rows at a time; more save calls.
ROWS_A_BLOCK = (24, 12, 6)


def product(weight: Array, x: Array) -> Array:
    """Multiply (..., n_out, n_in) by the columns (n_in, n_tokens): (..., n_out, n_tokens)."""
    *outer, n_out, n_in = weight.shape
    rows = _rows_a_block(n_out, x.size, weight.dtype)
    if rows is None:
        return weight @ x
    blocks: Array = weight.reshape(*outer, n_out // rows, rows, n_in) @ x
    return blocks.reshape(*outer, n_out, x.shape[1])


def _rows_a_block(n_out: int, work_a_row: int, dtype: np.dtype[np.floating]) -> int | None:
    """Rows of a block that needs no packing; None where that is not possible or no gain."""
    fits = MAX_MULTIPLICATIONS_IN_PLACE // max(1, work_a_row)
    if fits < ROWS_A_BLOCK[-1] or fits >= n_out or dtype != np.float32:
        return None
    if not blas_architectures() & ARCHITECTURES_WITH_SMALL_KERNELS:
        return None
    return next((rows for rows in ROWS_A_BLOCK if rows <= fits and n_out % rows == 0), None)
