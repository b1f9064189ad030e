"""The arithmetic between the weights: linear maps, layer normalisation, softmax.

Hidden states stand one token a column, `(dim, n_tokens)`: BLAS is 5 to 25 % faster on
`weight @ x` than on `x @ weight.T` for the short texts people have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.products import product

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array, LayerNorm, Linear


def linear(x: Array, weights: Linear) -> Array:
    """Affine map of each column: (n_in, n_tokens) -> (n_out, n_tokens)."""
    out = product(weights.weight, x)
    out += weights.bias[..., None]
    return out


def layer_norm(x: Array, weights: LayerNorm) -> Array:
    """Layer normalisation of each column (dim, n_tokens), in place."""
    x -= _mean(x)
    variance = _mean(x * x)
    variance += weights.eps
    x /= np.sqrt(variance, out=variance)
    x *= weights.weight[:, None]
    x += weights.bias[:, None]
    return x


def _mean(x: Array) -> Array:
    """Mean of each column (dim, n_tokens): products of BLAS, faster than a sum of NumPy.

    Summed in blocks, which rounds less, and as shares of a power of two, which is exact and keeps
    sums from overflowing.
    """
    n_blocks = math.gcd(len(x), 8)
    share = 0.5 ** len(x).bit_length()
    shares = np.full(len(x) // n_blocks, share, x.dtype)
    mean: Array = np.add.reduce(shares @ x.reshape(n_blocks, -1, x.shape[1]), axis=0)
    mean /= share * len(x)
    return mean


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
