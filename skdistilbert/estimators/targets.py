"""Targets and weights of texts: validation, encoding for the network, and decoding of logits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.utils import check_array, column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skdistilbert.nn.functional import sigmoid, softmax
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.text_input import count_rows, is_missing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.nn.heads import SequenceClassificationHead

    FloatArray = NDArray[np.float32]

# Training computes with weights in float32. Weights below this share of the largest one have no
# effect there, but sums of them must not be 0.
SMALLEST_SHARE = 1e-12
MIN_LARGEST_WEIGHT, MAX_LARGEST_WEIGHT = 1e-25, 1e25


@dataclass(frozen=True)
class Labels:
    """The labels of a classifier: one class for each text, or any number of labels.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted; for multi-label targets the names of the columns, or their indices if they have
        no names.
    multilabel : bool
    """

    classes: NDArray[Any]
    multilabel: bool

    @classmethod
    def from_targets(cls, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Find the kind of target, and its classes unless they are given.

        Raises
        ------
        ValueError
            If `y` is not a target of a classifier, or `classes` does not name each column once.
        """
        columns, y = _column_names(y), check_labels(y)
        given = None if classes is None else np.asarray(_plain_labels(classes, "classes"))
        if y.ndim == 1:
            return cls(np.unique(y if given is None else given), multilabel=False)
        if given is not None:
            names = given
        else:
            names = np.arange(y.shape[1]) if columns is None else columns
        if names.shape != y.shape[1:] or len({*names.tolist()}) < len(names):
            raise ValueError(
                f"classes must name the {y.shape[1]} columns of y in their order, each once; got "
                f"{names.tolist()}."
            )
        return cls(names, multilabel=True)

    def is_compatible_with(self, other: Self) -> bool:
        """Return whether a network that was built for `other` can learn these targets."""
        if self.multilabel or other.multilabel:
            same_kind = self.multilabel == other.multilabel and self._n == other._n
            return same_kind and not self.has_other_columns_than(other)
        return {*self.classes.tolist()} <= {*other.classes.tolist()}

    def has_other_columns_than(self, other: Self) -> bool:
        """Return whether both have column names and these names differ."""
        if not (self.multilabel and other.multilabel and self._n == other._n):
            return False
        indices = np.arange(self._n)
        named = not any(np.array_equal(indices, each.classes) for each in (self, other))
        return named and self.classes.tolist() != other.classes.tolist()

    def encode(self, y: ArrayLike) -> NDArray[Any]:
        """Return class indices (n_texts,), or 0 and 1 as float32 (n_classes, n_texts).

        Raises
        ------
        ValueError
            If a label is not among the classes.
        """
        y = check_labels(y)
        if self.multilabel != (y.ndim == 2) or (self.multilabel and y.shape[1] != self._n):
            raise ValueError(
                f"y must have labels for the {self._n} classes of the previous calls, "
                f"{self.classes.tolist()}; got y of shape {y.shape}."
            )
        if self.multilabel:
            return np.ascontiguousarray(y.T, np.float32)
        known = {*self.classes.tolist()}
        unknown = [label for label in np.unique(y).tolist() if label not in known]
        if unknown:
            raise ValueError(
                f"y must have labels that are among the classes {self.classes.tolist()}; got "
                f"{unknown}."
            )
        return np.searchsorted(self.classes, y)

    @property
    def _n(self) -> int:
        return len(self.classes)

    def decode(self, logits: FloatArray) -> NDArray[Any]:
        """Return labels (n_texts,) or an indicator matrix, for logits (n_texts, n_classes)."""
        if self.multilabel:
            return (logits > 0).astype(int)
        labels: NDArray[Any] = self.classes[np.argmax(logits, axis=1)]
        return labels

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Return the probability of each class, (n_texts, n_classes)."""
        return np.asarray(sigmoid(logits) if self.multilabel else softmax(logits))

    def class_weights(self, class_weight: Any, targets: NDArray[Any]) -> NDArray[np.float64]:  # noqa: ANN401
        """Return the weight of each text by the parameter `class_weight`, (n_texts,)."""
        if class_weight is None:
            weights = np.ones(targets.shape[-1])
        elif self.multilabel:
            weights = compute_sample_weight(class_weight, targets.T.astype(int))
        else:
            self._check_names(class_weight)
            # A dict may name every class, although a warm start may not have texts of each.
            used = np.unique(targets) if class_weight == "balanced" else np.arange(self._n)
            y, of_classes = self.classes[targets], np.ones(self._n)
            of_classes[used] = compute_class_weight(class_weight, classes=self.classes[used], y=y)
            weights = of_classes[targets]
        return np.asarray(weights, np.float64)

    def _check_names(self, class_weight: Any) -> None:  # noqa: ANN401
        """Raise ValueError for weights of unknown classes unless each class has a weight."""
        if isinstance(class_weight, list):
            raise ValueError(
                "class_weight must be a dict, 'balanced' or None if each text has one label; got "
                f"{class_weight!r:.200}. A list of dicts is for an indicator matrix."
            )
        known = {*self.classes.tolist()}
        if class_weight == "balanced" or known <= class_weight.keys():
            return
        unknown = [name for name in class_weight if name not in known]
        if unknown:
            raise ValueError(
                f"class_weight must have keys that are among the classes {self.classes.tolist()}; "
                f"got the other keys {unknown}. Remove them, or add a weight of every class."
            )

    def check_can_be_held_out(self, targets: NDArray[Any], fraction: float) -> None:
        """Raise ValueError unless a fraction of the texts can be held out from each class.

        Parameters
        ----------
        targets : ndarray of shape (n_texts,)
            Encoded classes. The targets of several labels are not checked.
        fraction : float
            The fraction of the texts that is held out.
        """
        if self.multilabel:
            return
        rare = self.classes[np.bincount(targets, minlength=self._n) == 1]
        if len(rare):
            raise ValueError(
                "early_stopping holds out texts of each class, so each class must have at least 2 "
                f"texts; got only 1 of {', '.join(map(repr, rare.tolist()))}. Add texts, remove "
                "these classes, or set early_stopping=False."
            )
        n_held_out, n_classes = math.ceil(fraction * len(targets)), len(np.unique(targets))
        if not n_classes <= n_held_out <= len(targets) - n_classes:
            raise ValueError(
                f"early_stopping with validation_fraction={fraction} holds out {n_held_out} of "
                f"{len(targets)} texts, but at least {n_classes} texts, one for each class, must "
                "be held out, and as many must be left. Change validation_fraction, add texts, or "
                "set early_stopping=False."
            )


def _column_names(y: object) -> NDArray[Any] | None:
    """Return the names of the columns of a frame of pandas, polars or Arrow, or None."""
    columns = getattr(y, "column_names", getattr(y, "columns", None))
    if columns is None:
        return None
    names = list(columns)
    if len({*names}) < len(names):
        return None
    if all(isinstance(name, str) for name in names):
        return np.array(names)
    return np.asarray(columns)


def check_labels(y: ArrayLike) -> NDArray[Any]:
    """Return labels as (n_texts,) or an indicator matrix (n_texts, n_labels), or raise."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None.")
    y = _plain_labels(y, "y")
    # Validate first, as the search for the type of target converts y.
    check_array(y, accept_sparse=True, ensure_2d=False, dtype=None, input_name="y")
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        dense: NDArray[Any] = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        if np.isin(dense, (0, 1)).all():
            return dense
    if kind in ("multilabel-indicator", "multiclass-multioutput"):
        raise ValueError(
            "y must have one label for each text, or be an indicator matrix of 0 and 1; got a "
            f"{kind} target."
        )
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    return labels


def _plain_labels(labels: ArrayLike, name: str) -> Any:  # noqa: ANN401
    """Return labels, or an array of NumPy's type if pandas has another type for the same values.

    Raises
    ------
    ValueError
        If a label is missing, or if some labels are strings and others are not.
    """
    values = np.asarray(labels, dtype=object)
    if values.ndim == 1:
        items = values.tolist()
        missing = [row for row, label in enumerate(items) if is_missing(label)]
        if missing:
            raise ValueError(
                f"{name} must not have missing labels; {count_rows(missing, items, 'label')} "
                "missing (None, NaN or NA). Fill in these labels, or drop their texts."
            )
        examples = {isinstance(label, str): label for label in items}
        if len(examples) > 1:
            raise ValueError(
                f"{name} must have labels of one type; got {examples[True]!r}, a string, and "
                f"{examples[False]!r}."
            )
    dtype = getattr(getattr(labels, "dtype", None), "numpy_dtype", None)
    return labels if dtype is None else np.asarray(labels, dtype)


class Scale(NamedTuple):
    """Mean and standard deviation of each output of a regressor."""

    mean: NDArray[np.float64]  # (n_outputs,)
    deviation: NDArray[np.float64]  # (n_outputs,), 1 for a constant

    @classmethod
    def from_targets(cls, targets: NDArray[np.float64], weights: FloatArray) -> Self:
        """Return the weighted scale of targets (n_outputs, n_texts)."""
        mean = np.average(targets, axis=1, weights=weights)
        squares = (targets - mean[:, None]) ** 2
        deviation = np.sqrt(np.average(squares, axis=1, weights=weights))
        # The mean of a constant is rounded, and the squares of very small numbers are 0.
        deviation[(np.ptp(targets, axis=1) == 0) | (deviation == 0)] = 1
        return cls(mean, deviation)

    def standardize(self, targets: NDArray[np.float64]) -> FloatArray:
        """Return targets (n_outputs, n_texts) with mean 0 and deviation 1."""
        standardized = (targets - self.mean[:, None]) / self.deviation[:, None]
        return standardized.astype(np.float32)

    def unscaled_head(self, head: SequenceClassificationHead) -> SequenceClassificationHead:
        """Return the head whose logits are in the units of the targets."""
        weight = head.classifier.weight * self.deviation[:, None]
        bias = head.classifier.bias * self.deviation + self.mean
        output = Linear(weight.astype(np.float32), bias.astype(np.float32))
        return replace(head, classifier=output)


def check_numbers(y: ArrayLike) -> NDArray[np.float64]:
    """Return targets of a regressor, (n_texts,) or (n_texts, n_outputs), or raise."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None.")
    numbers: NDArray[np.float64] = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = column_or_1d(numbers, warn=True)
    return numbers.astype(np.float64)


def check_weights(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return weights that are 0 in float32 only if they are 0, or raise ValueError.

    The largest weight must be above 0 and within the range of float32.
    """
    largest = float(weights.max())
    if largest == 0:
        raise ValueError("At least one text must have a weight above 0; got only weights of 0.")
    if not MIN_LARGEST_WEIGHT <= largest <= MAX_LARGEST_WEIGHT:
        raise ValueError(
            "The largest weight, the product of sample_weight and class_weight, must be from "
            f"{MIN_LARGEST_WEIGHT} to {MAX_LARGEST_WEIGHT}, because float32 cannot hold much "
            f"smaller and larger numbers; got {largest}. Multiply all weights by the same number."
        )
    return np.where(weights > 0, np.maximum(weights, SMALLEST_SHARE * largest), 0)


def normalize_to_mean_one(weights: NDArray[np.floating], rows: NDArray[np.intp]) -> FloatArray:
    """Scale weights so that their mean over some rows is 1."""
    return np.asarray(weights / weights[rows].mean(), np.float32)
