"""The product of a weight matrix and the columns of a packed batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime.numpy_product import MAX_MULTIPLICATIONS, multiply_with_numpy
from skdistilbert.nn.runtime.product_choice import chosen_mkl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.runtime.mkl import Mkl

    Array = NDArray[np.floating]


def matmul(weight: Array, x: Array) -> Array:
    """Multiply a weight matrix by the columns of a batch.

    Parameters
    ----------
    weight : ndarray of shape (..., n_out, n_in)
    x : ndarray of shape (n_in, n_columns)

    Returns
    -------
    ndarray of shape (..., n_out, n_columns)
    """
    mkl = mkl_for(weight, x)
    return multiply_with_numpy(weight, x) if mkl is None else mkl.multiply(weight, x)


def mkl_for(weight: Array, x: Array) -> Mkl | None:
    """Return MKL if it was chosen and the product is large enough, otherwise None."""
    mkl = chosen_mkl()
    if mkl is None or weight.dtype != np.float32 or x.dtype != np.float32:
        return None
    # A call through ctypes takes a few microseconds more than one of NumPy.
    return mkl if weight.size * x.shape[1] > MAX_MULTIPLICATIONS else None
