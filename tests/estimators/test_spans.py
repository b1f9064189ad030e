from __future__ import annotations

import pytest

from skdistilbert.estimators.spans import entity_f1, entity_spans


@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        ("", set()),
        ("O O", set()),
        ("B-x I-x O B-y", {(0, 2, "x"), (3, 4, "y")}),
        ("B-x B-x I-x", {(0, 1, "x"), (1, 3, "x")}),
        ("I-x I-y I-y", {(0, 1, "x"), (1, 3, "y")}),
        ("O I-x O", {(1, 2, "x")}),
        ("x x O y", {(0, 2, "x"), (3, 4, "y")}),
    ],
)
def test_spans(labels: str, spans: set[tuple[int, int, str]]) -> None:
    assert entity_spans(labels.split()) == spans


def test_both_ends_and_the_kind_must_be_right() -> None:
    true = [["B-x", "I-x", "O"], ["B-y", "O", "B-x"]]
    assert entity_f1(true, true) == 1
    assert entity_f1(true, [["B-x", "O", "O"], ["B-x", "O", "B-x"]]) == pytest.approx(1 / 3)
    assert entity_f1(true, [["O"] * 3] * 2) == 0
    assert entity_f1([["O"]], [["O"]]) == 1
