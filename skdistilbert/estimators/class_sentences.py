"""The classes of a zero-shot classifier and the sentences that describe them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length

from skdistilbert.estimators.targets import check_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    # Labels, or the description or the descriptions of each label.
    Classes = Sequence[Any] | NDArray[Any] | Mapping[Any, str | Sequence[str]]


def is_classes(value: object) -> bool:
    """Return whether a value is an ordered collection of labels, or a mapping from them."""
    is_column = hasattr(value, "__array__") and np.ndim(value) == 1
    return is_column or isinstance(value, list | tuple | Mapping)


def known_classes(
    classes: Classes | None, texts: list[str] | None, y: ArrayLike | None
) -> Classes:
    """Return the classes, or the labels of `y` if they are None.

    Raises
    ------
    ValueError
        If neither is given, or if `y` has a label that is not among the classes, several labels
        for a text, or another length than the texts.
    """
    if y is not None:
        labels = _distinct_labels(y, texts)
        if classes is None:
            return labels
        known = {*classes}
        unknown = [label for label in labels.tolist() if label not in known]
        if unknown:
            raise ValueError(
                f"y must have labels that are among the classes {[*classes]}; got {unknown}. A "
                "meta-estimator that replaces labels by numbers needs FrozenEstimator(classifier)."
            )
    if classes is None:
        raise ValueError(
            "fit requires y to be passed, but the target y is None. Pass y, or name the "
            'classes, such as classes=["billing", "delivery"].'
        )
    return classes


def _distinct_labels(y: ArrayLike, texts: list[str] | None) -> NDArray[Any]:
    labels = check_labels(y)
    if labels.ndim == 2:
        raise ValueError(
            f"y must have one label for each text; got a matrix of shape {labels.shape}."
        )
    if texts is not None:
        check_consistent_length(texts, labels)
    return np.unique(labels)


def class_sentences(
    classes: Classes, template: str | None, default: str
) -> tuple[NDArray[Any], list[list[str]]]:
    """Return the sorted labels, and the sentences of each label in the same order.

    `default` is the template if `template` is None.

    Raises
    ------
    ValueError, TypeError
        If labels are missing, repeated or of different types, or a label has no description.
    """
    values: list[Any] = (
        np.asarray(classes).tolist() if hasattr(classes, "__array__") else [*classes]
    )
    is_label = isinstance(values[0], str | Number | np.bool) if values else False
    if not is_label or len({*map(type, values)}) > 1:
        raise ValueError(
            "classes must have at least one label, and all labels must be strings, numbers or "
            f"booleans; got {values!r:.200}."
        )
    if len({*values}) < len(values):
        raise ValueError(f"classes must name each label once; got {values!r:.200}.")
    labels = np.sort(values)
    if labels.tolist() != sorted(values):
        raise ValueError(
            f"classes must have labels that NumPy can hold; got {values!r:.200}, which would "
            f"become {labels.tolist()!r:.200}. Shorten large integers, and remove NaN and null "
            "characters at the ends of strings."
        )
    descriptions = [_descriptions(classes, label, template) for label in labels.tolist()]
    _check_differ(labels.tolist(), descriptions)
    pattern = default if template is None else template
    return labels, [[pattern.replace("{}", text) for text in texts] for texts in descriptions]


def _descriptions(classes: Classes, label: Any, template: str | None) -> list[str]:  # noqa: ANN401
    """Return the texts that describe a label: given ones, or the label itself."""
    given: Any = (
        classes[label] if isinstance(classes, Mapping) else _text_of_label(label, template)
    )
    is_one = isinstance(given, str | Mapping) or not isinstance(given, Iterable)
    texts = [given] if is_one else [*given]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(
            "classes must describe each label with one text or several texts, which are not "
            f"empty; got {given!r:.99} for the label {label!r}."
        )
    return texts


def _check_differ(labels: list[Any], descriptions: list[list[str]]) -> None:
    """Raise ValueError if two classes have the same descriptions."""
    first_label: dict[frozenset[str], Any] = {}
    for label, texts in zip(labels, descriptions, strict=True):
        other = first_label.setdefault(frozenset(texts), label)
        if other != label:
            raise ValueError(
                "classes must describe each label differently, or the second of two labels is "
                f"never predicted; got {texts!r:.99} for {other!r} and {label!r}."
            )


def _text_of_label(label: Any, template: str | None) -> str:  # noqa: ANN401
    if not isinstance(label, str) and template is None:
        raise ValueError(
            f"Label {label!r} does not describe its class. Describe each class with a dict, such "
            f"as classes={{{label!r}: 'a complaint', ...}}, or set a template for the labels, "
            'such as "a review with {} stars".'
        )
    return str(label).replace("_", " ")
