from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdistilbert import AttributionDisplay, DistilBertClassifier
from skdistilbert.inspection.attribution import explain

if TYPE_CHECKING:
    from skdistilbert.inspection.attribution import Attribution


def product(text: str) -> float:
    """Return a score in which words interact."""
    words = text.split()
    return 5.0 * ("a" in words) * ("b" in words) + 2.0 * ("c" in words) + len(words) ** 2


class Product(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    def fit(self, X: list[str], y: object = None) -> Product:  # noqa: ARG002
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: list[str]) -> np.ndarray:
        return np.array([product(x) for x in X])


def explain_product(text: str) -> Attribution:
    (record,) = explain(Product(), [text], None, "kernel_shap", "word")
    return record


def shapley_values(words: list[str]) -> np.ndarray:
    """Return the mean contribution of each word over all orders of the words."""
    values = np.zeros(len(words))
    orders = list(permutations(range(len(words))))
    for order in orders:
        for position, word in enumerate(order):
            before = [words[i] for i in order[:position]]
            values[word] += product(" ".join([*before, words[word]])) - product(" ".join(before))
    return values / len(orders)


@pytest.mark.parametrize("text", ["a", "a b", "b d", "a b c", "d b a"])
def test_values_of_up_to_three_words_are_shapley_values(text: str) -> None:
    np.testing.assert_allclose(explain_product(text).values, shapley_values(text.split()))


def test_values_solve_the_weighted_regression_of_kernel_shap() -> None:
    words = list("abcdef")
    n = len(words)
    coalitions = np.vstack([np.eye(n), 1 - np.eye(n)])
    scores = [product(" ".join(np.array(words)[row > 0])) for row in coalitions]
    # Minimise the squared error. A large weight for the whole text fixes the sum of the values.
    matrix = np.vstack([coalitions, 1e6 * np.ones(n)])
    expected = np.linalg.lstsq(matrix, np.append(scores, 1e6 * product(" ".join(words))))[0]
    record = explain_product(" ".join(words))
    np.testing.assert_allclose(record.values, expected, atol=1e-5)


@pytest.mark.parametrize("text", ["a b c", "a b c d e f", "a b. c d e " * 30])
def test_values_add_up_to_the_effect_of_all_words(text: str) -> None:
    record = explain_product(text)
    assert record.base_value == 0
    assert record.values.sum() == pytest.approx(record.score)


def test_values_of_a_linear_pipeline_are_its_contributions() -> None:
    texts = ["good film", "bad film", "good plot", "bad plot"]
    vectorizer = TfidfVectorizer(norm=None)
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(texts, [1, 0, 1, 0])
    display = AttributionDisplay.from_estimator(
        pipeline, ["a good film"], method="kernel_shap", target=1
    )
    weights = pipeline[-1].coef_[0] * vectorizer.idf_
    good, film = (weights[vectorizer.vocabulary_[word]] for word in ("good", "film"))
    np.testing.assert_allclose(display.attributions[0].values, [0, good, film], atol=1e-6)


def test_a_classifier_and_its_pairs_and_sentences() -> None:
    texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    pairs = [(text, "hello. yes") for text in texts]
    classifier = DistilBertClassifier(trainable_layers=0).fit(pairs, ["o", "o", "p", "p"])
    display = AttributionDisplay.from_estimator(
        classifier, [("my password", "hello. yes")], method="kernel_shap", unit="sentence"
    )
    record = display.attributions[0]
    assert record.words == ["my password", "hello. yes"]
    assert record.values.argmax() == 0
    assert record.values.sum() == pytest.approx(record.score - record.base_value)


def test_values_of_probabilities_add_up_to_the_probability() -> None:
    texts, labels = ["late parcel", "wrong bill", "lost parcel", "bill twice"], ["A", "B"] * 2
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    (record,) = AttributionDisplay.from_estimator(
        pipeline, ["late bill today"], method="kernel_shap", response_method="predict_proba"
    ).attributions
    probability, nothing = pipeline.predict_proba(["late bill today", ""]).max(axis=1)
    assert record.score == record.probability == pytest.approx(probability)
    assert record.base_value == pytest.approx(nothing)
    assert record.values.sum() == pytest.approx(probability - nothing)
