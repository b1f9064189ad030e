from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertEmbedder,
    TruncationWarning,
    embed,
    load_model,
)
from skdistilbert.tokenization import WordPieceTokenizer
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

    Estimator = DistilBertEmbedder | DistilBertClassifier

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = [label for label in ("thing", "person", "place") for _ in range(3)]
SEQUENCE = DATA / "distilbert-tiny-sequence-classification"


def quick(model: Path, **params: Any) -> DistilBertClassifier:  # noqa: ANN401
    return DistilBertClassifier(
        model, **{"max_iter": 30, "learning_rate_init": 3e-3, "random_state": 0, **params}
    )


@pytest.fixture(params=[DistilBertEmbedder, quick], ids=["embedder", "classifier"])
def estimator(request: pytest.FixtureRequest, tiny: Path) -> Estimator:
    made: Estimator = request.param(tiny)
    return made


def result(estimator: Estimator, texts: list[str]) -> np.ndarray:
    if isinstance(estimator, DistilBertEmbedder):
        return estimator.transform(texts)
    return estimator.decision_function(texts)


def test_features_equal_the_result_of_embed(tiny: Path) -> None:
    model, tokenizer = load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)
    features = DistilBertEmbedder(tiny, pooling="cls").fit_transform(text for text in TEXTS)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, embed(model, tokenizer, TEXTS, pooling="cls"), atol=1e-6)
    unit = DistilBertEmbedder(tiny, pooling="cls", normalize=True).fit_transform(TEXTS)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(unit, features / lengths, atol=1e-6)


def test_without_modules_the_embedder_and_embed_use_the_mean(tiny: Path) -> None:
    model, tokenizer = load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)
    features = DistilBertEmbedder(tiny).fit_transform(TEXTS)
    np.testing.assert_allclose(features, embed(model, tokenizer, TEXTS, pooling="mean"), atol=1e-6)
    np.testing.assert_array_equal(
        embed(model, tokenizer, TEXTS), embed(model, tokenizer, TEXTS, pooling="mean")
    )


def test_the_embedder_pools_the_layer_asked_for(tiny: Path) -> None:
    model, tokenizer = load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)
    for layer in (0, -2, [1, 5]):
        features = DistilBertEmbedder(tiny, pooling="max", layer=layer).fit_transform(TEXTS)
        expected = embed(model, tokenizer, TEXTS, pooling="max", layer=layer)
        np.testing.assert_allclose(features, expected, atol=1e-6)
    with pytest.raises(ValueError, match="from -6 to 5 .*; got 6"):
        DistilBertEmbedder(tiny, layer=6).fit(TEXTS)


def test_the_classifier_learns(tiny: Path) -> None:
    classifier = quick(tiny).fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["person", "place", "thing"]
    assert classifier.score(TEXTS, LABELS) == 1
    probabilities = classifier.predict_proba(TEXTS)
    assert probabilities.shape == (9, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(
        classifier.predict(TEXTS), classifier.classes_[probabilities.argmax(axis=1)]
    )
    assert classifier.n_iter_ == len(classifier.loss_curve_)


@pytest.mark.parametrize(
    "labels", [["no"] * 5 + ["yes"] * 4, [0] * 5 + [1] * 4, [False] * 5 + [True] * 4]
)
def test_two_classes(tiny: Path, labels: list[object]) -> None:
    classifier = quick(tiny).fit(TEXTS, labels)
    scores = classifier.decision_function(TEXTS)
    assert scores.shape == (9,)
    np.testing.assert_array_equal(classifier.predict(TEXTS), classifier.classes_[(scores > 0) * 1])
    np.testing.assert_allclose(
        classifier.predict_proba(TEXTS)[:, 1], 1 / (1 + np.exp(-scores)), atol=1e-6
    )
    assert classifier.predict(TEXTS).dtype == np.array(labels).dtype


def test_pipeline_cross_validation_and_grid_search(tiny: Path) -> None:
    pipeline = make_pipeline(DistilBertEmbedder(tiny), LogisticRegression())
    assert pipeline.fit(TEXTS, LABELS).predict(TEXTS[:2]).shape == (2,)
    assert cross_val_score(pipeline, TEXTS, LABELS, cv=3).shape == (3,)
    grid = {"distilbertembedder__pooling": [None, "cls", "mean", "max"]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(TEXTS, LABELS)
    assert isinstance(search.best_estimator_, Pipeline)
    search = GridSearchCV(quick(tiny), {"pooling": ["cls", "mean"]}, cv=3, error_score="raise")
    assert search.fit(TEXTS, LABELS).predict(TEXTS).shape == (9,)


def test_refitting_uses_the_current_parameters(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny).fit(TEXTS)
    first = embedder.fingerprint_
    embedder.set_params(model=DATA / "distilbert-tiny-masked-lm").fit(TEXTS)
    assert embedder.fingerprint_ != first


def test_from_pretrained_has_the_probabilities_of_the_checkpoint() -> None:
    classifier = DistilBertClassifier.from_pretrained(SEQUENCE)
    assert classifier.classes_.tolist() == ["angry", "neutral", "pleased"]
    tokenizer = WordPieceTokenizer.from_pretrained(SEQUENCE)
    logits = load_model(SEQUENCE)(*tokenizer.encode_batch(TEXTS)).logits  # neutral, angry, ...
    np.testing.assert_allclose(
        classifier.decision_function(TEXTS), logits[:, [1, 0, 2]], atol=1e-5
    )
    assert set(classifier.predict(TEXTS)) <= {"angry", "neutral", "pleased"}
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(classifier)).predict_proba(TEXTS),
        classifier.predict_proba(TEXTS),
        atol=1e-6,
    )


def test_from_pretrained_needs_a_head(tiny: Path) -> None:
    with pytest.raises(CheckpointError, match="has no sequence-classification head .found: None"):
        DistilBertClassifier.from_pretrained(tiny)


def test_long_texts_are_truncated_with_a_warning_at_the_caller(estimator: Estimator) -> None:
    estimator.fit(TEXTS, LABELS)
    with pytest.warns(
        TruncationWarning, match="1 of 9 texts was truncated to max_length=128"
    ) as warnings:
        result(estimator, [*TEXTS[:8], "a " * 300])
    assert [warning.filename for warning in warnings] == [__file__]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pooling": "sum"}, "pooling must be one of {'cls', 'mean', 'max', .*; got 'sum'"),
        ({"max_length": 129}, "max_length must be .* 128.*; got 129"),
        ({"max_length": 1}, "max_length must be int of at least 2 or None; got 1"),
        ({"max_length": "10"}, "max_length must be int of at least 2 or None; got '10'"),
        ({"n_threads": 0}, "n_threads must be int of at least 1 or None; got 0"),
        ({"n_threads": True}, "n_threads must be int of at least 1 or None; got True"),
        ({"verbose": "yes"}, "verbose must be bool or int of at least 0; got 'yes'"),
        ({"model": 3}, "model must be str or path-like; got 3"),
        ({"model": "no/such/directory"}, "is not a directory"),
    ],
)
def test_fit_names_invalid_parameters(
    estimator: Estimator, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**params).fit(TEXTS, LABELS)


def test_invalid_texts_are_named(estimator: Estimator) -> None:
    with pytest.raises(TypeError, match=r"1 of 3 texts \(row 1\) is not"):
        estimator.fit(["a", 3, "b"], ["x", "y", "z"])
    estimator.fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=r"1 of 2 texts \(row 1\) is missing"):
        result(estimator, ["a", None])


def test_prediction_needs_fit(tiny: Path) -> None:
    with pytest.raises(NotFittedError):
        quick(tiny).predict(TEXTS)


def test_empty_texts_are_valid(estimator: Estimator) -> None:
    estimator.fit(["", *TEXTS[1:]], LABELS)
    assert np.isfinite(result(estimator, ["", " "])).all()
