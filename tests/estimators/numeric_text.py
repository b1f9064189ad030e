"""The estimators on rows of numbers, for the checks of scikit-learn.

The checks create matrices and skip nearly everything for estimators of texts. Here a row of
numbers becomes the text that spells them, so that all checks of a numeric estimator apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
)

if TYPE_CHECKING:
    from sklearn.utils import Tags

    Texts = list[str | None]


class NumericText:
    """Mixin that reads matrices; scikit-learn validates shapes, types and sparseness."""

    def _check_texts(self, X: object) -> list[str]:
        texts: list[str] = super()._check_texts(self._spelled(X, reset=False))  # type: ignore[misc]
        return texts

    def _spelled(self, X: Any, *, reset: bool) -> Texts:  # noqa: ANN401
        if isinstance(X, list) and not any(isinstance(row, list) for row in X):
            return X  # the texts of the current call, passed on by the estimator
        return spell(validate_data(self, X, reset=reset, ensure_all_finite=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


class NumericTextEmbedder(NumericText, DistilBertEmbedder):
    """DistilBertEmbedder on rows of numbers."""

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelled(X, reset=True), y)

    def fit_transform(self, X: Any, y: object = None, **params: Any) -> Any:  # noqa: ANN401
        return super().fit_transform(self._spelled(X, reset=True), y, **params)


class NumericTextContrastiveEmbedder(NumericText, DistilBertContrastiveEmbedder):
    """DistilBertContrastiveEmbedder on rows of numbers."""

    def fit(self, X: Any, y: Any) -> Self:  # noqa: ANN401
        return super().fit(self._spelled(X, reset=True), y)

    def fit_transform(self, X: Any, y: Any, **params: Any) -> Any:  # noqa: ANN401
        return super().fit_transform(self._spelled(X, reset=True), y, **params)


class NumericTextClassifier(NumericText, DistilBertClassifier):
    """DistilBertClassifier on rows of numbers."""

    # The signatures equal the estimator's, because a check applies only if its parameter exists.
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelled(X, reset=True), y, sample_weight)

    def partial_fit(
        self,
        X: Any,  # noqa: ANN401
        y: Any,  # noqa: ANN401
        classes: Any = None,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
    ) -> Self:
        texts = self._spelled(X, reset=not hasattr(self, "head_"))
        return super().partial_fit(texts, y, classes, sample_weight)


class NumericTextRegressor(NumericText, DistilBertRegressor):
    """DistilBertRegressor on rows of numbers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelled(X, reset=True), y, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # random weights learn little from digits
        return tags


class NumericTextZeroShotClassifier(NumericText, DistilBertZeroShotClassifier):
    """DistilBertZeroShotClassifier on rows of numbers."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelled(X, reset=True), y)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # it does not learn from the rows
        return tags


class NumericTextTokenClassifier(NumericText, DistilBertTokenClassifier):
    """DistilBertTokenClassifier on rows of numbers; each number has the label of its row."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        X, y = validate_data(self, X, y)
        return super().fit(self._words(X), self._labels_of(X, y), sample_weight)

    def partial_fit(
        self,
        X: Any,  # noqa: ANN401
        y: Any,  # noqa: ANN401
        classes: Any = None,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
    ) -> Self:
        X, y = validate_data(self, X, y, reset=not hasattr(self, "head_"))
        # The checks give no classes, because the estimator has one label per word.
        classes = y if classes is None and not hasattr(self, "head_") else classes
        names = None if classes is None else {str(float(label)) for label in classes}
        words, labels = self._words(X), self._labels_of(X, y)
        return super().partial_fit(words, labels, names and sorted(names), sample_weight)

    def predict(self, X: Any) -> Any:  # noqa: ANN401
        check_is_fitted(self)
        words = self._words(validate_data(self, X, reset=False))
        return np.array([float(labels[0]) for labels in super().predict(words)])

    def predict_proba(self, X: Any) -> Any:  # noqa: ANN401
        if isinstance(X, list) and isinstance(X[0][0], str):
            return super().predict_proba(X)
        check_is_fitted(self)
        words = self._words(validate_data(self, X, reset=False))
        return np.array([rows[0] for rows in super().predict_proba(words)])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: ANN401
        return float(np.average(self.predict(X) == y, weights=sample_weight))

    def _labels_of(self, X: np.ndarray, y: np.ndarray) -> list[list[str]]:
        return [[str(float(label))] * X.shape[1] for label in y]

    def _words(self, X: np.ndarray) -> list[list[str]]:
        return [[f"{number:.1f}" for number in row] for row in X]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def spell(X: np.ndarray) -> Texts:
    """Return the text of each row of numbers; None for a row with NaN or infinity."""
    finite = np.isfinite(X).all(axis=1)
    rows = (" ".join(f"{number:.1f}" for number in row) for row in X)
    return [row if known else None for row, known in zip(rows, finite, strict=True)]
