from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.attention import self_attention
from skdistilbert.nn.tape import DropoutRates, Tape
from skdistilbert.nn.training.attention_backward import attention_backward
from tests.nn.test_attention import GROUPS, HEAD_DIM, N_HEADS

DIM, N_TOKENS = N_HEADS * HEAD_DIM, 22


@pytest.mark.parametrize("n_queries", [N_TOKENS, 9])  # every token, or first tokens only
@pytest.mark.parametrize(("spread", "dropout"), [(1, 0.0), (1, 0.3), (10, 0.0)])
def test_attention_is_differentiated(spread: float, dropout: float, n_queries: int) -> None:
    rng = np.random.default_rng(0)
    inputs = [spread * rng.normal(size=(DIM, n)) for n in (n_queries, N_TOKENS, N_TOKENS)]
    direction = rng.normal(size=(DIM, n_queries))

    def attend(tape: Tape) -> np.ndarray:
        queries, keys, values = inputs
        return self_attention(queries.copy(), keys, values, GROUPS, HEAD_DIM, tape)

    def projected() -> float:
        return float((attend(Tape(DropoutRates(attention=dropout))) * direction).sum())

    tape = Tape(DropoutRates(attention=dropout))
    attend(tape)
    derivatives = [np.empty_like(x) for x in inputs]
    attention_backward(direction.copy(), GROUPS, N_HEADS, tape, *derivatives)
    step = 1e-6
    for x, derivative in zip(inputs, derivatives, strict=True):
        expected = np.empty_like(x)
        for place in np.ndindex(x.shape):
            original = x[place]
            x[place] = original + step
            above = projected()
            x[place] = original - step
            expected[place] = (above - projected()) / (2 * step)
            x[place] = original
        np.testing.assert_allclose(derivative, expected, rtol=1e-4, atol=1e-6 * spread)
