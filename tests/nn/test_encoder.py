from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn import encoder as module
from skdistilbert.nn.encoder import Trace, encode, encode_first_tokens
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import for_each
from skdistilbert.nn.weights import Encoder
from tests.nn.reference import hidden_states, random_encoder, random_tensors

TEXTS = [[3, 7, 1, 9, 4], [5], [1, 2, 3], [8, 8, 2], list(range(40)), [4, 6, 2]]


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_packed_texts_have_the_states_of_each_text_alone(activation: str) -> None:
    encoder, tensors = random_encoder(activation=activation)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    packed = encode(encoder, batch)
    states = np.split(packed.T, batch.starts[1:])
    for text, got in zip(batch.text_indices, states, strict=True):
        expected = hidden_states(tensors, TEXTS[text], activation=activation)[-1]
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_trace_keeps_every_layer() -> None:
    encoder, tensors = random_encoder(n_layers=3)
    (batch,) = Ragged.from_lists([TEXTS[0]]).batches(1)
    trace = Trace()
    last = encode(encoder, batch, trace)
    expected = hidden_states(tensors, TEXTS[0])
    assert len(trace.hidden_states) == len(expected) == 4
    for got, state in zip(trace.hidden_states, expected, strict=True):
        np.testing.assert_allclose(got.T, state, atol=1e-5)
    np.testing.assert_array_equal(trace.hidden_states[-1], last)
    ((probabilities,), *others) = trace.attentions
    assert len(others) == 2
    assert probabilities.shape == (1, 4, 5, 5)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_first_tokens_alone_are_those_of_the_whole(n_layers: int) -> None:
    encoder, _ = random_encoder(n_layers=n_layers)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    whole = encode(encoder, batch)[:, batch.starts]
    np.testing.assert_allclose(encode_first_tokens(encoder, batch), whole, atol=1e-5)


def test_float64_weights_are_computed_in_float64() -> None:
    tensors = random_tensors(n_layers=3)
    doubles = {name: value.astype(np.float64) for name, value in tensors.items()}
    encoder = Encoder.from_tensors(
        doubles, n_layers=3, n_heads=4, activation="relu", layer_norm_eps=1e-12
    )
    (batch,) = Ragged.from_lists([TEXTS[0]]).batches(1)
    got = encode(encoder, batch)
    assert got.dtype == np.float64
    expected = hidden_states(tensors, TEXTS[0], activation="relu")[-1]
    np.testing.assert_allclose(got.T, expected, atol=1e-12)


def test_activations_at_the_ends_of_float32_give_no_warning_and_no_nan() -> None:
    tensors = random_tensors(n_layers=3)
    for name in ("transformer.layer.0.ffn.lin1.weight", "transformer.layer.1.ffn.lin1.weight"):
        tensors[name] = tensors[name] * np.float32(1e15)
    for name in ("transformer.layer.0.ffn.lin2.weight", "transformer.layer.1.ffn.lin2.weight"):
        tensors[name] = tensors[name] * np.float32(1e-15)
    encoder = Encoder.from_tensors(
        tensors, n_layers=3, n_heads=4, activation="gelu", layer_norm_eps=1e-12
    )
    assert np.isfinite(pooled_features(encoder, Ragged.from_lists(TEXTS), "mean")).all()


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_layers_in_parts_add_up(n_threads: int) -> None:
    encoder, tensors = random_encoder()
    (batch,) = Ragged.from_lists([TEXTS[4]]).batches(1)
    states: list[np.ndarray] = []
    for_each(
        lambda batch, workers: states.append(encode(encoder, batch, workers=workers)),
        [batch],
        n_threads,
    )
    np.testing.assert_allclose(states[0].T, hidden_states(tensors, TEXTS[4])[-1], atol=1e-5)


@pytest.mark.parametrize(("max_size", "in_short_sums"), [(0, False), (2**20, True)])
def test_the_second_feed_forward_layers_of_small_models_are_added_up_in_short_sums(
    max_size: int, in_short_sums: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SIZE_IN_SHORT_SUMS", max_size)
    encoder, _ = random_encoder()
    seen: list[bool] = []
    product = module.product

    def noting(matrix: np.ndarray, x: np.ndarray, *, in_short_sums: bool = False) -> np.ndarray:
        seen.append(in_short_sums)
        return product(matrix, x, in_short_sums=in_short_sums)

    monkeypatch.setattr(module, "product", noting)
    pooled_features(encoder, Ragged.from_lists(TEXTS[:1]), "mean", 1)
    assert seen == [False, in_short_sums] * len(encoder.layers)  # after attention, after GELU
