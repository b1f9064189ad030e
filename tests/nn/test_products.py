from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn import products
from skdistilbert.nn.products import product

RNG = np.random.default_rng(0)


@pytest.fixture(params=["AuthenticAMD", "GenuineIntel"])
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(products, "processor_vendor", lambda: request.param)
    return str(request.param)


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("architecture", ["skylakex", "haswell"])
@pytest.mark.parametrize("n_tokens", [0, 1, 16, 31, 100, 192, 300])
@pytest.mark.parametrize(
    "shape",
    [
        (48, 384),
        (48, 700),
        (36, 700),
        (30, 5),
        (37, 700),
        (3, 24, 700),
        (3, 24, 1536),
        (24, 1537),
    ],
)
def test_cutting_changes_nothing(
    shape: tuple[int, ...], n_tokens: int, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "blas_architectures", lambda: frozenset({architecture}))
    weight = RNG.normal(size=shape).astype(np.float32)
    x = RNG.normal(size=(shape[-1], n_tokens)).astype(np.float32)
    np.testing.assert_allclose(product(weight, x), weight.astype(float) @ x, atol=2e-4)


@pytest.mark.parametrize(
    ("n_tokens", "cut_for"),
    [(16, {"AuthenticAMD", "GenuineIntel"}), (17, {"AuthenticAMD"}), (300, {"AuthenticAMD"})],
)
def test_many_columns_are_cut_for_amd_alone(
    n_tokens: int, cut_for: set[str], vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "blas_architectures", lambda: frozenset({"skylakex"}))
    cuts: list[object] = []
    in_blocks = products._in_blocks
    monkeypatch.setattr(products, "_in_blocks", lambda *x: cuts.append(x) or in_blocks(*x))
    product(np.ones((96, 768), np.float32), np.ones((768, n_tokens), np.float32))
    assert bool(cuts) == (vendor in cut_for)


@pytest.mark.usefixtures("vendor")
def test_a_transpose_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "blas_architectures", lambda: frozenset({"skylakex"}))
    weight = RNG.normal(size=(1536, 48)).astype(np.float32).T
    x = RNG.normal(size=(1536, 100)).astype(np.float32)
    np.testing.assert_allclose(product(weight, x), weight.astype(float) @ x, atol=4e-4)


@pytest.mark.usefixtures("vendor")
def test_views_of_columns_are_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "blas_architectures", lambda: frozenset({"skylakex"}))
    weight = RNG.normal(size=(48, 900)).astype(np.float32)[:, 100:800]
    x = RNG.normal(size=(700, 20)).astype(np.float32)
    np.testing.assert_allclose(product(weight, x), weight.astype(float) @ x, atol=2e-4)


def test_float64_stays_so() -> None:
    assert product(np.ones((48, 700)), np.ones((700, 3))).dtype == np.float64
