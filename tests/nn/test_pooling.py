from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.pooling import POOLINGS
from tests.nn.reference import hidden_states, random_encoder

RNG = np.random.default_rng(1)
TEXTS = [RNG.integers(0, 50, length).tolist() for length in (3, 40, 1, 3, 17, 2)]


def pooled(states: np.ndarray, positions: np.ndarray) -> dict[str, np.ndarray]:
    """Every pooling of (n_tokens, dim) as sentence-transformers defines it."""
    weights = positions + 1.0
    return {
        "cls": states[0],
        "mean": states.mean(0),
        "max": states.max(0),
        "mean_sqrt_len_tokens": states.sum(0) / np.sqrt(len(states)),
        "weightedmean": weights @ states / weights.sum(),
        "lasttoken": states[-1],
    }


@pytest.mark.parametrize("n_skipped", [0, 1, 5])
def test_several_poolings_are_concatenated_in_their_order(n_skipped: int) -> None:
    encoder, tensors = random_encoder()
    order = POOLINGS[::-1]
    features = pooled_features(encoder, Ragged.from_lists(TEXTS), order, n_skipped=n_skipped)
    for got, text in zip(features, TEXTS, strict=True):
        kept = np.arange(len(text))[min(n_skipped, len(text) - 1) :]
        expected = pooled(hidden_states(tensors, text)[-1][kept], kept)
        np.testing.assert_allclose(got, np.concatenate([expected[p] for p in order]), atol=1e-5)
