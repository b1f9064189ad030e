from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.runtime.bfloat16 import RoundedWeight, round_to_bfloat16, widen

RNG = np.random.default_rng(0)


def test_values_are_rounded_to_the_nearest() -> None:
    x = RNG.normal(size=10_000).astype(np.float32) * np.float32(10) ** RNG.integers(
        -20, 20, 10_000
    )
    x = x.astype(np.float32)
    rounded = widen(round_to_bfloat16(x))
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, x, rtol=2**-8)
    unit = np.spacing(np.abs(x)) * 2**16  # of the last place of bfloat16
    assert (np.abs(rounded.astype(float) - x) <= unit / 2).all()


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, 2.0**-126, np.inf, -np.inf, np.nan])
def test_values_of_bfloat16_are_kept(value: float) -> None:
    result = widen(round_to_bfloat16(np.full(3, value, np.float32)))
    np.testing.assert_array_equal(result, np.full(3, value, np.float32))
    np.testing.assert_array_equal(np.signbit(result), np.signbit(value))


def test_ties_and_the_largest_value_are_rounded_away_from_zero() -> None:
    tie, largest = np.float32(1 + 2**-8), np.finfo(np.float32).max
    result = widen(round_to_bfloat16(np.array([tie, -tie, largest, -largest])))
    np.testing.assert_array_equal(result, [1 + 2**-7, -1 - 2**-7, np.inf, -np.inf])


def test_views_are_rounded() -> None:
    x = RNG.normal(size=(6, 8)).astype(np.float32)
    for view in (x[:, ::2], x.T, x[1:3], x.reshape(2, 3, 8)[:, 1:]):
        bits = round_to_bfloat16(view)
        assert bits.flags.c_contiguous
        np.testing.assert_allclose(widen(bits), view, rtol=2**-8)


def test_the_emulation_rounds_both_factors() -> None:
    weight = np.array([[1 + 2**-9, 1]], np.float32)
    x = np.array([[1], [1 - 2**-10]], np.float32)
    np.testing.assert_array_equal(RoundedWeight(weight).multiply(x), [[2]])
