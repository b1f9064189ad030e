from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert.tasks.pair_input import check_texts_or_pairs
from skdistilbert.tasks.text_input import check_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    Rows = list[tuple[str | None, str | None]]

PAIRS = [("a question", "its answer"), ("", "ümlaut 🙂"), ("a question", "its answer")]


def frame(library: str, rows: Rows) -> Any:  # noqa: ANN401
    module = pytest.importorskip(library)
    columns = {"text": [first for first, _ in rows], "text_pair": [second for _, second in rows]}
    return module.table(columns) if library == "pyarrow" else module.DataFrame(columns)


MAKERS: dict[str, Callable[[Rows], Any]] = {
    "tuples": list,
    "lists": lambda rows: [list(row) for row in rows],
    "tuple of lists": lambda rows: tuple(list(row) for row in rows),
    "generator": iter,
    "dicts": lambda rows: [{"text": first, "text_pair": second} for first, second in rows],
    "object array": lambda rows: np.array(rows, dtype=object),
    "masked array": lambda rows: np.ma.masked_array(
        [[text or "" for text in row] for row in rows],
        [[text is None for text in row] for row in rows],
    ),
    "pandas": lambda rows: frame("pandas", rows),
    "pandas categories": lambda rows: frame("pandas", rows).astype("category"),
    "pandas string": lambda rows: frame("pandas", rows).astype("string"),
    "pandas series": lambda rows: pytest.importorskip("pandas").Series(rows, index=[4, 5, 6]),
    "polars": lambda rows: frame("polars", rows),
    "Arrow table": lambda rows: frame("pyarrow", rows),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[Rows], Any]:
    maker: Callable[[Rows], Any] = request.param
    return maker


def test_every_container_of_pairs_becomes_a_list_of_tuples(make: Callable[[Rows], Any]) -> None:
    pairs = check_texts_or_pairs(make([*PAIRS]))
    assert pairs == PAIRS
    assert {(type(pair), *map(type, pair)) for pair in pairs} == {(tuple, str, str)}


def test_arrays_of_numpy_strings_are_pairs() -> None:
    assert check_texts_or_pairs(np.array(PAIRS)) == PAIRS


def test_both_texts_of_a_pair_may_be_missing(make: Callable[[Rows], Any]) -> None:
    rows: Rows = [("a", "b"), (None, "b"), ("a", None)]
    with pytest.raises(ValueError, match=r"1 of 3 first texts \(row 1\) is missing"):
        check_texts_or_pairs(make([*rows]), "error")
    with pytest.raises(ValueError, match=r"1 of 2 second texts \(row 1\) is missing .*'empty'"):
        check_texts_or_pairs([rows[0], rows[2]], "error")
    assert check_texts_or_pairs(make([*rows]), "empty") == [("a", "b"), ("", "b"), ("a", "")]


def test_single_texts_stay_single_texts() -> None:
    for X in (["a", "b"], ("a", "b"), np.array(["a", "b"]), np.array([["a"], ["b"]])):
        assert check_texts_or_pairs(X) == ["a", "b"]
    assert check_texts_or_pairs(["a", None], "empty") == ["a", ""]


def test_collections_without_rows_may_be_accepted() -> None:
    for X in ([], np.empty((0, 2), object), np.empty((0, 1), object)):
        assert check_texts_or_pairs(X) == []
        with pytest.raises(ValueError, match="0 sample"):
            check_texts_or_pairs(X, allow_empty=False)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ([("a", "b"), "c"], TypeError, r"1 of 2 rows \(row 1\) is not \(the first is 'c', of typ"),
        (["c", ("a", "b")], TypeError, r"1 of 2 texts \(row 1\) is not .*only if all rows are p"),
        (
            [("a", "b"), ("a", "b", "c")],
            TypeError,
            r"because row 0 is a tuple; 1 of 2 rows",
        ),
        ([["a"]], TypeError, r"because row 0 is a list; 1 of 1 rows .*\['a'\], of type list"),
        ([{"text": "a"}], TypeError, r"because row 0 is a dict; 1 of 1 rows"),
        ([("a", "b"), None], TypeError, r"1 of 2 rows \(row 1\) is not"),
        (
            [("a", "b"), ("a", 5)],
            TypeError,
            r"1 of 2 second texts \(row 1\) is not .*5, of type",
        ),
        ([("a", "b"), ("a", "\ud800")], ValueError, r"Row 1: .*lone surrogate U\+D800"),
        ({"text": "a", "text_pair": "b"}, TypeError, "of type dict"),
        (np.full((2, 3), "a"), TypeError, r"one column of texts or two of pairs; got .*\(2, 3\)"),
        (np.full((2, 2, 1), "a"), TypeError, r"got ndarray of shape \(2, 2, 1\)"),
    ],
)
def test_other_rows_raise_with_their_numbers(
    X: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_texts_or_pairs(X)


@pytest.mark.parametrize("name", ["tuples", "lists", "dicts", "object array", "pandas"])
def test_where_single_texts_are_required_pairs_raise(name: str) -> None:
    with pytest.raises(TypeError, match="Only classify, .* accept pairs"):
        check_texts(MAKERS[name]([*PAIRS]))
