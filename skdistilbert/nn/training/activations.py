"""The activation functions with their derivatives, both found in one pass."""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.activations import BLOCK_SIZE, one_by_erfc

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.weights import Activation, Array


def gelu_and_derivative(x: Array) -> Array:
    """Replace x by x * Phi(x) in place, and give the derivative Phi(x) + x * phi(x)."""
    derivative = np.empty_like(x)
    flat, flat_derivative = x.reshape(-1), derivative.reshape(-1)
    # Of equal size: a small rest would take as many operations as a whole block.
    n_blocks = max(1, round(flat.size / BLOCK_SIZE))
    blocks, of_blocks = (np.array_split(x, n_blocks) for x in (flat, flat_derivative))
    workspace = np.empty((2, blocks[0].size), x.dtype)
    for block, of_block in zip(blocks, of_blocks, strict=True):
        _gelu_and_derivative_of_block(block, of_block, *workspace[:, : block.size])
    return derivative


def _gelu_and_derivative_of_block(x: Array, derivative: Array, half: Array, slope: Array) -> None:
    """Find the derivative from that for |x|, less 1/2: erf(|x| / sqrt(2)) / 2 + |x| * phi(x)."""
    x *= 0.5
    np.abs(x, out=half)
    erfc = np.reciprocal(one_by_erfc(half, out=derivative), out=derivative)
    erf = np.subtract(1, erfc, out=erfc)
    np.multiply(half, half, out=slope)
    slope *= -2
    np.exp(slope, out=slope)
    slope *= sqrt(2 / pi)
    slope *= half
    half *= erf
    slope += np.multiply(erf, 0.5, out=erf)
    np.copysign(slope, x, out=derivative)
    derivative += 0.5
    x += half


def relu_and_derivative(x: Array) -> Array:
    """Replace x by max(x, 0) in place, and give the derivative, 0 or 1."""
    derivative = (x > 0).astype(x.dtype)
    np.maximum(x, 0, out=x)
    return derivative


ACTIVATIONS_AND_DERIVATIVES: dict[Activation, Callable[[Array], Array]] = {
    "gelu": gelu_and_derivative,
    "relu": relu_and_derivative,
}
