"""Activation functions of the feed-forward network and of Dense modules, in place."""

from __future__ import annotations

from functools import cache
from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime import fast_erf

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Activation, Array

# gelu(x) = x * Phi(x) = x / 2 + |x| / 2 * (1 - 1 / P(|x| / 2)^8) for a polynomial P, in the form
# of Abramowitz & Stegun 7.1.27 and 28 for erf. These are the coefficients of P, constant term
# first, fitted to the smallest maximal error of gelu: 9e-9 in exact arithmetic. In float32 the
# error is 2.5e-7, of which rounding the exact result is 2.4e-7. The polynomial needs neither exp
# nor tanh, whose speed in NumPy depends on the platform. The usual tanh form is wrong by 5e-4;
# scipy.special.erf is exact and many times slower. tests/nn/test_activations.py repeats the fit.
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

# Two blocks of this many float32 stay in the cache between operations. Smaller blocks make
# threads wait for each other, because each operation takes the interpreter's lock.
BLOCK_SIZE = 131072


def gelu(x: Array, tape: Tape | None = None) -> Array:
    """Apply the Gaussian error linear unit `x * Phi(x)` (Hendrycks & Gimpel, 2016) in place."""
    derivative = None
    if tape is not None:
        derivative = np.empty_like(x)
        tape.push(derivative)
    # Blocks of equal size: a small remainder would cost as many operations as a whole block.
    n_blocks = max(1, round(x.size / BLOCK_SIZE))
    size = -(-x.size // n_blocks)
    workspace = np.empty((3, size), x.dtype)
    erf = fast_erf(x) if tape is None else None
    for start in range(0, x.size, max(1, size)):
        block = slice(start, start + size)
        if erf is not None:
            _gelu_with_erf(x.reshape(-1)[block], workspace[0], erf)
            continue
        d_block = None if derivative is None else derivative.reshape(-1)[block]
        _gelu_block(x.reshape(-1)[block], d_block, workspace)
    return x


def _gelu_with_erf(x: Array, workspace: Array, erf: Callable[[Array], None]) -> None:
    """Replace x (n,) by gelu(x) = x / 2 * (1 + erf(x / sqrt(2)))."""
    factor = np.multiply(x, sqrt(0.5), out=workspace[: x.size])
    erf(factor)
    factor += 1
    x *= 0.5
    x *= factor


def _gelu_block(x: Array, derivative: Array | None, workspace: Array) -> None:
    """Replace x (n,) by gelu(x), and fill in its derivative if given."""
    half, power, slope = workspace[:, : x.size]
    x *= 0.5  # before the sum, because the sum of two large halves does not overflow
    np.abs(x, out=half)
    _one_by_erfc(half, out=power)
    if derivative is not None:
        _gelu_derivative(x, half, power, slope, derivative)
    x += half
    x -= np.divide(half, power, out=power)


def _one_by_erfc(half: Array, out: Array) -> Array:
    """Return P(half)^8 = 1 / erfc(|x| / sqrt(2)) for half = |x| / 2: (n,)."""
    constant, *others, highest = _constants(GELU_COEFFICIENTS, half.dtype)
    np.multiply(half, highest, out=out)
    for coefficient in reversed(others):
        out += coefficient
        out *= half
    out += constant
    for _ in range(3):  # to the power of 8
        out *= out
    return out


def _gelu_derivative(x: Array, half: Array, power: Array, slope: Array, derivative: Array) -> None:
    """Fill in Phi(x) + x * phi(x) = 1/2 + sign(x) * (1/2 - 1 / (2 * power) + |x| * phi(|x|))."""
    np.multiply(half, half, out=slope)
    slope *= -2
    np.exp(slope, out=slope)
    slope *= sqrt(2 / pi)
    slope *= half
    slope -= np.divide(0.5, power, out=derivative)
    slope += 0.5
    np.copysign(slope, x, out=derivative)
    derivative += 0.5


@cache
def _constants(values: tuple[float, ...], dtype: np.dtype[np.floating]) -> tuple[Array, ...]:
    """Return 0-d arrays: NumPy converts a Python float in half a microsecond per operation."""
    return tuple(np.array(value, dtype) for value in values)


def relu(x: Array, tape: Tape | None = None) -> Array:
    """Apply the rectified linear unit `max(x, 0)` in place."""
    if tape is not None:
        tape.push((x > 0).astype(x.dtype))
    return np.maximum(x, 0, out=x)


def gelu_tanh(x: Array, tape: Tape | None = None) -> Array:
    """Apply GELU's tanh approximation `x / 2 * (1 + tanh(c * (x + 0.044715 * x^3)))` in place."""
    cubic = 0.044715 * x
    cubic *= x
    gate = np.tanh(sqrt(2 / pi) * (cubic + 1) * x)
    if tape is not None:
        cubic *= 3
        cubic += 1
        cubic *= (1 - gate * gate) * x
        tape.push(0.5 * (1 + gate + sqrt(2 / pi) * cubic))
    gate += 1
    gate *= 0.5
    x *= gate
    return x


def silu(x: Array, tape: Tape | None = None) -> Array:
    """Apply the sigmoid linear unit `x / (1 + exp(-x))`, also called swish, in place."""
    gate = _logistic(x)
    if tape is not None:
        tape.push(gate * (1 + x * (1 - gate)))
    x *= gate
    return x


def tanh(x: Array, tape: Tape | None = None) -> Array:
    """Apply the hyperbolic tangent in place."""
    np.tanh(x, out=x)
    if tape is not None:
        tape.push(1 - x * x)
    return x


def sigmoid(x: Array, tape: Tape | None = None) -> Array:
    """Apply the logistic function `1 / (1 + exp(-x))` in place."""
    x[...] = _logistic(x)
    if tape is not None:
        tape.push(x * (1 - x))
    return x


def leaky_relu(x: Array, tape: Tape | None = None) -> Array:
    """Multiply the negative elements by 0.01, in place."""
    if tape is not None:
        tape.push(np.where(x > 0, 1, 0.01).astype(x.dtype))
    out: Array = np.maximum(x, 0.01 * x, out=x)
    return out


def elu(x: Array, tape: Tape | None = None) -> Array:
    """Replace each negative element by `exp(x) - 1`, in place."""
    negative = np.expm1(np.minimum(x, 0))
    if tape is not None:
        tape.push(negative + 1)
    return np.add(np.maximum(x, 0), negative, out=x)


def _logistic(x: Array) -> Array:
    with np.errstate(over="ignore"):  # exp(-x) may be infinite; the result is then 0
        out: Array = np.exp(-x)
    out += 1
    result: Array = np.divide(1, out, out=out)
    return result


# The keys are the names in transformers. Each function works in place, and records its derivative
# on the tape if there is one.
ACTIVATIONS: dict[Activation, Callable[[Array, Tape | None], Array]] = {
    "gelu": gelu,
    "gelu_python": gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_python_tanh": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_accurate": gelu_tanh,
    "relu": relu,
    "silu": silu,
    "swish": silu,
    "tanh": tanh,
}
