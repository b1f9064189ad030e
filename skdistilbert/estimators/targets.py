"""Labels and numbers to what the network learns, and its logits back to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Labels:
    """The labels of texts: one of several classes, or any number of them.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted; the indices of the columns for multi-label targets.
    multilabel : bool
    """

    classes: NDArray[Any]
    multilabel: bool

    @classmethod
    def of(cls, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Find the kind of target, and its classes unless they are given.

        Raises
        ------
        ValueError
            If `y` is no target of a classifier.
        """
        y = check_labels(y)
        multilabel = y.ndim == 2
        if classes is not None:
            return cls(np.unique(np.asarray(classes)), multilabel)
        return cls(np.arange(y.shape[1]) if multilabel else np.unique(y), multilabel)

    def encode(self, y: ArrayLike) -> NDArray[Any]:
        """Give class indices (n_texts,), or 0 and 1 as float32 (n_classes, n_texts).

        Raises
        ------
        ValueError
            If a label is not among the classes.
        """
        y = check_labels(y)
        if self.multilabel != (y.ndim == 2) or (self.multilabel and y.shape[1] != self._n):
            raise ValueError(f"y of shape {y.shape} does not fit the {self._n} classes of before.")
        if self.multilabel:
            return np.ascontiguousarray(y.T, np.float32)
        unknown = np.setdiff1d(y, self.classes)
        if unknown.size:
            raise ValueError(f"y has labels that are not among the classes: {unknown.tolist()}.")
        return np.searchsorted(self.classes, y)

    @property
    def _n(self) -> int:
        return len(self.classes)

    def decode(self, logits: FloatArray) -> NDArray[Any]:
        """Give the labels, (n_texts,), or an indicator matrix, for logits (n_texts, n_classes)."""
        if self.multilabel:
            return (logits > 0).astype(int)
        labels: NDArray[Any] = self.classes[np.argmax(logits, axis=1)]
        return labels

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Of each class: (n_texts, n_classes)."""
        return np.asarray(expit(logits) if self.multilabel else softmax(logits, axis=1))


def check_labels(y: ArrayLike) -> NDArray[Any]:
    """Give labels as (n_texts,), or an indicator matrix (n_texts, n_labels), or raise."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None.")
    # Before its type is looked at, as that converts it.
    check_array(y, accept_sparse=True, ensure_2d=False, dtype=None, input_name="y")
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        dense: NDArray[Any] = y.toarray() if issparse(y) else np.asarray(y)  # type: ignore[union-attr]
        return dense
    if kind == "multiclass-multioutput":
        raise ValueError("y must have one label a text, or be an indicator matrix of 0 and 1.")
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    return labels
