"""The product of a weight matrix, or of its transpose, and the columns of a packed batch.

OpenBLAS rearranges ("packs") both matrices before each product. With few columns that takes as
long as the multiplications. On processors with AVX-512 it also has kernels that read small
matrices where they stand; cut into blocks of rows, the weights are small enough for them. Long
rows are cut, too, and what the pieces give is added up.
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
# The kernels work on six rows at a time; more save calls. With six alone they gain nothing.
ROWS_A_BLOCK = (24, 12)
# Adding up more pieces, or shorter ones, takes what they gain.
MAX_PIECES_OF_A_ROW = 4
SHORTEST_PIECE = 384


def product(weight: Array, x: Array) -> Array:
    """Multiply (..., n_out, n_in) by the columns (n_in, n_tokens): (..., n_out, n_tokens)."""
    *outer, n_out, n_in = weight.shape
    block = _block(n_out, n_in, x.shape[1], weight.dtype)
    if block is None:
        return weight @ x
    rows, n_pieces = block
    shape = *outer, n_out, x.shape[1]
    if n_pieces == 1:
        blocks: Array = weight.reshape(*outer, n_out // rows, rows, n_in) @ x
        return blocks.reshape(shape)
    cut = weight.reshape(*outer, n_out // rows, rows, n_pieces, n_in // n_pieces)
    columns = x.reshape(n_pieces, *(1 for _ in outer), 1, n_in // n_pieces, x.shape[1])
    # (n_pieces, ..., n_out / rows, rows, n_tokens)
    total: Array = np.add.reduce(np.moveaxis(cut, -2, 0) @ columns, axis=0)
    return total.reshape(shape)


def _block(
    n_out: int, n_in: int, n_tokens: int, dtype: np.dtype[np.floating]
) -> tuple[int, int] | None:
    """Give rows of a block that needs no packing, and into how many pieces they are cut.

    None where that is not possible or no gain.
    """
    if dtype != np.float32 or not blas_architectures() & ARCHITECTURES_WITH_SMALL_KERNELS:
        return None
    for n_pieces in range(1, MAX_PIECES_OF_A_ROW + 1):
        length = n_in // n_pieces
        if n_in % n_pieces or (n_pieces > 1 and length < SHORTEST_PIECE):
            continue
        fits = MAX_MULTIPLICATIONS_IN_PLACE // max(1, length * n_tokens)
        if fits >= n_out:
            return None
        for rows in ROWS_A_BLOCK:
            if rows <= fits and n_out % rows == 0:
                return rows, n_pieces
    return None
