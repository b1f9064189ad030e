from __future__ import annotations

import json

import pytest

from skdistilbert.tasks.label_schemes import entity_f1, entity_spans, label_runs, parse_labels
from tests.conftest import DATA

REFERENCES = json.loads((DATA / "entity-f1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", range(len(REFERENCES)))
def test_f1_equals_that_of_seqeval(case: int) -> None:
    reference = REFERENCES[case]
    score = entity_f1(reference["true"], reference["predicted"], reference["labels"])
    assert score == pytest.approx(reference["f1"], abs=1e-12)


@pytest.mark.parametrize(
    ("true", "predicted", "score"),
    [
        ("B-PER E-PER S-PER", "B-PER I-PER S-PER", 1),
        ("B-PER I-PER E-PER", "O I-PER E-PER", 0),
        ("B-PER L-PER U-PER", "B-PER I-PER U-PER", 1),
        ("I-PER E-PER E-PER", "I-PER E-PER I-PER", 1),
        ("E-mail E-mail O phone", "E-mail E-mail O E-mail", 0.5),
    ],
)
def test_f1_follows_the_scheme_of_the_labels(true: str, predicted: str, score: float) -> None:
    assert entity_f1([true.split()], [predicted.split()]) == score


@pytest.mark.parametrize(
    ("labels", "kinds"),
    [
        ("O B-x I-x", ". Bx Ix"),
        ("O I-x E-x", ". Ix Ex"),
        ("O B-x I-x E-x S-x", ". Bx Ix Ex Sx"),
        ("O B-x I-x L-x U-x", ". Bx Ix Ex Sx"),
        ("O B I", ". B_ I_"),
        ("O B-a-b I-a-b", ". Ba-b Ia-b"),
        ("O E-mail", ". IE-mail"),
        ("O E-mail S-Bahn", ". IE-mail IS-Bahn"),
        ("O E-mail phone", ". IE-mail Iphone"),
        ("O B-cell T-cell", ". IB-cell IT-cell"),
        ("O B-x I-x y E-mail", ". Bx Ix Iy IE-mail"),
        ("O I-x x y", ". Ix Ix Iy"),
        ("O B-x E-x L-x", ". IB-x IE-x IL-x"),
    ],
)
def test_the_set_of_labels_names_the_scheme(labels: str, kinds: str) -> None:
    expected = ["IO" if kind == "." else kind for kind in kinds.split()]
    assert ["".join(tag) for tag in parse_labels(labels.split()).values()] == expected


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
        ("B-x I-x E-x S-x I-x", {(0, 3, "x"), (3, 4, "x"), (4, 5, "x")}),
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
