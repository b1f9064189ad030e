"""The estimators on rows of numbers, for scikit-learn's checks, which speak no other language.

scikit-learn checks estimators of texts hardly at all: its checks make matrices. Here a row of
numbers becomes the text that spells them, so that all checks of a numeric estimator apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import validate_data

from skdistilbert import DistilBertClassifier, DistilBertEmbedder, DistilBertRegressor

if TYPE_CHECKING:
    from sklearn.utils import Tags

    Texts = list[str | None]


class NumericText:
    """Mixin that reads matrices; shapes, types and sparseness are scikit-learn's to check."""

    def _check_texts(self, X: object) -> list[str]:
        texts: list[str] = super()._check_texts(self._spelt(X, reset=False))  # type: ignore[misc]
        return texts

    def _spelt(self, X: Any, *, reset: bool) -> Texts:  # noqa: ANN401
        if isinstance(X, list) and not any(isinstance(row, list) for row in X):
            return X  # the texts of this very call, passed on by the estimator
        return spell(validate_data(self, X, reset=reset, ensure_all_finite=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = True, False
        return tags


class NumericTextEmbedder(NumericText, DistilBertEmbedder):
    """DistilBertEmbedder on rows of numbers."""

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelt(X, reset=True), y)

    def fit_transform(self, X: Any, y: object = None, **params: Any) -> Any:  # noqa: ANN401
        return super().fit_transform(self._spelt(X, reset=True), y, **params)


class NumericTextClassifier(NumericText, DistilBertClassifier):
    """DistilBertClassifier on rows of numbers."""

    # The signatures are those of the estimator: a check applies if its parameter is there.
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelt(X, reset=True), y, sample_weight)

    def partial_fit(
        self,
        X: Any,  # noqa: ANN401
        y: Any,  # noqa: ANN401
        classes: Any = None,  # noqa: ANN401
        sample_weight: Any = None,  # noqa: ANN401
    ) -> Self:
        texts = self._spelt(X, reset=not hasattr(self, "head_"))
        return super().partial_fit(texts, y, classes, sample_weight)


class NumericTextRegressor(NumericText, DistilBertRegressor):
    """DistilBertRegressor on rows of numbers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        return super().fit(self._spelt(X, reset=True), y, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # digits say little of a number to random weights
        return tags


def spell(X: np.ndarray) -> Texts:
    """Write each row of numbers as a text; one with NaN or infinity is a missing text."""
    finite = np.isfinite(X).all(axis=1)
    rows = (" ".join(f"{number:.1f}" for number in row) for row in X)
    return [row if known else None for row, known in zip(rows, finite, strict=True)]
