"""Labels keep their type and order in a checkpoint, and the columns of a frame their names."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import DistilBertClassifier

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"text {n}" for n in range(12)]
INDICATORS = np.array([[n % 2, n > 4, n < 3] for n in range(12)], int)
LABELS: dict[str, Any] = {
    "many integers": np.arange(12),
    "negative integers": np.array([-1, 2, 10] * 4),
    "small integers": np.array([1, 2, 10] * 4, np.int8),
    "booleans": np.array([True, False, True] * 4),
    "numbers": np.array([1.0, 2.0, 10.0] * 4),
    "strings": np.array(["b", "a", "10"] * 4),
    "strings as objects": np.array(["b", "a", "True"] * 4, object),
}


def fitted(tiny: Path, y: Any, **params: Any) -> DistilBertClassifier:  # noqa: ANN401
    classifier = DistilBertClassifier(tiny, pooling="cls", random_state=0, max_iter=5)
    return classifier.set_params(**params).fit(TEXTS, y)


@pytest.mark.parametrize("name", LABELS)
def test_labels_keep_their_type_and_order(tiny: Path, tmp_path: Path, name: str) -> None:
    y = LABELS[name]
    classifier = fitted(tiny, y)
    classifier.save_pretrained(tmp_path)
    again = DistilBertClassifier.from_pretrained(tmp_path)
    assert again.classes_.dtype == classifier.classes_.dtype
    assert again.classes_.tolist() == classifier.classes_.tolist() == sorted(set(y.tolist()))
    assert [*map(type, again.classes_.tolist())] == [*map(type, classifier.classes_.tolist())]
    np.testing.assert_array_equal(again.predict(TEXTS), classifier.predict(TEXTS))
    np.testing.assert_allclose(
        again.predict_proba(TEXTS), classifier.predict_proba(TEXTS), atol=1e-6
    )
    assert again.score(TEXTS, y) == classifier.score(TEXTS, y)
    labels = json.loads((tmp_path / "config.json").read_text())["id2label"]
    assert labels == {str(n): str(label) for n, label in enumerate(classifier.classes_)}


@pytest.mark.parametrize(
    "changed",
    [
        {"id2label": {"0": "x", "1": "9", "2": "11"}, "label2id": None},
        {"sklearn_classes": None},
        {"sklearn_classes": {"dtype": "int64"}},
        {"sklearn_classes": ["9", "10", "11"]},
        {"sklearn_classes": {"dtype": "datetime64", "values": [9, 10, 11]}},
        {"sklearn_classes": {"dtype": ["int64"], "values": [9, 10, 11]}},
        {"sklearn_classes": {"dtype": "int64", "values": [9, 10]}},
        {"sklearn_classes": {"dtype": "int64", "values": [9, 10, "11"]}},
        {"sklearn_classes": {"dtype": "int8", "values": [[9], [10], [11]]}},
    ],
)
def test_inconsistent_saved_labels_are_ignored(
    tiny: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    fitted(tiny, [9, 10, 11] * 4).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    assert config["sklearn_classes"] == {"dtype": "int64", "values": [9, 10, 11]}
    file.write_text(json.dumps(config | changed))
    classes = DistilBertClassifier.from_pretrained(tmp_path).classes_
    assert classes.tolist() == sorted(changed.get("id2label", {0: "9", 1: "10", 2: "11"}).values())


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_a_frame_name_the_labels(tiny: Path, tmp_path: Path, library: str) -> None:
    frame = pytest.importorskip(library).DataFrame
    y = frame(dict(zip(["urgent", "bill", "account"], INDICATORS.T, strict=True)))
    classifier = fitted(tiny, y)
    assert classifier.classes_.tolist() == ["urgent", "bill", "account"]
    np.testing.assert_array_equal(
        classifier.predict_proba(TEXTS), fitted(tiny, INDICATORS).predict_proba(TEXTS)
    )
    classifier.save_pretrained(tmp_path)
    again = DistilBertClassifier.from_pretrained(tmp_path, warm_start=True, max_iter=1)
    assert again.classes_.tolist() == ["urgent", "bill", "account"]
    assert again.fit(TEXTS, y).score(TEXTS, y) <= 1
    assert again.partial_fit(TEXTS, INDICATORS).classes_.tolist()[0] == "urgent"
    swapped = y[["bill", "urgent", "account"]]
    for method in (again.fit, again.partial_fit):
        with pytest.raises(ValueError, match=r"'urgent', 'bill', .*got \['bill', 'urgent'"):
            method(TEXTS, swapped)


def test_names_of_columns_of_any_type(tiny: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    for names, classes in (
        ([3, 7, 5], [3, 7, 5]),
        (["a", 1, "b"], ["a", 1, "b"]),
        ([("a", 1), ("a", 2), ("b", 1)], [("a", 1), ("a", 2), ("b", 1)]),
    ):
        classifier = fitted(tiny, pandas.DataFrame(INDICATORS, columns=names))
        assert classifier.classes_.tolist() == classes
        is_kept = isinstance(classes[0], int)
        with nullcontext() if is_kept else pytest.warns(UserWarning, match="saved as strings"):
            classifier.save_pretrained(tmp_path)
        again = DistilBertClassifier.from_pretrained(tmp_path)
        expected = classes if is_kept else [str(name) for name in classes]
        assert again.classes_.tolist() == expected


def test_dates_are_saved_as_strings_with_a_warning(tiny: Path, tmp_path: Path) -> None:
    classifier = fitted(tiny, np.array(["2020-01-01", "2021-01-01"] * 6, "datetime64[D]"))
    with pytest.warns(UserWarning, match=r"labels of type datetime64\[D\].* saved as strings"):
        classifier.save_pretrained(tmp_path)
    again = DistilBertClassifier.from_pretrained(tmp_path)
    assert again.classes_.tolist() == ["2020-01-01", "2021-01-01"]


@pytest.mark.parametrize(
    ("dtype", "labels"), [("Int64", [2, 10]), ("boolean", [False, True]), ("string", ["a", "b"])]
)
def test_labels_of_pandas_keep_their_type(tiny: Path, dtype: str, labels: list[Any]) -> None:
    pandas = pytest.importorskip("pandas")
    y = pandas.Series(labels * 6, dtype=dtype)
    classifier = fitted(tiny, y)
    assert [*map(type, classifier.classes_.tolist())] == [*map(type, labels)]
    assert {*classifier.predict(TEXTS).tolist()} <= {*labels}
    y[3] = None
    with pytest.raises(ValueError, match=r"1 of 12 labels \(row 3\) is missing"):
        classifier.fit(TEXTS, y)


def test_labels_of_another_type_are_unknown(tiny: Path) -> None:
    classifier = fitted(tiny, ["9", "10", "11"] * 4)
    with pytest.raises(ValueError, match=r"among the classes .*; got \[9, 10\]"):
        classifier.partial_fit(TEXTS[:2], [9, 10])


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 2.0, "c": 3.0}])
def test_a_warm_start_accepts_texts_without_some_of_the_labels(
    tiny: Path,
    class_weight: Any,  # noqa: ANN401
) -> None:
    classifier = fitted(tiny, ["a", "b", "c"] * 4, warm_start=True, class_weight=class_weight)
    before = classifier.predict_proba(TEXTS)
    classifier.set_params(learning_rate_init=1e-9).fit(TEXTS, ["a", "c"] * 6)
    assert classifier.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), before, atol=1e-5)
    with pytest.raises(ValueError, match="warm_start needs the classes of the first fit"):
        classifier.fit(TEXTS, ["a", "d"] * 6)
