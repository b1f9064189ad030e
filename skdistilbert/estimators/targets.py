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
        Sorted; for multi-label targets the columns' names, or their indices.
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
            If `y` is no target of a classifier, or the classes are not one a column.
        """
        y = check_labels(y)
        if y.ndim == 1:
            return cls(np.unique(y if classes is None else np.asarray(classes)), multilabel=False)
        names = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
        if names.shape != y.shape[1:] or len(np.unique(names)) < len(names):
            raise ValueError(
                f"classes must name the {y.shape[1]} columns of y in their order, each once; got "
                f"{names.tolist()}."
            )
        return cls(names, multilabel=True)

    def are_like(self, others: Self) -> bool:
        """Tell whether the same network can learn both: columns may have other names."""
        if self.multilabel or others.multilabel:
            return self.multilabel == others.multilabel and self._n == others._n
        return np.array_equal(self.classes, others.classes)

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
        if np.isin(dense, (0, 1)).all():
            return dense
    if kind in ("multilabel-indicator", "multiclass-multioutput"):
        raise ValueError("y must have one label a text, or be an indicator matrix of 0 and 1.")
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    return labels
