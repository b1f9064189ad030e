"""The precision of products, and whether this machine multiplies in bfloat16.

MKL multiplies bfloat16 on processors that have instructions for it (AVX512_BF16 or AMX). On others
it is many times slower than in float32.
"""

from __future__ import annotations

import os
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from skdistilbert.exceptions import warn_user
from skdistilbert.nn.runtime.bfloat16 import RoundedWeight
from skdistilbert.nn.runtime.mkl import Mkl, MklError, PackedBfloat16Weight, load_mkl
from skdistilbert.nn.runtime.numpy_product import multiply_with_numpy
from skdistilbert.nn.runtime.process_lock import ProcessLock
from skdistilbert.nn.runtime.processor import has_bfloat16
from skdistilbert.nn.runtime.product_choice import (
    MEASURED_SIZES,
    requested_library,
    shortest_times,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.floating]

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# Tests multiply in bfloat16 on any processor: with MKL ("mkl") or an emulation ("numpy").
EMULATION_VARIABLE = "SKDISTILBERT_EMULATE_BFLOAT16"
REMEDY = (
    "To multiply in bfloat16, run on Linux with a processor that has AVX512_BF16 or AMX, and "
    "install MKL with pip install 'skdistilbert[mkl]'. precision='float32' avoids this warning."
)

_lock = ProcessLock()


class Packed(Protocol):
    """A copy of a weight matrix (n_out, n_in) for its products."""

    @property
    def nbytes(self) -> int:
        """Memory of the copy in bytes."""

    def multiply(self, x: Array) -> Array:
        """Multiply the weight by columns: (n_in, n_columns) -> (n_out, n_columns)."""


def check_precision(precision: object) -> None:
    """Raise ValueError unless the precision is known."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        accepted = ", ".join(map(repr, PRECISIONS))
        raise ValueError(f"precision must be one of {accepted}; got {precision!r:.99}.")


def supported_precision(precision: Precision) -> Precision:
    """Return the precision, or "float32" if this machine does not multiply in bfloat16.

    Warns
    -----
    UserWarning
        Once per process, if this machine does not multiply in bfloat16.
    """
    check_precision(precision)
    if precision == "bfloat16":
        with _lock:
            return precision if bfloat16_packing() else "float32"
    return precision


@cache
def bfloat16_packing() -> Callable[[Array], Packed] | None:
    """Return the function that packs a weight in bfloat16; None, after a warning, without one."""
    if os.environ.get(EMULATION_VARIABLE) == "numpy":
        return RoundedWeight
    mkl = _mkl_for_bfloat16()
    if isinstance(mkl, Mkl):
        return partial(PackedBfloat16Weight, mkl)
    warn_user(f"precision='bfloat16' computes in float32 here: {mkl}. {REMEDY}")
    return None


def _mkl_for_bfloat16() -> Mkl | str:
    """Return MKL, or the reason why it cannot multiply bfloat16 fast."""
    emulates = os.environ.get(EMULATION_VARIABLE) == "mkl"
    if not (has_bfloat16() or emulates):
        return "this processor has no instructions for bfloat16, or its system does not list them"
    if requested_library() == "numpy":
        return "SKDISTILBERT_MATMUL=numpy"
    mkl = load_mkl()
    if isinstance(mkl, MklError):
        return str(mkl)
    gain = _gain_of_bfloat16(mkl)
    if gain > 1 or emulates:
        return mkl
    return f"MKL {mkl.version} multiplies bfloat16 only {gain:.2f} times as fast"


def _gain_of_bfloat16(mkl: Mkl) -> float:
    rows, terms, columns = MEASURED_SIZES
    weight, x = np.ones((rows, terms), np.float32), np.ones((terms, columns), np.float32)
    packed = PackedBfloat16Weight(mkl, weight)
    *in_float32, in_bfloat16 = shortest_times(
        lambda: multiply_with_numpy(weight, x),
        lambda: mkl.multiply(weight, x),
        lambda: packed.multiply(x),
    )
    return min(in_float32) / in_bfloat16
