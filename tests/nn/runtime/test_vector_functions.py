from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import special

from skdistilbert.nn.activations import gelu
from skdistilbert.nn.runtime import exp_in_place, fast_erf, product_choice
from skdistilbert.nn.runtime.product_choice import ProductChoice
from skdistilbert.nn.tape import Tape

if TYPE_CHECKING:
    from skdistilbert.nn.runtime.mkl import Mkl

X = np.linspace(-30, 30, 20_001).astype(np.float32)


@pytest.fixture(params=["NumPy", "stand_in_mkl", "installed_mkl"])
def _chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    mkl = None if request.param == "NumPy" else request.getfixturevalue(request.param)
    monkeypatch.setattr(product_choice._chosen, "choice", ProductChoice(mkl, "test"))


@pytest.mark.usefixtures("_chosen")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_are_exact(dtype: type) -> None:
    x = np.concatenate([X, [-np.inf, np.inf, np.nan, 100, -200]]).astype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        expected = np.exp(x)
        exp_in_place(x)
    np.testing.assert_allclose(x, expected, rtol=1e-6, atol=1e-37)


@pytest.mark.usefixtures("_chosen")
def test_gelu_is_exact() -> None:
    x = np.concatenate([X, np.float32([1e30, -1e30, np.nan])]).reshape(4, -1)
    expected = x * special.ndtr(x.astype(float))
    with np.errstate(over="ignore", invalid="ignore"):
        result = gelu(x.copy())
        trained = gelu(x.copy(), Tape())
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=5e-7)
    np.testing.assert_allclose(trained, expected, rtol=1e-6, atol=5e-7)


def test_the_error_function_needs_mkl_and_float32(
    any_mkl: Mkl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_choice._chosen, "choice", None)
    assert fast_erf(X) is None
    monkeypatch.setattr(product_choice._chosen, "choice", ProductChoice(any_mkl, "test"))
    assert fast_erf(X.astype(float)) is None
    assert fast_erf(X[:100]) is None  # a call would take too long
    erf, x = fast_erf(X), X.copy()
    assert erf is not None
    erf(x)
    np.testing.assert_allclose(x, special.erf(X.astype(float)), atol=5e-7)
