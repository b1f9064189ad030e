from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.runtime import matrix_product
from skdistilbert.nn.runtime.matrix_product import matmul
from skdistilbert.nn.runtime.processor import Processor

RNG = np.random.default_rng(0)


ZEN_4, ZEN_5 = Processor("AuthenticAMD", 25), Processor("AuthenticAMD", 26)
INTEL = Processor("GenuineIntel", 6)


@pytest.fixture(params=[ZEN_4, ZEN_5, INTEL])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Processor:
    monkeypatch.setattr(matrix_product, "processor", lambda: request.param)
    return Processor(*request.param)


@pytest.mark.usefixtures("processor")
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
    monkeypatch.setattr(matrix_product, "blas_architectures", lambda: frozenset({architecture}))
    weight = RNG.normal(size=shape).astype(np.float32)
    x = RNG.normal(size=(shape[-1], n_tokens)).astype(np.float32)
    rounding = 1e-5 * np.sqrt(shape[-1])  # of a sum of so many products in float32
    np.testing.assert_allclose(matmul(weight, x), weight.astype(float) @ x, atol=rounding)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("n_tokens", "cut_for", "cut_transposed_for"),
    [
        (16, {ZEN_4, ZEN_5, INTEL}, {ZEN_4, ZEN_5, INTEL}),
        (17, {ZEN_4, ZEN_5}, {ZEN_4, ZEN_5}),
        (64, {ZEN_4, ZEN_5}, {ZEN_4}),
        (96, {ZEN_4, ZEN_5}, {ZEN_4}),
        (100, {ZEN_4}, {ZEN_4}),
        (256, {ZEN_4, ZEN_5}, {ZEN_4}),
        (320, {ZEN_4}, {ZEN_4}),
    ],
)
def test_cut_where_the_processor_gains_by_it(
    n_tokens: int,
    cut_for: set[Processor],
    cut_transposed_for: set[Processor],
    transposed: bool,
    processor: Processor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matrix_product, "blas_architectures", lambda: frozenset({"skylakex"}))
    cuts: list[object] = []
    in_blocks = matrix_product._in_blocks
    monkeypatch.setattr(matrix_product, "_in_blocks", lambda *x: cuts.append(x) or in_blocks(*x))
    weight = np.ones((768, 96), np.float32).T if transposed else np.ones((96, 768), np.float32)
    matmul(weight, np.ones((768, n_tokens), np.float32))
    assert bool(cuts) == (processor in (cut_transposed_for if transposed else cut_for))


@pytest.mark.usefixtures("processor")
def test_a_transpose_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_product, "blas_architectures", lambda: frozenset({"skylakex"}))
    weight = RNG.normal(size=(1536, 48)).astype(np.float32).T
    x = RNG.normal(size=(1536, 100)).astype(np.float32)
    np.testing.assert_allclose(matmul(weight, x), weight.astype(float) @ x, atol=4e-4)


@pytest.mark.usefixtures("processor")
def test_views_of_columns_are_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_product, "blas_architectures", lambda: frozenset({"skylakex"}))
    weight = RNG.normal(size=(48, 900)).astype(np.float32)[:, 100:800]
    x = RNG.normal(size=(700, 20)).astype(np.float32)
    np.testing.assert_allclose(matmul(weight, x), weight.astype(float) @ x, atol=2e-4)


def test_float64_stays_so() -> None:
    assert matmul(np.ones((48, 700)), np.ones((700, 3))).dtype == np.float64


@pytest.mark.parametrize(
    ("n_in", "max_terms", "n_pieces"),
    [
        (384, 384, 1),
        (768, 768, 1),
        (1536, 1536, 2),
        (3072, 3072, 3),
        (1536, 256, 6),
        (700, 256, 3),
    ],
)
def test_rows_come_in_as_few_pieces_as_they_may(n_in: int, max_terms: int, n_pieces: int) -> None:
    assert matrix_product._n_pieces(n_in, 64, max_terms) == n_pieces


def test_short_sums_are_the_same_but_for_rounding(
    processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_product, "blas_architectures", lambda: frozenset({"skylakex"}))
    longest: set[int] = set()
    multiply = matrix_product._multiply_tiles
    monkeypatch.setattr(
        matrix_product, "_multiply_tiles", lambda *x: longest.add(x[3]) or multiply(*x)
    )
    weight = RNG.normal(size=(48, 1536)).astype(np.float32)
    x = RNG.normal(size=(1536, 192)).astype(np.float32)
    got = matmul(weight, x, in_short_sums=True)
    np.testing.assert_allclose(got, weight.astype(float) @ x, atol=4e-4)
    assert longest == (set() if processor == INTEL else {matrix_product.MAX_TERMS_OF_SHORT_SUMS})
