"""The product of a weight matrix and the columns of a packed batch with NumPy's BLAS.

OpenBLAS copies ("packs") both matrices before each product. For AVX-512 it also has kernels that
multiply small matrices without packing. If a product is split into tiles that are small enough for
these kernels, it takes 5 to 40 % less time on AMD processors before Zen 5. Other processors
multiply packed matrices twice as fast, and gain from tiles only with few columns.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime.blas import blas_architectures
from skdistilbert.nn.runtime.processor import FAMILY_OF_ZEN_5, Processor, processor

if TYPE_CHECKING:
    from collections.abc import Set

    from numpy.typing import NDArray

    Array = NDArray[np.floating]

# OpenBLAS's names of processors with AVX-512, and its limit of multiplications of a small product.
AVX512_ARCHITECTURES = frozenset({"skylakex", "cooperlake", "sapphirerapids"})
MAX_MULTIPLICATIONS = 10**6
# Rows and columns per tile. The kernels compute 6 rows by 64 columns at a time, and fewer columns
# at the end. More rows save calls.
ROWS = (24, 12)
COLUMNS = 64
# Maximum number of columns for which tiles are faster on Intel and on Zen 5.
MAX_COLUMNS_OF_OTHER_PROCESSORS = 16
# The kernels add the terms of a sum one by one, so long sums of large terms round much. In MiniLM,
# sums of 768 terms in the second feed-forward layer (2**19 weights) changed hidden states by
# 1.2e-5 from torch's, sums of 256 terms by at most 9.8e-6. They cost 1 to 3 % of a forward pass.
# Larger layers showed no need for short sums.
MAX_TERMS_OF_SHORT_SUMS = 256
MAX_SIZE_WITH_SHORT_SUMS = 2**20


def multiply_with_numpy(weight: Array, x: Array) -> Array:
    """Compute `matmul`, which documents the shapes, with NumPy."""
    n_columns = x.shape[1]
    n_out, n_in = weight.shape[-2:]
    if (
        n_columns > _max_columns()
        or n_out * n_in * n_columns <= MAX_MULTIPLICATIONS
        or n_out % ROWS[-1]
        or weight.dtype != np.float32
    ):
        return weight @ x
    return multiply_in_tiles(weight, x)


@cache
def _max_columns() -> float:
    return max_columns_in_tiles(blas_architectures(), processor())


def max_columns_in_tiles(architectures: Set[str], processor: Processor) -> float:
    """Return the maximum number of columns for which tiles are faster."""
    if not architectures & AVX512_ARCHITECTURES:
        return 0
    if processor.vendor == "AuthenticAMD" and processor.family < FAMILY_OF_ZEN_5:
        return math.inf
    return MAX_COLUMNS_OF_OTHER_PROCESSORS


def multiply_in_tiles(weight: Array, x: Array) -> Array:
    """Compute `multiply_with_numpy` in tiles; `n_out` must be divisible by 12."""
    n_columns = x.shape[1]
    out = np.empty((*weight.shape[:-1], n_columns), x.dtype)
    # The last tile is wider if necessary, as a narrow one would be slow.
    n_regular = max(0, n_columns // COLUMNS - 1) * COLUMNS
    if n_regular:
        _fill_tiles(weight, x[:, :n_regular], COLUMNS, out[..., :n_regular])
    _fill_tiles(weight, x[:, n_regular:], n_columns - n_regular, out[..., n_regular:])
    return out


def _fill_tiles(weight: Array, x: Array, columns: int, out: Array) -> None:
    """Write the product to `out`, in tiles of some columns and sums of limited length."""
    n_out, n_in = weight.shape[-2:]
    n_terms = _terms_per_sum(weight, columns)
    fits = n_out % ROWS[0] == 0 and ROWS[0] * n_terms * columns <= MAX_MULTIPLICATIONS
    rows = ROWS[0] if fits else ROWS[1]
    # (..., n_out / rows, 1, rows, n_in) @ (n_tiles, n_in, columns)
    blocks = weight.reshape(*weight.shape[:-2], n_out // rows, 1, rows, n_in)
    tiles = x.reshape(n_in, -1, columns).swapaxes(0, 1)
    out_tiles = out.reshape(*blocks.shape[:-3], rows, len(tiles), columns).swapaxes(-3, -2)
    for start in range(0, n_in, n_terms):
        terms = slice(start, start + n_terms)
        # The kernels need each tile in contiguous memory.
        contiguous = np.ascontiguousarray(tiles[:, terms])
        if start == 0:
            np.matmul(blocks[..., terms], contiguous, out=out_tiles)
        else:
            out_tiles += blocks[..., terms] @ contiguous


def _terms_per_sum(weight: Array, columns: int) -> int:
    """Return the length of equal pieces of a row that fit the kernels and limit rounding."""
    n_out, n_in = map(int, weight.shape[-2:])
    n_pieces = -(-ROWS[-1] * n_in * columns // MAX_MULTIPLICATIONS)
    # With few columns, short sums would cost 10 to 20 % of the product.
    is_wide = ROWS[0] * n_in * columns > MAX_MULTIPLICATIONS
    if is_wide and n_in > n_out and weight.size <= MAX_SIZE_WITH_SHORT_SUMS:
        n_pieces = max(n_pieces, -(-n_in // MAX_TERMS_OF_SHORT_SUMS))
    return -(-n_in // n_pieces)
