"""Entities as spans of labelled words, and their F1 score."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Span = tuple[int, int, str]


def entity_spans(labels: Sequence[str]) -> set[Span]:
    """Return the start, stop and kind of each entity; the stop is the word after the last one.

    Like conlleval (Tjong Kim Sang & Buchholz, 2000): "B-" starts an entity, and so does "I-" after
    a word of another kind or outside of an entity. A label without "B-" or "I-" is itself a kind;
    "O" is outside.
    """
    spans: set[Span] = set()
    start, before = 0, "O"
    for position, label in enumerate([*labels, "O"]):
        kind = _kind(label)
        if kind != before or label.startswith("B-"):
            if before != "O":
                spans.add((start, position, before))
            start, before = position, kind
    return spans


def _kind(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def entity_f1(y_true: Iterable[Sequence[str]], y_pred: Iterable[Sequence[str]]) -> float:
    """Return F1 of the entities of all texts together; both ends and the kind must be right.

    F1 is 1.0 if there are no entities in either.
    """
    n_right = n_true = n_pred = 0
    for of_true, of_pred in zip(y_true, y_pred, strict=True):
        true, pred = entity_spans(of_true), entity_spans(of_pred)
        n_right += len(true & pred)
        n_true += len(true)
        n_pred += len(pred)
    return 2 * n_right / (n_true + n_pred) if n_true + n_pred else 1.0
