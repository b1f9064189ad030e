from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.runtime.numpy_product import (
    max_columns_in_tiles,
    multiply_in_tiles,
    multiply_with_numpy,
)
from skdistilbert.nn.runtime.processor import Processor

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(0)
SHAPES = [
    (48, 384),
    (48, 700),
    (36, 700),
    (30, 5),
    (37, 700),
    (3, 24, 700),
    (3, 24, 1536),
    (24, 1537),
    (384, 1536),
]
N_COLUMNS = [0, 1, 16, 31, 64, 100, 128, 192, 300]


def random_factors(shape: tuple[int, ...], n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    weight = RNG.normal(size=shape).astype(np.float32)
    return weight, RNG.normal(size=(shape[-1], n_columns)).astype(np.float32)


def assert_is_product(result: np.ndarray, weight: np.ndarray, x: np.ndarray) -> None:
    rounding = 1e-5 * np.sqrt(weight.shape[-1])  # of float32 sums of this length
    assert result.dtype == weight.dtype
    np.testing.assert_allclose(result, weight.astype(float) @ x, atol=rounding)


@pytest.mark.parametrize("n_columns", N_COLUMNS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_result_equals_the_product_in_float64(shape: tuple[int, ...], n_columns: int) -> None:
    weight, x = random_factors(shape, n_columns)
    assert_is_product(multiply_with_numpy(weight, x), weight, x)


@pytest.mark.parametrize("n_columns", N_COLUMNS[1:])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[-2] % 12 == 0])
def test_tiles_equal_the_product_in_float64(shape: tuple[int, ...], n_columns: int) -> None:
    weight, x = random_factors(shape, n_columns)
    assert_is_product(multiply_in_tiles(weight, x), weight, x)


@pytest.mark.parametrize("multiply", [multiply_with_numpy, multiply_in_tiles])
@pytest.mark.parametrize("n_columns", [16, 100])
def test_views_are_multiplied(multiply: Callable[..., np.ndarray], n_columns: int) -> None:
    transposed = RNG.normal(size=(1536, 48)).astype(np.float32).T
    x = RNG.normal(size=(1536, n_columns)).astype(np.float32)
    assert_is_product(multiply(transposed, x), transposed, x)
    columns = RNG.normal(size=(48, 900)).astype(np.float32)[:, 100:800]
    assert_is_product(multiply(columns, x[:700]), columns, x[:700])
    assert_is_product(multiply(columns, x[:700, ::2]), columns, x[:700, ::2])


def test_float64_is_multiplied_in_float64() -> None:
    assert multiply_with_numpy(np.ones((48, 7000)), np.ones((7000, 3))).dtype == np.float64


def test_tiles_sum_long_rows_of_small_weights_in_pieces() -> None:
    """Large terms that cancel show the rounding of long sums."""
    weight = np.ones((24, 4096), np.float32)
    x = RNG.normal(size=(4096, 64)).astype(np.float32) + 1000
    expected = weight.astype(float) @ x
    error = np.abs(multiply_in_tiles(weight, x) - expected).max()
    one_sum = np.add.accumulate(x, axis=0, dtype=np.float32)[-1]
    assert error < np.abs(one_sum - expected).max()


@pytest.mark.parametrize("architecture", ["skylakex", "cooperlake", "sapphirerapids"])
@pytest.mark.parametrize(
    ("processor", "max_columns"),
    [
        (Processor("AuthenticAMD", 25), math.inf),  # Zen 4
        (Processor("AuthenticAMD", 26), 16),  # Zen 5
        (Processor("GenuineIntel", 6), 16),
    ],
)
def test_tiles_are_used_where_they_are_faster(
    architecture: str, processor: Processor, max_columns: float
) -> None:
    assert max_columns_in_tiles({architecture}, processor) == max_columns
    assert max_columns_in_tiles({"haswell"}, processor) == 0
    assert max_columns_in_tiles(set(), processor) == 0
