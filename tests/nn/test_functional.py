from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from skdistilbert.nn.functional import layer_norm, sigmoid, softmax
from skdistilbert.nn.weights import LayerNorm


def test_sigmoid_and_softmax_equal_those_of_scipy() -> None:
    x = np.float32([[-3e38, -100, -1, 0], [0.5, 1, 20, 80]])
    np.testing.assert_allclose(sigmoid(x), expit(x), rtol=1e-5, atol=1e-43)
    np.testing.assert_allclose(softmax(x.copy()), scipy_softmax(x, axis=-1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layer_norm_equals_its_definition(dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(5, 3, (64, 7)), rng.normal(size=64), rng.normal(size=64)
    normalised = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
    expected = normalised * weight[:, None] + bias[:, None]
    weights = LayerNorm(weight.astype(dtype), bias.astype(dtype), 1e-3)
    np.testing.assert_allclose(layer_norm(x.astype(dtype), weights), expected, atol=1e-5)


def test_layer_norm_of_values_whose_squares_overflow() -> None:
    signs = np.where(np.arange(768) % 2, 1, -1).astype(np.float32)[:, None]
    weights = LayerNorm(np.ones(768, np.float32), np.zeros(768, np.float32), 1e-12)
    with np.errstate(over="ignore"):
        normalised = layer_norm(signs * np.float32(1e19), weights)
    np.testing.assert_allclose(normalised, signs, rtol=1e-6)
