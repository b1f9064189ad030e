from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate

from skdistilbert import DistilBertTokenClassifier, extract_entities
from tests.estimators.test_token_classifier import LABELS, TEXTS, quick

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.tasks.aggregation import AggregationStrategy

RAW = [" ".join(words) for words in TEXTS]


@pytest.fixture(scope="module")
def fitted() -> DistilBertTokenClassifier:
    from tests.conftest import DATA

    return quick(DATA / "distilbert-tiny").fit(TEXTS, LABELS)


def test_probabilities_are_ragged(fitted: DistilBertTokenClassifier) -> None:
    texts = [*TEXTS, ["is", "\u200b", ""], []]
    rows = fitted.predict_proba(texts)
    assert [row.shape for row in rows] == [(len(words), 4) for words in texts]
    assert all(row.dtype == np.float32 for row in rows)
    for row, labels in zip(rows, fitted.predict(texts), strict=True):
        np.testing.assert_allclose(row.sum(axis=1), 1, rtol=1e-6)
        assert fitted.classes_[row.argmax(axis=1)].tolist() == labels
    assert rows[4][1:].tolist() == [[0, 0, 0, 1]] * 2  # "O", as the tokenizer removes them


def test_probabilities_of_long_texts_come_from_overlapping_windows(tiny: Path) -> None:
    words = [word for text in TEXTS * 3 for word in text]
    classifier = quick(tiny, max_length=9, max_iter=5).fit(TEXTS, LABELS)
    (row,) = classifier.predict_proba([words])
    expected = extract_entities(
        classifier._task_model(),
        classifier._encoder.tokenizer,
        [words],
        aggregation_strategy="first",
        max_length=9,
    )
    scores = [word["score"] for word in expected[0]]
    np.testing.assert_allclose(row.max(axis=1), scores, rtol=1e-6)
    assert classifier.predict([words]) == [[word["entity"] for word in expected[0]]]


@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max", "none"])
def test_entities_equal_those_of_the_saved_checkpoint(
    fitted: DistilBertTokenClassifier, tmp_path: Path, strategy: AggregationStrategy
) -> None:
    texts = [*RAW, "Anna likes New York and London " * 30, ""]  # the model has 64 positions
    fitted.save_pretrained(tmp_path)
    options: dict[str, Any] = {"aggregation_strategy": strategy}
    for ignored in (("O",), ("city",), ()):
        for stride in (None, 3):
            options |= {"ignore_labels": ignored, "stride": stride}
            found = fitted.predict_entities(texts, **options)
            assert found == extract_entities(tmp_path, texts, **options)
    assert len(found[4]) > 30


def test_entities_are_spans_of_the_text(fitted: DistilBertTokenClassifier) -> None:
    (found,) = fitted.predict_entities(["Where is New  York?"], aggregation_strategy="first")
    (entity,) = found
    assert entity["entity_group"] == "city"
    assert "Where is New  York?"[entity["start"] : entity["end"]] == "New  York"


def test_entities_use_the_maximum_length(
    fitted: DistilBertTokenClassifier, tmp_path: Path
) -> None:
    texts = [RAW[2] * 5]
    short = pickle.loads(pickle.dumps(fitted)).set_params(max_length=9)
    short.save_pretrained(tmp_path)
    assert short.predict_entities(texts) == extract_entities(tmp_path, texts, max_length=9)
    assert short.predict_entities(texts) != fitted.predict_entities(texts)


def test_wrong_texts_for_entities(fitted: DistilBertTokenClassifier, tiny: Path) -> None:
    with pytest.raises(NotFittedError):
        quick(tiny).predict_entities(RAW)
    with pytest.raises(ValueError, match=r"for one text, pass \[text\]"):
        fitted.predict_entities("Where is New York?")
    with pytest.raises(TypeError, match="Every text must be a string"):
        fitted.predict_entities(TEXTS)  # type: ignore[type-var]
    with pytest.raises(ValueError, match="aggregation_strategy must be one of"):
        fitted.predict_entities(RAW, aggregation_strategy="last")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"1 of 2 texts \(row 1\) is missing"):
        fitted.predict_entities(["a", None])  # type: ignore[list-item]


def test_scores_weigh_texts(fitted: DistilBertTokenClassifier) -> None:
    labels = [*LABELS[:3], ["B-person", "O", "O"]]  # the last text is wrong
    assert fitted.score(TEXTS, LABELS) == 1
    assert fitted.score(TEXTS, labels) < 1
    assert fitted.score(TEXTS, labels, sample_weight=[1, 1, 1, 0]) == 1
    assert fitted.score(TEXTS, labels, [0, 0, 0, 2]) == 0
    with pytest.raises(ValueError, match="sample_weight"):
        fitted.score(TEXTS, labels, [1, 1])


@pytest.mark.parametrize("n_words", [None, 3])  # of uneven and of equal lengths
def test_cross_validation(tiny: Path, n_words: int | None) -> None:
    texts, labels = ([row[:n_words] for row in rows] for rows in (TEXTS, LABELS))
    classifier, folds = quick(tiny, max_iter=3), KFold(2)
    predicted = cross_val_predict(classifier, texts, labels, cv=folds)
    assert predicted.shape == (4,)
    assert [len(row) for row in predicted] == [len(words) for words in texts]
    train, test = next(folds.split(texts))
    fold = quick(tiny, max_iter=3).fit([texts[i] for i in train], [labels[i] for i in train])
    assert predicted[test].tolist() == fold.predict([texts[i] for i in test])
    weights = {"sample_weight": [1, 2, 1, 2]}
    assert np.isfinite(
        cross_validate(classifier, texts, labels, cv=folds, params=weights)["test_score"]
    ).all()
    grid = {"trainable_layers": [0, 1], "class_weight": [None, "balanced"]}
    search = GridSearchCV(classifier, grid, cv=folds).fit(texts, labels)
    assert search.predict(texts) == search.best_estimator_.predict(texts)
    assert len(search.predict_proba(texts)) == 4
