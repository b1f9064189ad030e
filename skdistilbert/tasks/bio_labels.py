"""Entities in sequences of labels with the prefixes "B-" and "I-"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Span = tuple[int, int, str]


def label_runs(labels: Sequence[str]) -> Iterator[Span]:
    """Yield the start, the stop and the kind of each run of labels of the same kind.

    "B-" starts a new run. A label without "B-" or "I-" is a kind itself, also "O".
    """
    start, kind = 0, ""
    for position, label in enumerate(labels):
        next_kind = label[2:] if label.startswith(("B-", "I-")) else label
        if position and (next_kind != kind or label.startswith("B-")):
            yield start, position, kind
            start = position
        kind = next_kind
    if labels:
        yield start, len(labels), kind


def entity_spans(labels: Sequence[str]) -> set[Span]:
    """Return the first word, the word after the last, and the kind of each entity.

    These are the entities of conlleval (Tjong Kim Sang & Buchholz, 2000): "I-" also starts an
    entity if the previous word has another kind.
    """
    return {span for span in label_runs(labels) if span[2] != "O"}


def entity_f1(y_true: Iterable[Sequence[str]], y_pred: Iterable[Sequence[str]]) -> float:
    """Return the F1 score of the entities of all texts, as conlleval and seqeval compute it.

    An entity is correct if its start, its stop and its kind are. The score is 1.0 if there are
    no true and no predicted entities.
    """
    n_correct = n_true = n_pred = 0
    for true_labels, predicted_labels in zip(y_true, y_pred, strict=True):
        true, predicted = entity_spans(true_labels), entity_spans(predicted_labels)
        n_correct += len(true & predicted)
        n_true += len(true)
        n_pred += len(predicted)
    return 2 * n_correct / (n_true + n_pred) if n_true + n_pred else 1.0
