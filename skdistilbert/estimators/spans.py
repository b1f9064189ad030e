"""Entities as spans of labelled words, and how many of them were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Span = tuple[int, int, str]


def spans_of(labels: Sequence[str]) -> set[Span]:
    """Give (first word, word after the last, kind) of each entity.

    As conlleval (Tjong Kim Sang & Buchholz, 2000): "B-" begins an entity, and so does "I-" where
    the word before is of another kind or of none. Labels without "B-" or "I-" are kinds by
    themselves; "O" is none.
    """
    spans, start, before = set(), 0, "O"
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
    """F1 of entities, of all texts together, of which both ends and the kind must be right.

    1.0 if there are none and none were found.
    """
    n_right = n_true = n_pred = 0
    for of_true, of_pred in zip(y_true, y_pred, strict=True):
        true, pred = spans_of(of_true), spans_of(of_pred)
        n_right += len(true & pred)
        n_true += len(true)
        n_pred += len(pred)
    return 2 * n_right / (n_true + n_pred) if n_true + n_pred else 1.0
