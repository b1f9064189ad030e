"""Linear maps, layer normalisation, softmax and the logistic function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime import WeightProducts

if TYPE_CHECKING:
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array, LayerNorm, Linear


PRODUCTS = WeightProducts()


def project(
    x: Array, weight: Array, tape: Tape | None = None, products: WeightProducts = PRODUCTS
) -> Array:
    """Multiply a weight (n_out, n_in) by columns (n_in, n_tokens): (n_out, n_tokens)."""
    if tape is not None:
        tape.push(x)
    return products.multiply(weight, x)


def linear(
    x: Array, weights: Linear, tape: Tape | None = None, products: WeightProducts = PRODUCTS
) -> Array:
    """Apply an affine map to each column: (n_in, n_tokens) -> (n_out, n_tokens)."""
    out = project(x, weights.weight, tape, products)
    out += weights.bias[..., None]
    return out


def layer_norm(x: Array, weights: LayerNorm, tape: Tape | None = None) -> Array:
    """Normalise each column (dim, n_tokens), then scale and shift it; overwrite `x`."""
    x -= _mean(x)
    variance = _mean_of_squares(x)
    variance += weights.eps
    inverse_deviation = 1 / np.sqrt(variance)
    x *= inverse_deviation
    if tape is None:
        out = x
        out *= weights.weight[:, None]
    else:
        tape.push(x, inverse_deviation)
        out = x * weights.weight[:, None]
    out += weights.bias[:, None]
    return out


def _mean(x: Array) -> Array:
    """Return the mean of each column (dim, n_tokens): (n_tokens,)."""
    mean: Array = _sum(x) / len(x)
    if not _has_finite_square(mean):  # the sum may have overflowed although the mean is finite
        exact_share = 0.5 ** len(x).bit_length()
        mean = _sum(x * exact_share) / (exact_share * len(x))
    return mean


def _mean_of_squares(x: Array) -> Array:
    """Return the mean square of each column, without an array of the squares: (n_tokens,)."""
    parts = _in_eight_parts(x)
    mean: Array = np.add.reduce(np.einsum("ijk,ijk->ik", parts, parts), axis=0) / len(x)
    return mean if _has_finite_square(mean) else _mean(x * x)


def _sum(x: Array) -> Array:
    """Return the sum of each column: (n_tokens,).

    Eight partial sums round less than one long sum. Unlike a product of BLAS, the result does not
    depend on the place of the column in the batch.
    """
    total: Array = np.add.reduce(np.add.reduce(_in_eight_parts(x), axis=0), axis=0)
    return total


def _has_finite_square(x: Array) -> bool:
    """Return whether the sum of squares of x (n,) is finite.

    This takes a third of the time of `np.isfinite(x).all()`. The test may fail for finite values
    above 1e16. The caller then computes the result in a slower way, which is as exact.
    """
    return math.isfinite(x.dot(x))


def _in_eight_parts(x: Array) -> Array:
    """View (dim, n_tokens) as (8, dim / 8, n_tokens) if 8 divides dim."""
    n_parts = math.gcd(len(x), 8)
    return x.reshape(n_parts, len(x) // n_parts, x.shape[1])


def softmax(x: Array, axis: int = -1) -> Array:
    """Apply softmax along an axis, in place."""
    x -= np.maximum.reduce(x, axis=axis, keepdims=True)
    np.exp(x, out=x)
    x /= np.add.reduce(x, axis=axis, keepdims=True)
    return x


def sigmoid(x: Array) -> Array:
    """Return the logistic function of each element, without overflow."""
    result: Array = np.exp(-np.logaddexp(0, -x))
    return result
