"""The arithmetic between the weights: linear maps, layer normalisation, softmax.

Hidden states stand one token a column, `(dim, n_tokens)`: BLAS is 5 to 25 % faster on
`weight @ x` than on `x @ weight.T` for the short texts people have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime import matmul

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array, LayerNorm, Linear


def linear(x: Array, weights: Linear) -> Array:
    """Affine map of each column: (n_in, n_tokens) -> (n_out, n_tokens)."""
    out = matmul(weights.weight, x)
    out += weights.bias[..., None]
    return out


def layer_norm(x: Array, weights: LayerNorm) -> Array:
    """Layer normalisation of each column (dim, n_tokens), in place."""
    x -= _mean(x)
    variance = _mean_of_squares(x)
    variance += weights.eps
    x *= 1 / np.sqrt(variance)
    x *= weights.weight[:, None]
    x += weights.bias[:, None]
    return x


def _mean(x: Array) -> Array:
    """Mean of each column (dim, n_tokens)."""
    mean: Array = _sum(x) / len(x)
    if not _is_finite(mean):  # perhaps the sum alone was too large for float32
        exact_share = 0.5 ** len(x).bit_length()
        mean = _sum(x * exact_share) / (exact_share * len(x))
    return mean


def _mean_of_squares(x: Array) -> Array:
    """Mean of the squares of each column, without an array of them."""
    parts = _in_eight_parts(x)
    mean: Array = np.add.reduce(np.einsum("ijk,ijk->ik", parts, parts), axis=0) / len(x)
    return mean if _is_finite(mean) else _mean(x * x)


def _sum(x: Array) -> Array:
    """Sum of each column, in eight parts: that rounds less than one after the other.

    And unlike a product of BLAS it does not depend on where in the batch a column stands.
    """
    total: Array = np.add.reduce(np.add.reduce(_in_eight_parts(x), axis=0), axis=0)
    return total


def _is_finite(x: Array) -> bool:
    """Tell whether no number (n,) is infinite, NaN, or so large that the sum of squares would be.

    For few numbers that is a third of the time of `np.isfinite(x).all()`; from 1e16 on it may say
    no of what is finite, which then takes the longer way for nothing.
    """
    return math.isfinite(x.dot(x))


def _in_eight_parts(x: Array) -> Array:
    return x.reshape(math.gcd(len(x), 8), -1, x.shape[1])


def softmax(x: Array, axis: int = -1) -> Array:
    """Softmax along an axis, in place."""
    x -= np.maximum.reduce(x, axis=axis, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, axis=axis, keepdims=True)
    return x


def sigmoid(x: Array) -> Array:
    """Logistic function of each element, without overflow."""
    result: Array = np.exp(-np.logaddexp(0, -x))
    return result
