from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.runtime import blas, matmul, product_choice
from skdistilbert.nn.runtime.mkl import Mkl, MklError
from skdistilbert.nn.runtime.product_choice import (
    MIN_WORK_TO_MEASURE,
    VARIABLE,
    choose_product,
    chosen_mkl,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(product_choice._chosen, "choice", None)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch, stand_in_mkl: Mkl) -> Callable[[float, float], None]:
    """Return a function that sets the measured times of NumPy and MKL."""
    monkeypatch.setattr(product_choice, "load_mkl", lambda: stand_in_mkl)

    def set_times(numpy: float, mkl: float) -> None:
        monkeypatch.setattr(product_choice, "shortest_times", lambda *_: [numpy, mkl])

    return set_times


def test_mkl_is_used_if_it_is_faster(
    times: Callable[[float, float], None], stand_in_mkl: Mkl
) -> None:
    times(1.2, 1)
    assert str(choose_product()) == "MKL 2026.2 (1.20 times as fast as NumPy)"
    assert chosen_mkl() is stand_in_mkl


@pytest.mark.parametrize("numpy", [0.8, 1, 1.04])
def test_numpy_is_used_if_mkl_is_not_faster(
    numpy: float, times: Callable[[float, float], None]
) -> None:
    times(numpy, 1)
    assert str(choose_product()) == f"NumPy (MKL 2026.2 is {numpy:.2f} times as fast)"
    assert chosen_mkl() is None


def test_the_choice_is_made_once(times: Callable[[float, float], None]) -> None:
    times(2, 1)
    first = choose_product()
    times(1, 2)
    assert choose_product() is first


def test_a_short_pass_does_not_measure(times: Callable[[float, float], None]) -> None:
    times(2, 1)
    assert choose_product(MIN_WORK_TO_MEASURE - 1) is None
    assert chosen_mkl() is None
    assert choose_product(MIN_WORK_TO_MEASURE) is not None
    assert choose_product(0) is not None
    assert chosen_mkl() is not None


def test_numpy_is_used_if_mkl_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_choice, "load_mkl", lambda: MklError("MKL is broken"))
    assert str(choose_product()) == "NumPy (MKL is broken)"


@pytest.mark.parametrize("work", [0, np.inf])
def test_the_variable_overrides_the_measurement(
    work: float, times: Callable[[float, float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    times(1, 2)
    monkeypatch.setenv(VARIABLE, "mkl")
    assert str(choose_product(work)) == "MKL 2026.2 (SKDISTILBERT_MATMUL=mkl)"


def test_mkl_is_not_loaded_if_numpy_is_requested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_choice, "load_mkl", None)
    monkeypatch.setenv(VARIABLE, "numpy")
    assert str(choose_product()) == "NumPy (SKDISTILBERT_MATMUL=numpy)"


def test_a_request_for_missing_mkl_warns_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_choice, "load_mkl", lambda: MklError("MKL is not installed"))
    monkeypatch.setenv(VARIABLE, "mkl")
    with pytest.warns(UserWarning, match=r"MATMUL=mkl, but MKL is not installed.*\[mkl\]"):
        choice = choose_product()
    assert str(choice) == "NumPy (MKL is not installed)"
    assert choose_product() is choice


@pytest.mark.parametrize("work", [0, np.inf])
def test_an_unknown_library_is_an_error(work: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "openblas")
    with pytest.raises(ValueError, match="MATMUL must be one of numpy, mkl; got 'openblas'"):
        choose_product(work)


def test_the_measurement_limits_blas_to_one_thread() -> None:
    before = blas.blas_threads.unlimited()
    counts: set[int] = set()
    slow, fast = product_choice.shortest_times(
        lambda: counts.update(library.num_threads for library in blas.blas_libraries()),
        lambda: None,
    )
    assert slow > fast > 0
    assert counts <= {1}
    assert blas.blas_threads.unlimited() == before


@pytest.mark.parametrize("shape", [(700, 900), (3, 100, 900), (10, 20)])
def test_matmul_uses_the_chosen_library_for_large_float32(
    shape: tuple[int, ...], times: Callable[[float, float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    multiply = Mkl.multiply
    monkeypatch.setattr(Mkl, "multiply", lambda *args: called.append(1) or multiply(*args))
    weight = np.random.default_rng(0).normal(size=shape)
    x = np.random.default_rng(0).normal(size=(shape[-1], 30))
    for dtype in (np.float32, np.float64):
        expected = matmul(weight.astype(dtype), x.astype(dtype))
        times(2, 1)
        choose_product()
        result = matmul(weight.astype(dtype), x.astype(dtype))
        np.testing.assert_allclose(result, expected, atol=1e-4)
        assert result.dtype == dtype
    assert len(called) == (shape != (10, 20))


# -- with the installed library, in a new process

IN_NEW_PROCESS = """
import os, sys
import numpy as np
from threadpoolctl import threadpool_info
from skdistilbert import load_model
from skdistilbert.nn.runtime import blas, choose_product, product_choice, resolve_n_threads

def is_loaded():
    return any(library["internal_api"] == "mkl" for library in threadpool_info())

rng = np.random.default_rng(0)
texts = [rng.integers(1000, 30000, length).tolist() for length in (128, 100, 16)]
model, variable = load_model("mini"), product_choice.VARIABLE
n_threads = resolve_n_threads(None)
assert product_choice.chosen_mkl() is None and not is_loaded()
expected = [model.pooled(some, "mean", n_threads=2) for some in (texts, texts[:1], texts[2:])]
os.environ[variable] = "mkl"
product_choice._chosen.choice = None
results = [model.pooled(some, "mean", n_threads=2) for some in (texts, texts[:1], texts[2:])]
"""
FORK = """
def check():
    for result, more in zip(results, expected):
        assert 0 < abs(result - more).max() < 1e-5
    assert product_choice.chosen_mkl() is not None and is_loaded()
    assert resolve_n_threads(None) == n_threads
    again = model.pooled(texts[2:], "mean", n_threads=2)
    np.testing.assert_allclose(again, expected[2], atol=1e-5)

check()
blas.blas_libraries.cache_clear()  # the loaded MKL is not counted either way
check()
child = os.fork()
if child == 0:
    try:
        check()
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.usefixtures("installed_mkl")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_mkl_agrees_with_numpy_and_survives_a_fork() -> None:
    environment = {**os.environ, "SKDISTILBERT_MATMUL": "numpy"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_NEW_PROCESS + FORK],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
