from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn import encoder as module
from skdistilbert.nn.encoder import embed_tokens, encode
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import for_each
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.weights import Encoder
from tests.nn.reference import hidden_states, random_encoder, random_tensors

TEXTS = [[3, 7, 1, 9, 4], [5], [1, 2, 3], [8, 8, 2], list(range(40)), [4, 6, 2]]


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_packed_texts_have_the_hidden_states_of_single_texts(activation: str) -> None:
    encoder, tensors = random_encoder(activation=activation)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    packed = encode(encoder, batch)
    states = np.split(packed.T, batch.starts[1:])
    for text, got in zip(batch.text_indices, states, strict=True):
        expected = hidden_states(tensors, TEXTS[text], activation=activation)[-1]
        np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_second_token_type_changes_the_embeddings() -> None:
    tensors = random_tensors(n_layers=1)
    tensors["embeddings.token_type_difference"] = tensors["embeddings.LayerNorm.weight"]
    encoder = Encoder.from_tensors(
        tensors, n_layers=1, n_heads=4, activation="gelu", layer_norm_eps=1e-12
    )
    for types in ([0, 0, 1, 1, 1], [0] * 5, None):
        (batch,) = Ragged.from_lists(TEXTS[:1], types and [types]).batches(1)
        expected = hidden_states(tensors, TEXTS[0], token_types=types)[-1]
        np.testing.assert_allclose(encode(encoder, batch).T, expected, atol=1e-5)


def test_layer_outputs_are_those_of_the_plain_network() -> None:
    encoder, tensors = random_encoder(n_layers=3)
    (batch,) = Ragged.from_lists([TEXTS[0]]).batches(1)
    x = embed_tokens(encoder.embeddings, batch)
    attentions: list[list[np.ndarray]] = []
    states = module.hidden_states(encoder, x, batch, attentions=attentions)
    for got, expected in zip(states, hidden_states(tensors, TEXTS[0]), strict=True):
        np.testing.assert_allclose(got.T, expected, atol=1e-5)
    assert [[p.shape for p in groups] for groups in attentions] == [[(1, 4, 5, 5)]] * 3


@pytest.mark.parametrize("first_tokens_only", [False, True])
def test_a_tape_does_not_change_hidden_states(first_tokens_only: bool) -> None:
    encoder, _ = random_encoder(n_layers=2)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    expected = encode(encoder, batch, first_tokens_only=first_tokens_only)
    tape = Tape()
    x = embed_tokens(encoder.embeddings, batch, tape)
    *_, got = module.hidden_states(
        encoder, x, batch, first_tokens_only=first_tokens_only, tape=tape
    )
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_first_tokens_only_equals_the_first_columns(n_layers: int) -> None:
    encoder, _ = random_encoder(n_layers=n_layers)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    whole = encode(encoder, batch)[:, batch.starts]
    np.testing.assert_allclose(encode(encoder, batch, first_tokens_only=True), whole, atol=1e-5)


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


def test_very_large_activations_give_no_warning_and_no_nan() -> None:
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
def test_parts_of_a_layer_on_several_threads_add_up(n_threads: int) -> None:
    encoder, tensors = random_encoder()
    (batch,) = Ragged.from_lists([TEXTS[4]]).batches(1)
    states: list[np.ndarray] = []
    for_each(
        lambda batch, workers: states.append(encode(encoder, batch, workers=workers)),
        [batch],
        n_threads,
    )
    np.testing.assert_allclose(states[0].T, hidden_states(tensors, TEXTS[4])[-1], atol=1e-5)
