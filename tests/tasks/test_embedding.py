from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertModel,
    TruncationWarning,
    WordPieceTokenizer,
    embed,
    load_model,
    predict,
)
from skdistilbert.tasks import text_batches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from skdistilbert.nn.pooling import Pooling

TEXTS = ["the one", "", "what would you do? it is there, too.", "two"]
Pair = tuple[DistilBertModel, WordPieceTokenizer]


@pytest.fixture
def pair(tiny: Path) -> Pair:
    return load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)


def test_predict_returns_the_hidden_states_of_the_padded_batch(pair: Pair) -> None:
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
def test_embed_pools_the_hidden_states_of_predict(pair: Pair, pooling: Pooling) -> None:
    embeddings = embed(*pair, TEXTS, pooling=pooling)
    assert embeddings.shape == (4, 32)
    assert embeddings.dtype == np.float32
    for text, embedding in zip(TEXTS, embeddings, strict=True):
        states = predict(*pair, text)[0]
        expected = {"cls": states[0], "mean": states.mean(0), "max": states.max(0)}[pooling]
        np.testing.assert_allclose(embedding, expected, atol=5e-6)
        np.testing.assert_allclose(embed(*pair, text, pooling=pooling), embedding, atol=5e-6)


def test_embeddings_do_not_depend_on_batches(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = TEXTS * 5
    whole = embed(*pair, texts)
    monkeypatch.setattr(text_batches, "TEXTS_PER_BATCH", 3)
    np.testing.assert_allclose(embed(*pair, texts), whole, atol=5e-6)
    with pytest.warns(TruncationWarning, match=r"\(rows 2, 6, 10, 14, 18\)"):
        embed(*pair, texts, max_length=5)


def test_texts_may_come_in_a_generator_or_a_frame(pair: Pair) -> None:
    pandas = pytest.importorskip("pandas")
    expected = embed(*pair, TEXTS)
    np.testing.assert_array_equal(embed(*pair, (text for text in TEXTS)), expected)
    np.testing.assert_array_equal(embed(*pair, pandas.DataFrame({"text": TEXTS})), expected)
    np.testing.assert_array_equal(predict(*pair, iter(TEXTS)), predict(*pair, TEXTS))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "Expected an ordered iterable of texts, .*; got None of type NoneType"),
        ({"a", "b"}, "Expected an ordered iterable of texts, .* of type set"),
        ([*["fine"] * 7, None], r"1 of 8 texts \(row 7\) is not \(the first is None"),
    ],
)
def test_other_values_than_texts_raise(pair: Pair, texts: Any, message: str) -> None:  # noqa: ANN401
    for function in (predict, embed):
        with pytest.raises(TypeError, match=message):
            function(*pair, texts)


def test_other_values_than_a_model_and_a_tokenizer_raise(pair: Pair) -> None:
    model, tokenizer = pair
    for function in (predict, embed):
        with pytest.raises(TypeError, match="DistilBertModel as model; got None .*load_model"):
            function(None, tokenizer, ["a"])  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="tokenizer must be a WordPieceTokenizer; got 'mini'"):
            function(model, "mini", ["a"])  # type: ignore[arg-type]
    mini = WordPieceTokenizer.from_pretrained("mini")
    with pytest.raises(CheckpointError, match="token id 30521, .* only 1124 word embeddings"):
        embed(model, mini, ["a"])
    assert embed(load_model("mini"), tokenizer, ["a"]).shape == (1, 192)


def test_long_texts_are_truncated_with_one_warning(pair: Pair) -> None:
    message = r"2 of 3 texts were truncated to max_length=5 tokens \(rows 0, 2\)\. "
    texts = ["a " * 10, "a", "a " * 5]
    for function, remedy in ((predict, "Split long texts"), (embed, 'Use long_text="window"')):
        with pytest.warns(TruncationWarning, match=message + remedy) as record:
            function(*pair, texts, max_length=5)
        assert len(record) == 1
        assert record[0].filename == __file__
    with pytest.warns(TruncationWarning, match=r"1 of 1 texts was truncated to max_length=128"):
        cut = embed(*pair, ["a " * 500])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(cut, embed(*pair, ["a " * 126]), atol=1e-5)


@pytest.mark.parametrize("max_length", [1, 129, 2.5, "10"])
def test_an_invalid_max_length_raises(pair: Pair, max_length: int) -> None:
    for function in (predict, embed):
        with pytest.raises(ValueError, match=f"between 2, .* and 128.*; got {max_length!r}"):
            function(*pair, "a", max_length=max_length)


def test_an_unknown_pooling_raises(pair: Pair) -> None:
    with pytest.raises(ValueError, match="pooling must be one of 'cls', 'mean', .*; got 'sum'"):
        embed(*pair, "a", pooling="sum")  # type: ignore[arg-type]


def test_no_texts_return_no_rows(pair: Pair) -> None:
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
def test_layer_selects_or_averages_hidden_states(
    pair: Pair, layer: int | Sequence[int] | None, averaged: list[int]
) -> None:
    model, tokenizer = pair
    batch = tokenizer.encode_batch(TEXTS)
    hidden_states = model(*batch, output_hidden_states=True).hidden_states
    states = np.mean([hidden_states[index] for index in averaged], axis=0)
    lengths = batch.attention_mask.sum(axis=1, keepdims=True)
    cls, mean = (embed(*pair, TEXTS, pooling=pooling, layer=layer) for pooling in ("cls", "mean"))
    np.testing.assert_allclose(cls, states[:, 0], atol=1e-5)
    np.testing.assert_allclose(mean, states.sum(axis=1) / lengths, atol=1e-5)  # padding is 0


def test_layers_above_the_highest_are_not_computed(pair: Pair) -> None:
    model, tokenizer = pair
    unused = {name: tensor for name, tensor in model.weights.items() if ".layer.4." in name}
    nan = {name: np.full_like(tensor, np.nan) for name, tensor in unused.items()}
    broken = DistilBertModel(model.config, {**model.weights, **nan})
    for layer in (0, 2, [0, 4]):
        expected = embed(*pair, "one", pooling="mean", layer=layer)
        got = embed(broken, tokenizer, "one", pooling="mean", layer=layer)
        np.testing.assert_array_equal(got, expected)
    assert np.isnan(embed(broken, tokenizer, "one", pooling="mean")).all()


@pytest.mark.parametrize("layer", [6, -7, 1.5, "1", [0, 6], [], [None]])
def test_an_unknown_layer_raises(
    pair: Pair,
    layer: Any,  # noqa: ANN401
) -> None:
    with pytest.raises(ValueError, match="layer must"):
        embed(*pair, "a", layer=layer)
