from __future__ import annotations

import pickle

import numpy as np
import pytest

from skdistilbert.estimators.row_list import RowList


@pytest.mark.parametrize("rows", [[["a"], ["b", "c"]], [["a", "b"], ["c", "d"]], [[]], []])
def test_an_array_has_one_object_per_row(rows: list[list[str]]) -> None:
    array = np.asarray(RowList(rows))
    assert array.shape == (len(rows),)
    assert array.tolist() == rows
    assert np.concatenate([RowList(rows), RowList([["x"]])]).tolist() == [*rows, ["x"]]


def test_it_is_a_list() -> None:
    rows = RowList([["a"], ["b", "c"]])
    assert rows == [["a"], ["b", "c"]]
    assert repr(rows) == "[['a'], ['b', 'c']]"
    assert pickle.loads(pickle.dumps(rows)) == rows
