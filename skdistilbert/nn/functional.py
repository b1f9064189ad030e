"""The arithmetic between the weights: linear maps, layer normalisation, softmax.

Hidden states stand one token a column, `(dim, n_tokens)`: BLAS is 5 to 25 % faster on
`weight @ x` than on `x @ weight.T` for the short texts people have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array, LayerNorm, Linear


def linear(x: Array, weights: Linear, out: Array | None = None) -> Array:
    """Affine map of each column: (n_in, n_tokens) -> (n_out, n_tokens)."""
    out = np.matmul(weights.weight, x, out=out)
    out += weights.bias[:, None]
    return out


def layer_norm(x: Array, weights: LayerNorm) -> Array:
    """Layer normalisation of each column (dim, n_tokens), in place."""
    dim = len(x)
    x -= np.add.reduce(x, axis=0) / dim
    variance = np.add.reduce(x * x, axis=0) / dim
    x *= 1 / np.sqrt(variance + weights.eps)
    x *= weights.weight[:, None]
    x += weights.bias[:, None]
    return x


def softmax(x: Array, axis: int = -1) -> Array:
    """Softmax along an axis, in place."""
    x -= np.maximum.reduce(x, axis=axis, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, axis=axis, keepdims=True)
    return x
