from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.attention import self_attention
from skdistilbert.nn.packing import Group
from skdistilbert.nn.training.attention import attention_backward, attention_forward
from skdistilbert.nn.training.dropout import Dropout

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array

N_HEADS, DIM, N_TOKENS = 3, 12, 22
HIDDEN_KEY = np.where(np.arange(4) == 1, -np.inf, 0).astype(np.float32).reshape(1, 1, 4, 1)
GROUPS = [Group(0, 2, 6), Group(12, 1, 4, HIDDEN_KEY), Group(16, 6, 1)]
DIRECTION = np.random.default_rng(1).normal(size=(DIM, N_TOKENS))


def random_qkv(spread: float) -> Array:
    return spread * np.random.default_rng(0).normal(size=(3 * DIM, N_TOKENS))


def attend(qkv: Array) -> Array:
    context, _ = attention_forward(qkv[:DIM].copy(), qkv[DIM:], GROUPS, N_HEADS, Dropout.none())
    return context


# Scores of a hundred and more: their exponentials alone are too large, or too small.
@pytest.mark.parametrize("spread", [1, 10, 30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gives_what_inference_gives(spread: float, dtype: type[np.floating]) -> None:
    qkv = random_qkv(spread).astype(dtype)
    expected = self_attention(qkv.copy(), GROUPS, DIM // N_HEADS)
    np.testing.assert_allclose(attend(qkv), expected, rtol=1e-3, atol=spread * 1e-4)


@pytest.mark.parametrize("spread", [1, 10])
def test_is_differentiated(spread: float) -> None:
    qkv, d_qkv = random_qkv(spread), np.empty((3 * DIM, N_TOKENS))
    _, tape = attention_forward(qkv[:DIM].copy(), qkv[DIM:], GROUPS, N_HEADS, Dropout.none())
    attention_backward(DIRECTION.copy(), tape, GROUPS, N_HEADS, d_qkv[:DIM], d_qkv[DIM:])
    step, expected = 1e-6, np.empty_like(d_qkv)
    for place in np.ndindex(qkv.shape):
        change = np.zeros_like(qkv)
        change[place] = step
        expected[place] = ((attend(qkv + change) - attend(qkv - change)) * DIRECTION).sum()
    np.testing.assert_allclose(d_qkv, expected / (2 * step), rtol=1e-4, atol=1e-7 * spread)
