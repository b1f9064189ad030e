from __future__ import annotations

import pytest

from skdistilbert.tasks.bio_labels import entity_f1, entity_spans, label_runs


@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        ("", set()),
        ("O O", set()),
        ("B-x I-x O B-y", {(0, 2, "x"), (3, 4, "y")}),
        ("B-x B-x I-x", {(0, 1, "x"), (1, 3, "x")}),
        ("I-x I-y I-y", {(0, 1, "x"), (1, 3, "y")}),
        ("O I-x O", {(1, 2, "x")}),
        ("B-O I-x", {(1, 2, "x")}),
        ("x x O y", {(0, 2, "x"), (3, 4, "y")}),
    ],
)
def test_entity_spans_follow_conlleval(labels: str, spans: set[tuple[int, int, str]]) -> None:
    assert entity_spans(labels.split()) == spans


def test_entity_f1_needs_the_same_start_stop_and_kind() -> None:
    true = [["B-x", "I-x", "O"], ["B-y", "O", "B-x"]]
    assert entity_f1(true, true) == 1
    assert entity_f1(true, [["B-x", "O", "O"], ["B-x", "O", "B-x"]]) == pytest.approx(1 / 3)
    assert entity_f1(true, [["O"] * 3] * 2) == 0
    assert entity_f1([["O"]], [["O"]]) == 1


def test_label_runs_include_the_label_o() -> None:
    runs = [(0, 1, "O"), (1, 3, "x"), (3, 4, "x"), (4, 6, "O")]
    assert list(label_runs(["O", "B-x", "I-x", "B-x", "O", "O"])) == runs
    assert list(label_runs([])) == []
