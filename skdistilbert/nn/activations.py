"""The activation functions of the feed-forward network, in place."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.weights import Activation, Array

# gelu(x) = x * Phi(x) = x / 2 + |x| / 2 * (1 - 1 / P(|x| / 2)^8) for a polynomial P, the form of
# Abramowitz & Stegun 7.1.27 and 28 for erf. These are the coefficients of P, constant term first,
# fitted minimax in the error of gelu: 5e-8 in exact arithmetic, 3e-7 in float32. It needs neither
# exp nor tanh, which NumPy is not equally fast at everywhere. The usual tanh form is wrong by
# 5e-4; scipy.special.erf is exact and many times slower. tests/nn/test_activations.py refits.
GELU_COEFFICIENTS = (
    1.0,
    0.1994649937266,
    0.17915515534103,
    0.068733349434984,
    0.015689741360843,
    0.0035645675372951,
    0.006244111457746,
    -0.0021431382527564,
    0.00075062941881852,
)

# Two such blocks of float32 stay in the cache from one operation to the next. In smaller ones two
# threads would wait for each other: each operation takes the interpreter's lock.
BLOCK_SIZE = 131072


def gelu(x: Array) -> Array:
    """Gaussian error linear unit `x * Phi(x)` (Hendrycks & Gimpel, 2016), in place."""
    flat = x.reshape(-1)
    workspace = np.empty((2, min(BLOCK_SIZE, flat.size)), x.dtype)
    for start in range(0, flat.size, BLOCK_SIZE):
        block = flat[start : start + BLOCK_SIZE]
        half, divisor = workspace[:, : block.size]
        block *= 0.5
        np.abs(block, out=half)
        block += half
        block -= np.divide(half, one_by_erfc(half, out=divisor), out=divisor)
    return x


def one_by_erfc(half: Array, out: Array) -> Array:
    """1 / erfc(x / sqrt(2)), which is 1 / (2 - 2 * Phi(x)), for `half` of some x >= 0."""
    constant, *others, highest = constants(GELU_COEFFICIENTS, half.dtype)
    np.multiply(half, highest, out=out)
    for coefficient in reversed(others):
        out += coefficient
        out *= half
    out += constant
    for _ in range(3):
        out *= out
    return out


@cache
def constants(values: tuple[float, ...], dtype: np.dtype[np.floating]) -> list[Array]:
    """Give arrays without dimensions: NumPy takes half a microsecond longer to take up numbers."""
    return [np.array(value, dtype) for value in values]


def relu(x: Array) -> Array:
    """Rectified linear unit `max(x, 0)`, in place."""
    return np.maximum(x, 0, out=x)


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {"gelu": gelu, "relu": relu}
