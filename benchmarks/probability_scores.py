"""Accuracy, log loss and calibration error of predicted probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import log_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

N_BINS = 15
LOSSES = ("log loss", "calibration error")


def probability_scores(
    labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str] | np.ndarray
) -> dict[str, float]:
    """Return accuracy, log loss and expected calibration error (Guo et al., 2017).

    `probabilities` has shape (n_texts, n_classes), in the order of the sorted `classes`.
    """
    correct = np.asarray(classes)[probabilities.argmax(axis=1)] == np.array(labels)
    confidence = probabilities.max(axis=1)
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    gaps = np.bincount(bins, confidence - correct, N_BINS)
    losses = log_loss(labels, probabilities, labels=classes), np.abs(gaps).sum() / len(correct)
    return {"accuracy": float(correct.mean())} | dict(zip(LOSSES, map(float, losses), strict=True))


def scores_of_classifier(
    classifier: Any,  # noqa: ANN401
    texts: Sequence[str],
    labels: Sequence[str],
) -> dict[str, float]:
    """Return the `probability_scores` of a fitted classifier."""
    return probability_scores(labels, classifier.predict_proba(texts), classifier.classes_)


def as_columns(name: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Return the columns of scores: the accuracy is called `name`, and the others follow."""
    return {name: scores["accuracy"], **{f"{name}, {loss}": scores[loss] for loss in LOSSES}}
