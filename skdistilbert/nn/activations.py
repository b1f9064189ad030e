"""The activation functions of the feed-forward network, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.weights import Activation, Array

# gelu(x) = x * Phi(x), and Phi(x) = (1 + tanh(x * P(x^2))) / 2 for a smooth even P. These are the
# coefficients of P, constant term first, fitted minimax in the error of gelu over |x| <= 5.6:
# 7e-8 in exact arithmetic, 6e-7 in float32. The usual tanh form has two coefficients and is wrong
# by 5e-4; scipy.special.erf is exact and ten times slower. tests/nn/test_activations.py refits.
GELU_COEFFICIENTS = (
    0.797884216114953,
    0.036334283528649,
    -3.312999394136615e-05,
    -5.524015846877e-05,
    3.96910946242184e-06,
    -1.334464096236555e-07,
    1.8056164139e-09,
)

# Two such blocks of float32 stay in the cache from one operation to the next. In smaller ones two
# threads would wait for each other: each operation takes the interpreter's lock.
BLOCK_SIZE = 131072


def gelu(x: Array) -> Array:
    """Gaussian error linear unit `x * Phi(x)` (Hendrycks & Gimpel, 2016), in place."""
    flat = x.reshape(-1)
    squares, tanhs = np.empty((2, min(BLOCK_SIZE, flat.size)), x.dtype)
    for start in range(0, flat.size, BLOCK_SIZE):
        block = flat[start : start + BLOCK_SIZE]
        _gelu_block(block, squares[: block.size], tanhs[: block.size])
    return x


def _gelu_block(x: Array, square: Array, tanh: Array) -> None:
    np.multiply(x, x, out=square)
    highest, *lower = reversed(GELU_COEFFICIENTS)
    np.multiply(square, highest, out=tanh)
    for coefficient in lower[:-1]:
        tanh += coefficient
        tanh *= square
    tanh += lower[-1]
    tanh *= x
    np.tanh(tanh, out=tanh)
    tanh += 1
    tanh *= 0.5
    x *= tanh


def relu(x: Array) -> Array:
    """Rectified linear unit `max(x, 0)`, in place."""
    return np.maximum(x, 0, out=x)


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {"gelu": gelu, "relu": relu}
