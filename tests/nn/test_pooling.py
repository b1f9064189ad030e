from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn import inference
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
def test_all_poolings_joined_in_the_order_asked_for(n_skipped: int) -> None:
    encoder, tensors = random_encoder()
    order = POOLINGS[::-1]
    features = pooled_features(encoder, Ragged.from_lists(TEXTS), order, n_skipped=n_skipped)
    for got, text in zip(features, TEXTS, strict=True):
        kept = np.arange(len(text))[min(n_skipped, len(text) - 1) :]
        expected = pooled(hidden_states(tensors, text)[-1][kept], kept)
        np.testing.assert_allclose(got, np.concatenate([expected[p] for p in order]), atol=1e-5)


def test_joined_poolings_run_the_encoder_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, _ = random_encoder()
    texts, n_runs, encode = Ragged.from_lists(TEXTS), 0, inference.encode

    def counting(*arguments: object) -> object:
        nonlocal n_runs
        n_runs += 1
        return encode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(inference, "encode", counting)
    pooled_features(encoder, texts, ["mean"])
    n_runs_of_one = n_runs
    pooled_features(encoder, texts, POOLINGS)
    assert n_runs == 2 * n_runs_of_one
