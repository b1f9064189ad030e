"""Names of features, which tell columns and models apart in a table of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.text_estimator import TextEstimator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from sklearn.utils import Tags


class FeatureNamesMixin(TransformerMixin, TextEstimator):  # type: ignore[misc]
    """Transformers whose features are named by the column of the texts and the model."""

    _n_features_out: int
    _feature_prefix: str

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray[Any, Any]:  # noqa: ARG002
        """Return the names of the features, such as "mini_0".

        After `fit` on a frame they begin with the name of its column, such as "text_mini_0".

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of shape (n_features,)
            Strings, as objects.
        """
        check_is_fitted(self)
        n_features = self._n_features_out  # validates `model` if the estimator is not fitted
        prefix = getattr(self, "_feature_prefix", None) or f"{_short_name(self._model_name)}_"
        return np.array([f"{prefix}{i}" for i in range(n_features)], dtype=object)

    def fit_transform(self, X: Iterable[str], y: Any = None, **params: Any) -> Any:  # noqa: ANN401
        """Call `fit` and return the features of the same texts.

        Parameters
        ----------
        X : iterable of str
        y : array-like, default=None
            As in `fit`.
        **params : dict
            Other arguments of `fit`.

        Returns
        -------
        ndarray of shape (n_texts, n_features)
            Float32.
        """
        texts = self._check_texts(X)  # a generator can be read only once
        # The public `transform` would return a frame without the index of `X`.
        return self.fit(texts, y, **params)._name_features(X)._transform(texts)

    def _transform(self, texts: list[str]) -> NDArray[np.float32]:
        raise NotImplementedError

    def _name_features(self, X: object) -> Self:
        """Keep the names of the features, even if `model` changes or moves later."""
        parts = [*_column_name(X), _short_name(self._model_name), ""]
        self._feature_prefix = "_".join(parts)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "fingerprint_") and not hasattr(self, "_feature_prefix"):
            self._feature_prefix = type(self).__name__.lower()  # the names of version 0.1.0


def _short_name(model: str) -> str:
    """Return the last part of a path, or of a name on the hub without its revision."""
    name = Path(model).absolute().name
    return name.partition("@")[0] or name


def _column_name(X: object) -> list[str]:
    """Return the name of the column of a frame with one column."""
    columns = getattr(X, "columns", None)
    names = [] if columns is None else list(columns)
    return names if len(names) == 1 and isinstance(names[0], str) else []
