"""The benchmark of what NumPy can't reach: no product of a forward pass may be missing from it."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from benchmarks.calls_alone import calls_of_layers
from skdistilbert.nn.packing import Group
from skdistilbert.nn.runtime import matrix_product
from tests.nn.reference import random_encoder


@pytest.mark.parametrize("is_faster_in_place", [False, True])
@pytest.mark.parametrize("n_parts", [1, 2])
def test_every_multiplication_is_recorded(
    is_faster_in_place: bool, n_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_product, "_is_faster_in_place", lambda *_: is_faster_in_place)
    encoder, _ = random_encoder(n_layers=1, dim=48, hidden_dim=3072)  # long rows come in pieces
    group = Group(0, 2, 40)
    parts = [calls_of_layers(encoder, [group], n_parts, part) for part in range(n_parts)]
    multiplications = sum(
        options["out"].size * inputs[0].shape[-1]
        for function, inputs, options in chain(*parts)
        if getattr(function, "__self__", None) is np.matmul
    )
    n_tokens = group.n_texts * group.length
    of_attention = 2 * encoder.dim * n_tokens * group.length
    assert multiplications == encoder.multiplications_a_token * n_tokens + of_attention
