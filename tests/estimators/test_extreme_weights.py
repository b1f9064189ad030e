"""Weights of texts that are very large or small, such as those of a decay with age."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skdistilbert import DistilBertClassifier, DistilBertRegressor, DistilBertTokenClassifier
from skdistilbert.estimators.targets import check_weights

TEXTS = [f"{a} {b}" for a in ("what", "who") for b in ("is it", "would you do", "then")]
NUMBERS = [0, 0, 0, 1, 1, 1]
WORDS = [text.split() for text in TEXTS]
TAGS = [["B-a" if word == "is" else "O" for word in words] for words in WORDS]
PARAMS: dict[str, Any] = {"max_iter": 2, "random_state": 0}
ESTIMATORS = [
    (DistilBertClassifier(**PARAMS), TEXTS, NUMBERS),
    (DistilBertClassifier(trainable_layers=0, **PARAMS), TEXTS, NUMBERS),
    (DistilBertClassifier(trainable_layers=1, **PARAMS), TEXTS, NUMBERS),
    (DistilBertRegressor(**PARAMS), TEXTS, NUMBERS),
    (DistilBertTokenClassifier(trainable_layers=1, **PARAMS), WORDS, TAGS),
    (DistilBertTokenClassifier(trainable_layers=0, **PARAMS), WORDS, TAGS),
]


@pytest.mark.parametrize(("estimator", "X", "y"), ESTIMATORS)
def test_training_works_or_explains_the_accepted_weights(estimator: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    for weight in (1e-25, 1e25):
        assert len(estimator.fit(X, y, sample_weight=[weight] * 6).predict(X)) == 6
    for weight in (5e-324, 1e-300, 1e-26, 1e26, 1e300, np.finfo(float).max):
        with pytest.raises(ValueError, match=r"largest weight, .* must be from 1e-25 to 1e\+25"):
            estimator.fit(X, y, sample_weight=[weight] * 6)


@pytest.mark.parametrize(("estimator", "X", "y"), ESTIMATORS)
def test_some_weights_may_be_close_to_zero(estimator: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    for weights in ([1, 1e-300, 1e-300] * 2, [1, 5e-324, 1, 1, 1, 1]):
        estimator.fit(X, y, sample_weight=weights)
        assert np.isfinite(estimator.best_loss_)


def test_held_out_texts_may_have_weights_close_to_zero() -> None:
    estimator = DistilBertClassifier(early_stopping=True, validation_fraction=0.4, **PARAMS)
    for seed in range(4):
        estimator.set_params(random_state=seed)
        estimator.fit(TEXTS, NUMBERS, sample_weight=[1, 1e-300, 1e-300] * 2)
        assert 0 <= estimator.best_validation_score_ <= 1


def test_partial_fit_and_class_weights_are_checked() -> None:
    classifier = DistilBertClassifier(**PARAMS)
    with pytest.raises(ValueError, match="largest weight, .* got 1e-300"):
        classifier.partial_fit(TEXTS, NUMBERS, classes=[0, 1], sample_weight=[1e-300] * 6)
    with pytest.raises(ValueError, match="largest weight, .* got 1e-300"):
        classifier.set_params(class_weight={0: 1e-300, 1: 0}).fit(TEXTS, NUMBERS)


def test_only_weights_of_zero_are_zero_in_float32() -> None:
    weights = check_weights(np.array([0, 5e-324, 1e-30, 1e-7, 1e25]))
    assert np.flatnonzero(weights.astype(np.float32)).tolist() == [1, 2, 3, 4]
    ordinary = np.array([0, 1e-3, 1, 1e3])
    np.testing.assert_array_equal(check_weights(ordinary), ordinary)
