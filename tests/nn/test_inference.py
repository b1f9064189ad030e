from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.inference import padded_hidden_states, padded_states, pooled_features
from skdistilbert.nn.packing import Ragged
from tests.nn.reference import hidden_states, random_encoder

if TYPE_CHECKING:
    from skdistilbert.nn.pooling import Pooling

RNG = np.random.default_rng(1)
TEXTS = [RNG.integers(0, 50, length).tolist() for length in (3, 40, 1, 3, 17, 17, 8, 40, 2)]


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_pooled_features_equal_the_plain_network(pooling: Pooling) -> None:
    encoder, tensors = random_encoder()
    features = pooled_features(encoder, Ragged.from_lists(TEXTS), pooling)
    for got, text in zip(features, TEXTS, strict=True):
        states = hidden_states(tensors, text)[-1]
        expected = {"cls": states[0], "mean": states.mean(0), "max": states.max(0)}[pooling]
        np.testing.assert_allclose(got, expected, atol=5e-6)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_order_and_threads_do_not_change_features(n_threads: int) -> None:
    encoder, _ = random_encoder(dim=96, hidden_dim=300, positions=200)
    lengths = np.random.default_rng(2).integers(1, 200, 300)  # several batches, two threads
    texts = [RNG.integers(0, 50, length).tolist() for length in lengths]
    expected = pooled_features(encoder, Ragged.from_lists(texts), "mean", 1)
    got = pooled_features(encoder, Ragged.from_lists(texts[::-1]), "mean", n_threads)
    np.testing.assert_allclose(got[::-1], expected, atol=1e-5)
    one = pooled_features(encoder, Ragged.from_lists(texts[:1]), "mean", n_threads)
    np.testing.assert_allclose(one, expected[:1], atol=1e-5)


def test_equal_texts_have_the_same_features_to_the_last_bit() -> None:
    encoder, _ = random_encoder()
    features = pooled_features(encoder, Ragged.from_lists([*TEXTS, *TEXTS[::-1]]), "mean")
    np.testing.assert_array_equal(features[: len(TEXTS)], features[len(TEXTS) :][::-1])


@pytest.mark.parametrize("layers", [(0,), (1, 3), (2, 2, 0)])
def test_layers_are_averaged(layers: tuple[int, ...]) -> None:
    encoder, tensors = random_encoder()
    features = pooled_features(encoder, Ragged.from_lists(TEXTS), "mean", layers=layers)
    for got, text in zip(features, TEXTS, strict=True):
        states = np.mean([hidden_states(tensors, text)[layer] for layer in layers], axis=0)
        np.testing.assert_allclose(got, states.mean(0), atol=1e-5)


def test_masks_may_hide_any_position() -> None:
    encoder, tensors = random_encoder()
    ids = RNG.integers(0, 50, (4, 9))
    mask = np.array([[1] * 9, [1] * 4 + [0] * 5, [0] * 3 + [1] * 6, [1, 0, 1, 1, 0, 0, 1, 0, 1]])
    texts = Ragged.from_padded(ids, mask > 0)
    got = padded_hidden_states(encoder, texts, 9)
    layers, attentions = padded_states(encoder, texts, 9)
    np.testing.assert_allclose(layers[-1], got, atol=1e-5)
    for row in range(4):
        (visible,) = np.nonzero(mask[row])
        expected = hidden_states(tensors, ids[row, visible], positions=visible)
        np.testing.assert_allclose(got[row, visible], expected[-1], atol=1e-5)
        for layer, state in zip(layers, expected, strict=True):
            np.testing.assert_allclose(layer[row, visible], state, atol=1e-5)
        hidden = mask[row] == 0
        hidden[0] = False  # the first token is computed even when hidden
        assert not got[row, hidden].any()
        for attention in attentions:
            assert not attention[row][:, :, mask[row] == 0].any()
            np.testing.assert_allclose(attention[row][:, visible].sum(-1), 1, atol=1e-6)
