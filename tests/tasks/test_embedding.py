from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertModel,
    TruncationWarning,
    WordPieceTokenizer,
    embed,
    load_model,
    predict,
)
from skdistilbert.nn import encoder
from skdistilbert.tasks import encoding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from skdistilbert.nn.pooling import Pooling

TEXTS = ["the one", "", "what would you do? it is there, too.", "two"]
Pair = tuple[DistilBertModel, WordPieceTokenizer]


@pytest.fixture
def pair(tiny: Path) -> Pair:
    return load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)


def test_predict_gives_the_states_of_the_padded_batch(pair: Pair) -> None:
    model, tokenizer = pair
    hidden = predict(model, tokenizer, TEXTS)
    batch = tokenizer.encode_batch(TEXTS)
    np.testing.assert_allclose(hidden, model(*batch).last_hidden_state, atol=1e-5)
    assert hidden.dtype == np.float32
    assert not hidden[batch.attention_mask == 0].any()
    one = predict(model, tokenizer, TEXTS[0])
    assert one.shape == (1, 4, 32)
    np.testing.assert_allclose(one[0], hidden[0, :4], atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_embed_pools_the_states_of_predict(pair: Pair, pooling: Pooling) -> None:
    embeddings = embed(*pair, TEXTS, pooling)
    assert embeddings.shape == (4, 32)
    assert embeddings.dtype == np.float32
    for text, embedding in zip(TEXTS, embeddings, strict=True):
        states = predict(*pair, text)[0]
        expected = {"cls": states[0], "mean": states.mean(0), "max": states.max(0)}[pooling]
        np.testing.assert_allclose(embedding, expected, atol=5e-6)
        np.testing.assert_allclose(embed(*pair, text, pooling), embedding, atol=5e-6)


def test_pieces_of_a_corpus_change_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = TEXTS * 5
    whole = embed(*pair, texts)
    monkeypatch.setattr(encoding, "TEXTS_AT_A_TIME", 3)
    np.testing.assert_allclose(embed(*pair, texts), whole, atol=5e-6)
    with pytest.raises(TypeError, match="Row 7: a text must be a string"):
        embed(*pair, [*["fine"] * 7, None])


def test_longer_texts_are_cut_with_one_warning_that_counts_them(pair: Pair) -> None:
    message = "2 of 3 texts have more than max_length=5 tokens"
    texts = ["a " * 10, "a", "a " * 5]
    for function in (predict, embed):
        with pytest.warns(TruncationWarning, match=message) as record:
            function(*pair, texts, max_length=5)
        assert len(record) == 1
        assert record[0].filename == __file__
    with pytest.warns(TruncationWarning, match="1 of 1 texts have more than max_length=128"):
        cut = embed(*pair, ["a " * 500])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(cut, embed(*pair, ["a " * 126]), atol=1e-5)


@pytest.mark.parametrize("max_length", [1, 129, 2.5])
def test_a_max_length_that_the_model_does_not_have_is_an_error(
    pair: Pair, max_length: int
) -> None:
    for function in (predict, embed):
        with pytest.raises(ValueError, match=f"between 2, .* and 128.*; got {max_length}"):
            function(*pair, "a", max_length=max_length)


def test_an_unknown_pooling_is_an_error(pair: Pair) -> None:
    with pytest.raises(ValueError, match="pooling must be one of cls, mean, max, .*; got 'sum'"):
        embed(*pair, "a", "sum")  # type: ignore[arg-type]


def test_no_texts_give_no_rows(pair: Pair) -> None:
    assert embed(*pair, []).shape == (0, 32)
    assert predict(*pair, []).shape == (0, 0, 32)


@pytest.mark.parametrize(
    ("layer", "averaged"),
    [
        (None, [5]),
        (-1, [5]),
        (5, [5]),
        (0, [0]),
        (-6, [0]),
        (3, [3]),
        ([3], [3]),
        ([1, -2], [1, 4]),
        ((0, 2, 5), [0, 2, 5]),
        (np.array([2, 2, 4]), [2, 2, 4]),
    ],
)
def test_layer_picks_or_averages_hidden_states(
    pair: Pair, layer: int | Sequence[int] | None, averaged: list[int]
) -> None:
    model, tokenizer = pair
    batch = tokenizer.encode_batch(TEXTS)
    hidden_states = model(*batch, output_hidden_states=True).hidden_states
    states = np.mean([hidden_states[index] for index in averaged], axis=0)
    lengths = batch.attention_mask.sum(axis=1, keepdims=True)
    cls, mean = (embed(*pair, TEXTS, pooling, layer=layer) for pooling in ("cls", "mean"))
    np.testing.assert_allclose(cls, states[:, 0], atol=1e-5)
    np.testing.assert_allclose(mean, states.sum(axis=1) / lengths, atol=1e-5)  # padding is 0


def test_layers_above_the_highest_are_not_computed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_runs, transformer_layer = 0, encoder.transformer_layer

    def counting(*arguments: Any) -> object:  # noqa: ANN401
        nonlocal n_runs
        n_runs += 1
        return transformer_layer(*arguments)

    monkeypatch.setattr(encoder, "transformer_layer", counting)
    for layer, expected in ((0, 0), (2, 2), ([0, 3], 3), (None, 5)):
        n_runs = 0
        embed(*pair, "one", "mean", layer=layer)
        assert n_runs == expected


@pytest.mark.parametrize("layer", [6, -7, 1.5, "1", [0, 6], [], [None]])
def test_a_layer_that_the_model_does_not_have_is_an_error(
    pair: Pair,
    layer: Any,  # noqa: ANN401
) -> None:
    with pytest.raises(ValueError, match="layer must"):
        embed(*pair, "a", layer=layer)
