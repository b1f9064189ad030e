from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.compose import ColumnTransformer
from sklearn.utils import check_array
from sklearn.utils.fixes import parse_version

from skdistilbert import DistilBertClassifier, DistilBertEmbedder
from skdistilbert.tasks.text_input import check_rows, check_texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Texts = list[str | None]
    Maker = Callable[[Texts], Any]

TEXTS = ["the one", "", "ümlaut 🙂 and more", "the one"]
# Older versions of scikit-learn give the output for a Series a new index.
KEEPS_INDEX = parse_version(sklearn.__version__) >= parse_version("1.7")
STRING_DTYPE = np.dtypes.StringDType(na_object=None)

WITHOUT_FRAMES: dict[str, Maker] = {
    "list": list,
    "tuple": tuple,
    "generator": lambda texts: (text for text in texts),
    "values of a dict": lambda texts: dict(enumerate(texts)).values(),
    "object array": lambda texts: np.array(texts, dtype=object),
    "StringDType": lambda texts: np.array(texts, dtype=STRING_DTYPE),
    "column": lambda texts: np.array(texts, dtype=object)[:, None],
    "strided column": lambda texts: np.array([texts, texts], dtype=object).T[:, :1],
    "masked array": lambda texts: np.ma.masked_array(
        ["hidden" if text is None else text for text in texts],
        [text is None for text in texts],
    ),
}


def pandas_series(texts: Texts, dtype: str | None) -> Any:  # noqa: ANN401
    pandas = pytest.importorskip("pandas")
    # an index of its own, as after a split
    return pandas.Series(texts, dtype=dtype, index=range(7, 7 + len(texts)), name="text")


def pandas_arrow(texts: Texts, *, dictionary: bool) -> Any:  # noqa: ANN401
    pandas = pytest.importorskip("pandas")
    array = arrow(texts)
    return pandas.Series(
        pandas.arrays.ArrowExtensionArray(array.dictionary_encode() if dictionary else array)
    )


def arrow(texts: Texts) -> Any:  # noqa: ANN401
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.array(texts, pyarrow.string())


def arrow_chunks(texts: Texts) -> Any:  # noqa: ANN401
    array = arrow(texts)
    return pytest.importorskip("pyarrow").chunked_array([array[:1], array[1:]])


def polars_series(texts: Texts) -> Any:  # noqa: ANN401
    polars = pytest.importorskip("polars")
    return polars.Series("text", texts, dtype=polars.String)


FRAMES: dict[str, Maker] = {
    "pandas default": lambda texts: pandas_series(texts, None),
    "pandas object": lambda texts: pandas_series(texts, "object"),
    "pandas string": lambda texts: pandas_series(texts, "string"),
    "pandas string[python]": lambda texts: pandas_series(texts, "string[python]"),
    "pandas category": lambda texts: pandas_series(texts, "category"),
    "pandas Arrow string": lambda texts: pandas_arrow(texts, dictionary=False),
    "pandas Arrow dictionary": lambda texts: pandas_arrow(texts, dictionary=True),
    "pandas frame": lambda texts: pandas_series(texts, "string").to_frame(),
    "pandas index": lambda texts: pytest.importorskip("pandas").Index(texts),
    "Arrow array": arrow,
    "Arrow large string": lambda texts: arrow(texts).cast("large_string"),
    "Arrow dictionary": lambda texts: arrow(texts).dictionary_encode(),
    "Arrow chunks": arrow_chunks,
    "Arrow table": lambda texts: pytest.importorskip("pyarrow").table({"text": arrow(texts)}),
    "polars series": polars_series,
    "polars categorical": lambda texts: polars_series(texts).cast(
        pytest.importorskip("polars").Categorical
    ),
    "polars frame": lambda texts: polars_series(texts).to_frame(),
}
MAKERS = WITHOUT_FRAMES | FRAMES


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.param
    return maker


def test_every_container_of_texts_becomes_a_list(make: Maker) -> None:
    texts = check_texts(make([*TEXTS]))
    assert texts == TEXTS
    assert set(map(type, texts)) == {str}


def test_arrays_of_numpy_strings_become_lists() -> None:
    assert check_texts(np.array(TEXTS)) == TEXTS
    assert check_texts(list(np.array(TEXTS))) == TEXTS  # of numpy.str_
    assert check_texts(np.array(TEXTS, dtype=np.dtypes.StringDType())) == TEXTS


def test_missing_texts_raise_or_become_empty_texts(make: Maker) -> None:
    texts: Texts = [None, "a", None, "b"]
    with pytest.raises(ValueError, match=r"2 of 4 texts \(rows 0, 2\) are missing .*'empty'"):
        check_texts(make([*texts]), "error")
    with pytest.raises(TypeError, match=r"2 of 4 texts \(rows 0, 2\) are not"):
        check_texts(make([*texts]))
    assert check_texts(make([*texts]), "empty") == ["", "a", "", "b"]


@pytest.mark.parametrize(
    "value", [None, float("nan"), np.float32("nan"), np.datetime64("NaT", "s")]
)
def test_none_nan_and_nat_are_missing(value: object) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 texts \(row 1\) is missing"):
        check_texts(["a", value], "error")
    assert check_texts(["a", value], "empty") == ["a", ""]


def test_missing_values_of_pandas_are_missing() -> None:
    pandas = pytest.importorskip("pandas")
    assert check_texts(["a", pandas.NA, pandas.NaT], "empty") == ["a", "", ""]


def test_check_texts_does_not_change_its_argument() -> None:
    lists, array = ["a", None], np.array(["a", None], dtype=object)
    check_texts(lists, "empty"), check_texts(array, "empty")
    assert lists == array.tolist() == ["a", None]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["a", 3, None], r"1 of 3 texts \(row 1\) is not \(the first is 3, of type int\)"),
        (["a", b"b"], r"row 1.*b'b', of type bytes"),
        ([["a"], ["b"]], r"2 of 2 texts \(rows 0, 1\) are not .*of type list"),
        ([np.zeros(2)], "of type ndarray"),
        ([datetime.date(2020, 1, 1)] * 9, r"9 of 9 texts \(rows 0, 1, 2, 3, 4, \.\.\.\) are not"),
        (np.array([b"a"]), "of type bytes"),
        (np.arange(3), "3 of 3 .*of type int"),
        (csr_array(np.eye(2)), "2 of 2"),
        (b"a text", "Expected an ordered iterable of texts, .*; got b'a text' of type bytes"),
        ({"text": ["a"]}, "of type dict"),
        ({"a", "b"}, "of type set"),
        (3, "got 3 of type int"),
        (None, "got None of type NoneType"),
    ],
)
@pytest.mark.parametrize("missing", ["error", "empty"])
def test_other_values_raise_with_their_rows(X: object, message: str, missing: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=message):
        check_texts(X, missing)


@pytest.mark.parametrize(
    "X", [np.array("a"), np.float64(3), np.full((2, 3), "a"), np.full((2, 1, 1), "a")]
)
def test_arrays_that_are_not_one_column_raise(X: np.ndarray) -> None:
    with pytest.raises(TypeError, match="Expected one column of texts; got .* of shape"):
        check_texts(X)


def test_a_frame_of_several_columns_raises_and_names_the_remedy() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(
        TypeError,
        match=r"got DataFrame of shape \(1, 2\).*ColumnTransformer",
    ):
        check_texts(pandas.DataFrame({"a": ["x"], "b": ["y"]}))


def test_estimators_raise_the_errors_of_scikit_learn() -> None:
    with pytest.raises(ValueError, match="Iterable over raw text documents expected, string obj"):
        check_texts("a text")
    with pytest.raises(ValueError, match="0 sample") as theirs:
        check_array(np.empty(0), ensure_2d=False)
    for X in ([], np.empty((0, 1), object), iter(())):
        with pytest.raises(ValueError, match="0 sample") as ours:
            check_texts(X, allow_empty=False)
        assert check_texts(X if isinstance(X, list | np.ndarray) else []) == []
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("make", [list, np.array, lambda texts: np.array(texts, STRING_DTYPE)])
def test_a_million_texts_take_well_under_a_second(make: Maker) -> None:
    X = make([f"some text of number {row}" for row in range(1_000_000)])
    start = time.process_time()
    check_texts(X)
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "kind", ["pandas string", "pandas category", "Arrow chunks", "polars series"]
)
def test_a_million_texts_of_a_frame_take_well_under_a_second(kind: str) -> None:
    X = FRAMES[kind]([f"some text of number {row}" for row in range(1_000_000)])
    start = time.process_time()
    check_texts(X)
    assert time.process_time() - start < 1


def test_generators_are_read_once_and_in_order() -> None:
    texts = iter(TEXTS)
    assert check_texts(texts) == TEXTS
    assert next(texts, None) is None


def test_rows_may_be_texts_or_lists_of_words() -> None:
    rows = ["a text", ["two", "words"], ("one",), []]
    assert check_rows(iter(rows)) == rows
    assert check_rows(np.array(["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (None, TypeError, "Expected an ordered iterable of texts, .*; got None"),
        ({"a": "b"}, TypeError, "Expected an ordered iterable of texts"),
        (["a", 5], TypeError, "Row 1 must be a string; got 5 of type int"),
        (["a", ["b", None]], TypeError, "Row 1: word 1 must be a string; got None"),
        (["a", ["b", "\ud800"]], ValueError, r"Row 1: word 1: .*lone surrogate U\+D800"),
    ],
)
def test_rows_that_are_not_texts_or_words_raise(
    rows: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_rows(rows)


def test_estimators_read_missing_texts_as_empty_if_requested(tiny: Path) -> None:
    X, y = ["where", None, "who", float("nan")], [0, 1, 0, 1]
    for estimator in (DistilBertEmbedder(tiny), DistilBertClassifier(tiny, random_state=0)):
        with pytest.raises(ValueError, match=r"2 of 4 texts \(rows 1, 3\) are missing"):
            estimator.fit(X, y)
        with pytest.raises(ValueError, match="missing must be one of .*; got 'drop'"):
            estimator.set_params(missing="drop").fit(X, y)
    embedder = DistilBertEmbedder(tiny, missing="empty")
    filled = embedder.fit_transform(["where", "", "who", ""])
    np.testing.assert_allclose(embedder.fit_transform(X), filled, atol=1e-5)
    np.testing.assert_allclose(embedder.fit(X).transform(X), filled, atol=1e-5)
    classifier = DistilBertClassifier(tiny, missing="empty", trainable_layers=0)
    np.testing.assert_allclose(*classifier.fit(X, y).predict_proba(X)[[1, 3]], atol=1e-5)


@pytest.mark.parametrize("column", ["text", ["text"]])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_column_transformer_selects_the_column(
    tiny: Path, library: str, column: str | list[str]
) -> None:
    frame = pytest.importorskip(library).DataFrame({"n": [1.0, 2, 3, 4], "text": TEXTS})
    if library == "pandas" and (isinstance(column, list) or KEEPS_INDEX):
        frame.index = [7, 1, 8, 2]  # as after a split
    table = ColumnTransformer(
        [("text", DistilBertEmbedder(tiny), column), ("n", "passthrough", ["n"])]
    ).set_output(transform=library)
    features = table.fit_transform(frame)
    name = "distilbert-tiny_31" if column == "text" else "text_distilbert-tiny_31"
    assert list(features.columns)[-2:] == [f"text__{name}", "n__n"]
    expected = DistilBertEmbedder(tiny).fit_transform(TEXTS)
    np.testing.assert_allclose(features.to_numpy()[:, :-1], expected, atol=1e-5)
    np.testing.assert_allclose(table.transform(frame), features, atol=1e-5)
