from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn import attention
from skdistilbert.nn.attention import self_attention
from skdistilbert.nn.packing import Group


@pytest.mark.parametrize("max_scores", [1, 100, 2**19])
def test_blocks_of_texts_and_queries_change_nothing(
    max_scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    qkv = np.random.default_rng(0).normal(size=(3 * 12, 22)).astype(np.float32)
    groups = [Group(0, 2, 6), Group(12, 1, 4), Group(16, 6, 1)]
    probabilities: list[np.ndarray] = []
    expected = self_attention(qkv.copy(), groups, 4, probabilities)
    assert [p.shape for p in probabilities] == [(2, 3, 6, 6), (1, 3, 4, 4), (6, 3, 1, 1)]
    monkeypatch.setattr(attention, "MAX_SCORES", max_scores)
    np.testing.assert_allclose(self_attention(qkv.copy(), groups, 4), expected, atol=1e-6)


def test_large_scores_do_not_overflow() -> None:
    qkv = np.random.default_rng(0).normal(size=(3 * 4, 5)).astype(np.float32) * 100
    assert np.isfinite(self_attention(qkv, [Group(0, 1, 5)], 4)).all()
