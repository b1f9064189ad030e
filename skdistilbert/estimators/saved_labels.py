"""The labels of a classifier in ``config.json``, with their type.

``id2label`` holds strings only, so a field that transformers ignores has the labels themselves and
the name of their NumPy type: ``"sklearn_classes": {"dtype": "int64", "values": [9, 10]}``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.estimators.targets import Labels
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import Checkpoint, DistilBertConfig

KINDS = "biufUO"
DTYPES = {"bool", "object", "str"} | {
    f"{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)
}


def labels_to_json(labels: NDArray[Any]) -> dict[str, Any] | None:
    """Return labels for ``config.json``; None if their type is not supported."""
    values = labels.tolist()
    if labels.dtype.kind not in KINDS or not _is_of_one_type(values):
        return None
    dtype = "str" if labels.dtype.kind == "U" else labels.dtype.name
    return {"dtype": dtype, "values": values}


def sorted_head(checkpoint: Checkpoint) -> tuple[Labels, SequenceClassificationHead]:
    """Return the labels of a checkpoint and its head, with the outputs in their order.

    The metrics of scikit-learn need sorted classes. Multi-label targets keep the order of their
    columns.
    """
    head = SequenceClassificationHead.from_tensors(checkpoint.weights)
    labels = labels_from_config(checkpoint.config)
    multilabel = checkpoint.config.problem_type == "multi_label_classification"
    order = np.arange(len(labels)) if multilabel else np.argsort(labels)
    output = Linear(head.classifier.weight[order], head.classifier.bias[order])
    return Labels(labels[order], multilabel), replace(head, classifier=output)


def labels_from_config(config: DistilBertConfig) -> NDArray[Any]:
    """Return the labels of the outputs, with the type that they had when they were saved.

    The labels are the strings of ``id2label`` if no labels were saved, or if ``id2label`` has been
    changed since.
    """
    names = [label for _, label in sorted(config.id2label.items())]
    saved = config.sklearn_classes if isinstance(config.sklearn_classes, dict) else {}
    values, dtype = saved.get("values"), saved.get("dtype")
    if (
        isinstance(values, list)
        and _is_of_one_type(values)
        and list(map(str, values)) == names
        and isinstance(dtype, str)
        and dtype in DTYPES
    ):
        try:
            return np.array(values, dtype)
        except (ValueError, TypeError, OverflowError):
            pass
    return np.array(names)


def _is_of_one_type(values: list[Any]) -> bool:
    kinds = set(map(type, values))
    return len(kinds) == 1 and kinds <= {bool, int, float, str}
