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
# fitted minimax in the error of gelu: 9e-9 in exact arithmetic; in float32 it is 2.5e-7, of which
# to round the exact result is 2.4e-7. It needs neither exp nor tanh, which NumPy is not equally
# fast at everywhere. The usual tanh form is wrong by 5e-4; scipy.special.erf is exact and many
# times slower. tests/nn/test_activations.py refits.
GELU_COEFFICIENTS = (
    1.0,
    0.19947272848899,
    0.17901680049443,
    0.069655032655609,
    0.012606471018106,
    0.0093540193593312,
    -0.00010316356020911,
    0.0018721477698793,
    -0.00060183779704675,
    0.00018708955097902,
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
        block *= 0.5  # first, as the sum of two large halves does not overflow
        np.abs(block, out=half)
        block += half
        block -= np.divide(half, one_by_erfc(half, out=divisor), out=divisor)
    return x


def one_by_erfc(half: Array, out: Array) -> Array:
    """1 / erfc(x / sqrt(2)), which is 1 / (2 - 2 * Phi(x)), from half = x / 2 >= 0: (n,) each."""
    constant, *others, highest = _constants(GELU_COEFFICIENTS, half.dtype)
    np.multiply(half, highest, out=out)
    for coefficient in reversed(others):
        out += coefficient
        out *= half
    out += constant
    for _ in range(3):  # to the power of 8
        out *= out
    return out


@cache
def _constants(values: tuple[float, ...], dtype: np.dtype[np.floating]) -> tuple[Array, ...]:
    """Give arrays without dimensions: NumPy takes half a microsecond longer to take up numbers."""
    return tuple(np.array(value, dtype) for value in values)


def relu(x: Array) -> Array:
    """Rectified linear unit `max(x, 0)`, in place."""
    return np.maximum(x, 0, out=x)


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {"gelu": gelu, "relu": relu}
