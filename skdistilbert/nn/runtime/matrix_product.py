"""The product of a matrix, such as weights, and the columns of a packed batch.

OpenBLAS rearranges ("packs") both matrices before each product. On processors with AVX-512 it also
has kernels that read small matrices where they stand. Cut into tiles that are small enough for
them, a product takes 5 to 15 % less time on processors of AMD before Zen 5: blocks of rows by
tiles of columns, and long rows in pieces, whose products are added up. Zen 5 and Intel's multiply
twice as fast what is packed; there the kernels are ahead beside few columns alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime.processor import FAMILY_OF_ZEN_5, processor
from skdistilbert.nn.runtime.threads import blas_architectures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.nn.weights import Array

# As OpenBLAS's kernel/x86_64/sgemm_small_kernel_permit_skylakex.c sets it.
MAX_MULTIPLICATIONS_IN_PLACE = 10**6
ARCHITECTURES_WITH_SMALL_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids"})
# The kernels work on six rows at a time; more save calls. With six alone they gain nothing.
ROWS_A_BLOCK = (24, 12)
# They work on 64 columns at a time, on fewer at the end.
COLUMNS_A_TILE = 64
# The kernels add up a row term by term, and of large terms a long sum rounds much.
MAX_TERMS_OF_SHORT_SUMS = 256
# Sums of 768 terms in the second layers of MiniLM's feed-forward networks, of 2**19 weights each,
# made hidden states differ from torch's by 1.2e-5, short ones by 9.8e-6 at most, in 1 to 3 % more
# time for a pass. Larger layers, in which random weights show no need for it, are spared that.
MAX_SIZE_IN_SHORT_SUMS = 2**20
# Where packing costs less than it brings: beside more columns than these.
MAX_COLUMNS_INTEL = 16
MAX_COLUMNS_ZEN_5 = 256
MAX_COLUMNS_ZEN_5_TRANSPOSED = 32
# There the kernels lose what they gained, if so many columns are left for the last tile.
MAX_COLUMNS_LEFT_ZEN_5 = 32


def matmul(matrix: Array, x: Array) -> Array:
    """Multiply (..., n_out, n_in) by the columns (n_in, n_columns): (..., n_out, n_columns)."""
    n_out, n_in = matrix.shape[-2:]
    n_columns = x.shape[1]
    small = n_out * n_in * n_columns <= MAX_MULTIPLICATIONS_IN_PLACE
    if small or n_out % ROWS_A_BLOCK[-1] or not _is_faster_in_place(matrix, n_columns):
        return matrix @ x
    rows = next(rows for rows in ROWS_A_BLOCK if n_out % rows == 0)
    if rows * n_in * n_columns <= MAX_MULTIPLICATIONS_IN_PLACE:
        blocks: Array = _in_blocks(matrix, rows) @ x
        return blocks.reshape(*matrix.shape[:-1], n_columns)
    out = np.empty((*matrix.shape[:-1], n_columns), x.dtype)
    short_sums = n_in > n_out and matrix.size <= MAX_SIZE_IN_SHORT_SUMS
    max_terms = MAX_TERMS_OF_SHORT_SUMS if short_sums else n_in
    for columns, columns_a_tile in _tiles(n_columns):
        _multiply_tiles(matrix, x[:, columns], columns_a_tile, max_terms, out[..., columns])
    return out


def _is_faster_in_place(matrix: Array, n_columns: int) -> bool:
    architectures = blas_architectures() & ARCHITECTURES_WITH_SMALL_KERNELS
    if matrix.dtype != np.float32 or not architectures:
        return False
    vendor, family = processor()
    if vendor != "AuthenticAMD":
        return n_columns <= MAX_COLUMNS_INTEL
    if family < FAMILY_OF_ZEN_5:
        return True
    if matrix.strides[-1] != matrix.itemsize:
        return n_columns <= MAX_COLUMNS_ZEN_5_TRANSPOSED
    left = n_columns % COLUMNS_A_TILE if n_columns > COLUMNS_A_TILE else 0
    return n_columns <= MAX_COLUMNS_ZEN_5 and left <= MAX_COLUMNS_LEFT_ZEN_5


def _n_pieces(n_in: int, n_columns: int, max_terms: int) -> int:
    """Give in how many pieces rows come that need no packing beside so many columns."""
    least = -(-ROWS_A_BLOCK[-1] * n_in * n_columns // MAX_MULTIPLICATIONS_IN_PLACE)
    return max(least, -(-n_in // max_terms))


def _rows_a_block(n_out: int, n_in: int, n_columns: int) -> int:
    """Give the most rows of a block that needs no packing beside so many columns, or the least."""
    fitting = (
        rows
        for rows in ROWS_A_BLOCK
        if n_out % rows == 0 and rows * n_in * n_columns <= MAX_MULTIPLICATIONS_IN_PLACE
    )
    return next(fitting, ROWS_A_BLOCK[-1])


def _in_blocks(matrix: Array, rows: int) -> Array:
    """View (..., n_out, n_in) as (..., n_blocks, rows, n_in)."""
    *outer, n_out, n_in = matrix.shape
    return matrix.reshape(*outer, n_out // rows, rows, n_in)


def _tiles(n_columns: int) -> Iterator[tuple[slice, int]]:
    """Yield ranges of columns, and how many of them are a tile: the last one is wider."""
    whole = n_columns - n_columns % COLUMNS_A_TILE
    if whole < n_columns:
        whole = max(0, whole - COLUMNS_A_TILE)
        yield slice(whole, n_columns), n_columns - whole
    if whole:
        yield slice(0, whole), COLUMNS_A_TILE


def _multiply_tiles(
    matrix: Array, x: Array, columns_a_tile: int, max_terms: int, out: Array
) -> None:
    """Fill `out`, (..., n_out, n_columns), with the product, long rows piece by piece."""
    n_out, n_in = matrix.shape[-2:]
    length = -(-n_in // _n_pieces(n_in, columns_a_tile, max_terms))
    rows = _rows_a_block(n_out, length, columns_a_tile)
    blocks = _in_blocks(matrix, rows)[..., None, :, :]
    # (..., n_blocks, n_tiles, rows, columns_a_tile)
    blocks_out = _in_blocks(out, rows)
    tiles_out = blocks_out.reshape(*blocks_out.shape[:-1], -1, columns_a_tile).swapaxes(-3, -2)
    for start in range(0, n_in, length):
        piece = slice(start, start + length)
        # (n_tiles, length, columns_a_tile), each in one place of memory
        in_tiles = x[piece].reshape(len(x[piece]), -1, columns_a_tile).swapaxes(0, 1)
        tiles = np.ascontiguousarray(in_tiles)
        if start == 0:
            np.matmul(blocks[..., piece], tiles, out=tiles_out)
        else:
            tiles_out += blocks[..., piece] @ tiles
