"""The choice between NumPy's BLAS and MKL, which is made once per process.

MKL selects its fast kernels on Intel processors only, so a measurement decides. It takes a few
milliseconds, in the first pass that is long enough, and only where MKL is installed.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.exceptions import warn_user
from skdistilbert.nn.runtime.blas import blas_threads
from skdistilbert.nn.runtime.mkl import Mkl, MklError, load_mkl
from skdistilbert.nn.runtime.numpy_product import multiply_with_numpy
from skdistilbert.nn.runtime.process_lock import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "SKDISTILBERT_MATMUL"
LIBRARIES = ("numpy", "mkl")
# Multiplications of a pass that is long enough for a measurement.
MIN_WORK_TO_MEASURE = 10**9
# MKL must be faster by more than the deviation of the measurement.
MIN_GAIN = 1.05
ROUNDS = 5
# Rows, terms and columns of the measured product.
MEASURED_SIZES = (768, 768, 64)


class ProductChoice(NamedTuple):
    """The library that multiplies, and the reason."""

    mkl: Mkl | None  # None: NumPy's BLAS
    reason: str

    def __str__(self) -> str:
        library = "NumPy" if self.mkl is None else f"MKL {self.mkl.version}"
        return f"{library} ({self.reason})"


class _Chosen:
    """The choice of this process."""

    choice: ProductChoice | None = None


_chosen, _lock = _Chosen(), ProcessLock()


def chosen_mkl() -> Mkl | None:
    """Return MKL if it was chosen; None until then."""
    return _chosen.choice and _chosen.choice.mkl


def choose_product(work: float = np.inf) -> ProductChoice | None:
    """Choose the library before a pass of `work` multiplications; None if that is too early.

    Raises
    ------
    ValueError
        If ``SKDISTILBERT_MATMUL`` has an unknown value.
    """
    if _chosen.choice is not None:
        return _chosen.choice
    if work < MIN_WORK_TO_MEASURE and requested_library() is None:
        return None
    with _lock:
        if _chosen.choice is None:
            _chosen.choice = _choose(requested_library())
        return _chosen.choice


def requested_library() -> str | None:
    """Return the value of ``SKDISTILBERT_MATMUL``; None if it is not set."""
    value = os.environ.get(VARIABLE) or None
    if value is not None and value not in LIBRARIES:
        raise ValueError(
            f"The environment variable {VARIABLE} must be one of {', '.join(LIBRARIES)}; got "
            f"{value!r}. Unset it to let a measurement choose the library."
        )
    return value


def _choose(requested: str | None) -> ProductChoice:
    if requested == "numpy":
        return ProductChoice(None, f"{VARIABLE}=numpy")
    mkl = load_mkl()
    if isinstance(mkl, MklError):
        if requested == "mkl":
            warn_user(
                f"{VARIABLE}=mkl, but {mkl}. NumPy multiplies the matrices instead. Install MKL "
                "with pip install 'skdistilbert[mkl]', or unset the variable."
            )
        return ProductChoice(None, str(mkl))
    if requested == "mkl":
        return ProductChoice(mkl, f"{VARIABLE}=mkl")
    return _choose_faster(mkl)


def _choose_faster(mkl: Mkl) -> ProductChoice:
    rows, terms, columns = MEASURED_SIZES
    weight, x = np.ones((rows, terms), np.float32), np.ones((terms, columns), np.float32)
    with_numpy, with_mkl = shortest_times(
        lambda: multiply_with_numpy(weight, x), lambda: mkl.multiply(weight, x)
    )
    gain = with_numpy / with_mkl
    if gain > MIN_GAIN:
        return ProductChoice(mkl, f"{gain:.2f} times as fast as NumPy")
    return ProductChoice(None, f"MKL {mkl.version} is {gain:.2f} times as fast")


def shortest_times(*functions: Callable[[], object]) -> list[float]:
    """Return the shortest time of each function in seconds; the functions alternate."""
    seconds = [np.inf] * len(functions)
    with blas_threads.limit_to_one():
        for _ in range(1 + ROUNDS):  # The first round, which loads the kernels, is the slowest.
            for index, function in enumerate(functions):
                start = time.perf_counter()
                function()
                seconds[index] = min(seconds[index], time.perf_counter() - start)
    return seconds
