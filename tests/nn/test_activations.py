from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from skdistilbert.nn.activations import ACTIVATIONS, BLOCK_SIZE, GELU_COEFFICIENTS, gelu, relu
from skdistilbert.nn.dense import DENSE_ACTIVATIONS
from skdistilbert.nn.tape import Tape
from tests.conftest import DATA
from tests.nn.reference import gelu as exact_gelu

STORED = dict(np.load(DATA / "activations.npz"))


def test_gelu_is_exact_to_float32_rounding() -> None:
    x = np.linspace(-12, 12, 1_000_001, dtype=np.float32)
    with np.errstate(over="ignore"):
        activated = gelu(x.copy())
    np.testing.assert_allclose(activated, exact_gelu(x.astype(np.float64)), atol=2.6e-7)


def test_gelu_of_very_large_values() -> None:
    x = np.array([-3e38, -1e19, -1e6, -50, 0, 50, 1e6, 1e19, 3e38], np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(gelu(x.copy()), np.maximum(x, 0))


@pytest.mark.parametrize("size", [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1])
def test_gelu_of_any_number_of_values(size: int) -> None:
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    np.testing.assert_allclose(gelu(x.copy()), exact_gelu(x), atol=1e-6)


def test_gelu_coefficients_are_a_minimax_fit() -> None:
    """Refit P in 2 - 2 * Phi(2 * half) = 1 / P(half)^8 by Lawson's reweighted least squares."""
    half = np.linspace(0, 2.8, 6001)
    wanted = (2 * ndtr(-2 * half)) ** (-1 / 8)
    sensitivity = 8 * half * wanted**-9  # error of gelu by error of P
    basis = half[:, None] * np.polynomial.chebyshev.chebvander(half / 1.4 - 1, 8)
    weights = np.full(len(half), 1 / len(half))
    for _ in range(100):
        scale = np.sqrt(weights) * sensitivity
        fitted = np.linalg.lstsq(basis * scale[:, None], (wanted - 1) * scale)[0]
        errors = np.abs(sensitivity * (1 + basis @ fitted - wanted))
        weights *= errors + 1e-15
        weights /= weights.sum()
    ours = np.polynomial.Polynomial(GELU_COEFFICIENTS)(half)
    our_error = np.abs(sensitivity * (ours - wanted)).max()
    assert our_error < 1.1 * errors.max() < 1.1e-8


@pytest.mark.parametrize("activation", set(ACTIVATIONS.values()), ids=lambda each: each.__name__)
@pytest.mark.parametrize("size", [1, BLOCK_SIZE + 1])
def test_the_recorded_derivative_equals_the_slope(activation: Any, size: int) -> None:  # noqa: ANN401
    x, step = np.random.default_rng(0).normal(size=size), 1e-6
    tape = Tape()
    np.testing.assert_array_equal(activation(x.copy(), tape), activation(x.copy(), None))
    (derivative,) = tape.pop()
    slope = (activation(x + step, None) - activation(x - step, None)) / (2 * step)
    np.testing.assert_allclose(derivative, slope, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_those_of_transformers(name: str) -> None:
    x = STORED["x"].copy()
    assert ACTIVATIONS[name](x, None) is x
    np.testing.assert_allclose(x, STORED[f"transformers {name}"], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", DENSE_ACTIVATIONS)
def test_activations_of_dense_modules_equal_those_of_torch(name: str) -> None:
    got = DENSE_ACTIVATIONS[name](STORED["x"].copy())
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, STORED[f"torch {name}"], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_of_very_large_values_are_finite(name: str) -> None:
    x = np.array([-3e38, -1e19, 1e19, 3e38], np.float32)
    with np.errstate(all="ignore"):
        assert np.isfinite(ACTIVATIONS[name](x, None)).all()


def test_relu() -> None:
    x = np.array([-1, 0, 2], np.float32)
    assert relu(x) is x
    np.testing.assert_array_equal(x, [0, 0, 2])
