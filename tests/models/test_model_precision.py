from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForTokenClassification,
    DistilBertModel,
    embed,
    load_model,
)
from skdistilbert.nn.runtime.precision import EMULATION_VARIABLE, bfloat16_packing

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[1] / "data"
TEXTS = ["Where is my parcel?", "The invoice is wrong, please send a new one.", "Hello", "", "ok"]


@pytest.fixture(autouse=True)
def _emulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(EMULATION_VARIABLE, "numpy")
    bfloat16_packing.cache_clear()
    yield
    bfloat16_packing.cache_clear()


def cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    products: np.ndarray = np.einsum("ij,ij->i", x, y)
    return products / lengths


def test_embeddings_are_close_to_those_in_float32() -> None:
    model = load_model("mini", precision="bfloat16")
    vectors, expected = embed(model, TEXTS), embed("mini", TEXTS)
    assert vectors.dtype == np.float32
    assert 0 < np.abs(vectors - expected).max() < 0.05
    assert cosines(vectors, expected).min() > 0.999
    assert model.precision == "bfloat16"


def test_the_number_of_threads_and_the_batch_hardly_change_a_result() -> None:
    model = load_model("mini", precision="bfloat16")
    ids = model.tokenizer.encode_batch([text * 9 for text in TEXTS]).input_ids
    together = model.pooled(ids, "mean", n_threads=2)
    alone = [model.pooled([one], "mean", n_threads=1)[0] for one in ids]
    assert cosines(together, np.array(alone)).min() > 0.9999


def test_every_output_of_the_encoder_is_in_bfloat16() -> None:
    whole, rounded = (load_model("mini", precision=name) for name in ("float32", "bfloat16"))
    ids = [[101, 2242, 2182, 102], [101, 2242, 102]]
    padded = [[101, 2242, 2182, 102]]
    results = [
        (
            model.hidden_states(ids),
            model.pooled(ids, "cls"),
            model.pooled(ids, "mean", layers=[2, 3]),
            model(padded, output_hidden_states=True).hidden_states[-1],
        )
        for model in (whole, rounded)
    ]
    for x, y in zip(*results, strict=True):
        assert 0 < np.abs(x - y).max() < 0.2
        assert y.dtype == np.float32


def test_models_with_heads_have_a_precision() -> None:
    directory = DATA / "distilbert-tiny-token-classification"
    ids = [[2, 5, 6, 3]]
    expected = DistilBertForTokenClassification.from_pretrained(directory).logits(ids)
    model = DistilBertForTokenClassification.from_pretrained(directory, precision="bfloat16")
    (logits,), (logits_in_float32,) = model.logits(ids), expected
    assert 0 < np.abs(logits - logits_in_float32).max() < 0.05


def test_a_pickle_has_the_precision_but_no_packed_weights() -> None:
    model = load_model("mini", precision="bfloat16")
    before = len(pickle.dumps(model))
    expected = embed(model, TEXTS)
    stored = pickle.dumps(model)
    assert len(stored) < before + 1000
    other = pickle.loads(stored)
    assert other.precision == "bfloat16"
    np.testing.assert_array_equal(embed(other, TEXTS), expected)


def test_packed_weights_take_memory_that_is_reported() -> None:
    model = load_model("mini", precision="bfloat16")
    products = model.encoder.products
    assert products.nbytes == 0
    embed(model, TEXTS)
    n_weights = model.encoder.multiplications_per_token
    assert products.nbytes >= 2 * n_weights
    before = products.nbytes
    embed(model, TEXTS)
    assert (model.encoder.products is products, products.nbytes) == (True, before)


def test_float32_is_used_with_a_warning_where_bfloat16_is_not_supported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = pickle.dumps(load_model("mini", precision="bfloat16"))
    monkeypatch.delenv(EMULATION_VARIABLE)
    monkeypatch.setattr("skdistilbert.nn.runtime.precision.has_bfloat16", lambda: False)
    bfloat16_packing.cache_clear()
    model = pickle.loads(stored)
    with pytest.warns(UserWarning, match="'bfloat16' computes in float32 here"):
        vectors = embed(model, TEXTS)
    np.testing.assert_array_equal(vectors, embed("mini", TEXTS))
    np.testing.assert_array_equal(vectors, embed(model, TEXTS))  # without another warning


@pytest.mark.parametrize("load", [load_model, DistilBertModel.from_pretrained])
def test_an_unknown_precision_is_an_error(load: object) -> None:
    with pytest.raises(ValueError, match="must be one of 'float32', 'bfloat16'; got 'float16'"):
        load("mini", precision="float16")  # type: ignore[operator]
