"""The activation functions of the feed-forward network, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.weights import Activation, Array

# gelu(x) = x * Phi(x), and Phi(x) = 1 / (1 + exp(x * P(x^2))) for a smooth even P. These are the
# coefficients of P, constant term first, fitted minimax in the error of gelu over |x| <= 5.6:
# 7e-8 in exact arithmetic, 6e-7 in float32. The usual tanh form has two coefficients and is wrong
# by 5e-4; scipy.special.erf is exact and many times slower. tests/nn/test_activations.py refits.
GELU_COEFFICIENTS = (
    -1.595768432229906,
    -0.072668567057298,
    6.62599878827323e-05,
    0.00011048031693754,
    -7.93821892484368e-06,
    2.66892819247311e-07,
    -3.6112328278e-09,
)

# Two such blocks of float32 stay in the cache from one operation to the next. In smaller ones two
# threads would wait for each other: each operation takes the interpreter's lock.
BLOCK_SIZE = 131072


def gelu(x: Array) -> Array:
    """Gaussian error linear unit `x * Phi(x)` (Hendrycks & Gimpel, 2016), in place."""
    flat = x.reshape(-1)
    squares, divisors = np.empty((2, min(BLOCK_SIZE, flat.size)), x.dtype)
    for start in range(0, flat.size, BLOCK_SIZE):
        block = flat[start : start + BLOCK_SIZE]
        np.multiply(block, block, out=squares[: block.size])
        block /= one_by_phi(block, squares[: block.size], out=divisors[: block.size])
    return x


def one_by_phi(x: Array, square: Array, out: Array) -> Array:
    """1 / Phi(x), by which x is divided for gelu."""
    highest, *lower = reversed(GELU_COEFFICIENTS)
    np.multiply(square, highest, out=out)
    for coefficient in lower[:-1]:
        out += coefficient
        out *= square
    out += lower[-1]
    out *= x
    np.exp(out, out=out)
    out += 1
    return out


def relu(x: Array) -> Array:
    """Rectified linear unit `max(x, 0)`, in place."""
    return np.maximum(x, 0, out=x)


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {"gelu": gelu, "relu": relu}
