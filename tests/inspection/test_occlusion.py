from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from skdistilbert.inspection.attribution import Unit, explain
from skdistilbert.inspection.occlusion import MAX_WORDS


class SumOfNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Predict the sum of the numbers in a text, and count the texts."""

    n_texts = 0

    def fit(self, X: list[str], y: object = None) -> SumOfNumbers:  # noqa: ARG002
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: list[str]) -> np.ndarray:
        self.n_texts += len(X)
        return np.array([sum(float(word) for word in re.findall(r"\d+", x)) for x in X])


def explain_sum(text: str, unit: Unit = "word") -> tuple[Any, int]:
    estimator = SumOfNumbers()
    (record,) = explain(estimator, [text], None, "occlusion", unit)
    return record, estimator.n_texts


def test_the_value_of_a_word_is_the_fall_of_the_score_without_it() -> None:
    record, n_texts = explain_sum("2 and 3 and 20")
    assert record.words == ["2", "and", "3", "and", "20"]
    assert record.values.tolist() == [2, 0, 3, 0, 20]
    assert (record.score, record.base_value, record.prediction) == (25, 0, 25)
    assert n_texts == 2 + 5 + 1  # the prediction and the score, each word, and no word


def test_sentences_as_units() -> None:
    record, _ = explain_sum("Add 2 and 3. Then add 20.", unit="sentence")
    assert record.words == ["Add 2 and 3.", "Then add 20."]
    assert record.spans == [(0, 12), (13, 25)]
    assert record.values.tolist() == [5, 20]


def test_words_of_important_sentences_of_a_long_text_are_occluded() -> None:
    sentences = [f"Sentence with 1 and {i} here ." for i in range(20)]
    record, n_texts = explain_sum(" ".join(sentences))
    assert len(record.words) == 140 > MAX_WORDS
    values = record.values.reshape(20, 7)
    for i in range(12, 20):  # the most important: exact values
        assert values[i].tolist() == [0, 0, 1, 0, i, 0, 0]
    for i in range(12):  # equal shares
        np.testing.assert_allclose(values[i], (1 + i) / 7)
    assert n_texts == 2 + 20 + 1 + 8 * 7
    assert record.values.sum() == pytest.approx(record.score)


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 1000,
        "Words. " * 1500,
        " ".join(f"Sentence {i} ." for i in range(1199)),
    ],
)
def test_the_number_of_predictions_is_bounded(text: str) -> None:
    record, n_texts = explain_sum(text)
    assert n_texts <= 2 + 2 * MAX_WORDS + 1
    assert record.values.sum() == pytest.approx(record.score)


def test_a_very_long_text_refines_its_most_important_segment() -> None:
    record, n_texts = explain_sum("word " * 7000 + "9")
    assert record.values[-1] == 9
    assert n_texts <= 2 + MAX_WORDS + 1 + 7001 / MAX_WORDS + MAX_WORDS
