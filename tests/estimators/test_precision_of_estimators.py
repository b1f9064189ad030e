from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
)
from skdistilbert.nn.runtime.precision import EMULATION_VARIABLE, bfloat16_packing
from tests.tasks.test_entailment import LABELS as NAMES
from tests.tasks.test_entailment import TOKENIZER, entailment_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = ["the parcel is late", "where is my parcel", "i was charged twice", "the bill is wrong"]
LABELS = ["delivery", "delivery", "billing", "billing"]
WORDS, TAGS = [text.split() for text in TEXTS], [["O"] * len(text.split()) for text in TEXTS]
TAGS[0][1] = TAGS[1][3] = "B-THING"


@pytest.fixture(autouse=True)
def _emulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(EMULATION_VARIABLE, "numpy")
    bfloat16_packing.cache_clear()
    yield
    bfloat16_packing.cache_clear()


def outputs(precision: str) -> dict[str, np.ndarray]:
    """Return the numbers that each estimator computes."""
    options: dict[str, Any] = {"precision": precision}
    trained = {"random_state": 0, "max_iter": 1, **options}
    head = {**trained, "trainable_layers": 0}
    embedder = DistilBertEmbedder(**options).fit(TEXTS)
    contrastive = DistilBertContrastiveEmbedder(**trained, trainable_layers=1)
    tuned = DistilBertClassifier(**trained, trainable_layers=1, pooling="mean")
    words = DistilBertTokenClassifier(**head).fit(WORDS, TAGS)
    zero_shot = DistilBertZeroShotClassifier(classes=["delivery", "billing"], **options)
    return {
        "embedder": embedder.transform(TEXTS),
        "contrastive": contrastive.fit(TEXTS, LABELS).transform(TEXTS),
        "head": DistilBertClassifier(**head).fit(TEXTS, LABELS).predict_proba(TEXTS),
        "tuned": tuned.fit(TEXTS, LABELS).predict_proba(TEXTS),
        "regressor": DistilBertRegressor(**head).fit(TEXTS, [1, 2, 3, 4]).predict(TEXTS),
        "words": np.concatenate(words.predict_proba(WORDS)),
        "zero_shot": zero_shot.fit().decision_function(TEXTS),
    }


def test_every_estimator_computes_in_its_precision() -> None:
    whole, rounded = outputs("float32"), outputs("bfloat16")
    for name, expected in whole.items():
        difference = np.abs(rounded[name] - expected).max()
        assert 0 < difference < 0.2, name


def test_layers_are_trained_in_float32() -> None:
    options: dict[str, Any] = {"loss": "cosine", "trainable_layers": 1, "random_state": 0}
    losses = [
        DistilBertContrastiveEmbedder(precision=name, **options).fit(TEXTS, LABELS).loss_curve_
        for name in ("float32", "bfloat16")
    ]
    assert losses[0] == losses[1]


def test_a_precision_can_be_changed_after_fit() -> None:
    embedder = DistilBertEmbedder().fit(TEXTS)
    expected = embedder.transform(TEXTS)
    rounded = embedder.set_params(precision="bfloat16").transform(TEXTS)
    assert np.abs(rounded - expected).max() > 0
    np.testing.assert_array_equal(
        embedder.set_params(precision="float32").transform(TEXTS), expected
    )
    assert DistilBertEmbedder(precision="bfloat16").transform(TEXTS).shape == expected.shape


def test_a_head_for_entailment_has_the_precision(tmp_path: Path) -> None:
    entailment_model().save_pretrained(tmp_path, TOKENIZER)
    classifier = DistilBertZeroShotClassifier(tmp_path, method="entailment", classes=NAMES)
    texts = [name * 3 for name in NAMES]
    expected = classifier.fit().predict_proba(texts)
    rounded = classifier.set_params(precision="bfloat16").fit().predict_proba(texts)
    assert 0 < np.abs(rounded - expected).max() < 0.05
    classifier.set_params(precision="float32")
    np.testing.assert_array_equal(classifier.predict_proba(texts), expected)


def test_the_cache_keeps_the_precisions_apart(tmp_path: Path) -> None:
    results = {}
    for precision in ("float32", "bfloat16", "float32", "bfloat16"):
        embedder = DistilBertEmbedder(precision=precision, embedding_cache=tmp_path / "cache")
        features = embedder.fit_transform(TEXTS)
        np.testing.assert_array_equal(features, results.setdefault(precision, features))
    assert np.abs(results["float32"] - results["bfloat16"]).max() > 0


def test_the_cache_keeps_the_precisions_of_words_apart(tmp_path: Path) -> None:
    results = []
    for precision in ("float32", "bfloat16"):
        classifier = DistilBertTokenClassifier(
            precision=precision,
            embedding_cache=tmp_path / "cache",
            trainable_layers=0,
            max_iter=1,
            random_state=0,
        )
        results.append(np.concatenate(classifier.fit(WORDS, TAGS).predict_proba(WORDS)))
    assert np.abs(results[0] - results[1]).max() > 0


def test_a_pickle_works_where_bfloat16_is_not_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = pickle.dumps(DistilBertEmbedder(precision="bfloat16").fit(TEXTS))
    monkeypatch.delenv(EMULATION_VARIABLE)
    monkeypatch.setattr("skdistilbert.nn.runtime.precision.has_bfloat16", lambda: False)
    bfloat16_packing.cache_clear()
    embedder = pickle.loads(stored)
    with pytest.warns(UserWarning, match="computes in float32 here"):
        features = embedder.transform(TEXTS)
    np.testing.assert_array_equal(features, DistilBertEmbedder().fit_transform(TEXTS))
    np.testing.assert_array_equal(features, embedder.transform(TEXTS))  # without a warning


@pytest.mark.parametrize("precision", ["float16", None])
def test_an_unknown_precision_is_an_error(precision: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=f"precision must be one of .*; got {precision!r}"):
        DistilBertEmbedder(precision=precision).fit(TEXTS)
    embedder = DistilBertEmbedder().fit(TEXTS).set_params(precision=precision)
    with pytest.raises(ValueError, match=f"precision must be one of .*; got {precision!r}"):
        embedder.transform(TEXTS)
