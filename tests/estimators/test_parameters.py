"""Every parameter is validated in `fit` and documented."""

from __future__ import annotations

import inspect
import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
)

TEXTS, LABELS = ["where", "who", "where is it", "who would"], [0, 1, 0, 1]
ESTIMATORS: list[tuple[type, Any, Any]] = [
    (DistilBertEmbedder, TEXTS, None),
    (DistilBertContrastiveEmbedder, TEXTS, LABELS),
    (DistilBertClassifier, TEXTS, LABELS),
    (DistilBertRegressor, TEXTS, LABELS),
    (DistilBertTokenClassifier, [[text] for text in TEXTS], [["O"]] * 4),
    (DistilBertZeroShotClassifier, TEXTS, ["a", "b", "a", "b"]),
]
UNTRAINED = (DistilBertEmbedder, DistilBertZeroShotClassifier)
WRONG: dict[str, list[object]] = {
    "model": [3, None],
    "trainable_layers": ["top", -1, True, 1.0],
    "pooling": ["sum", 1, np.zeros(2)],
    "max_length": ["10", 1, True, 5.0],
    "missing": ["drop", None],
    "prompt": [3],
    "prompt_name": [3],
    "layer": [True, "last", 1.5, [True], [0.5]],
    "long_text": ["cut", None],
    "stride": ["4", -1, True],
    "normalize": ["no", None, 1],
    "loss": ["hinge", None, 1],
    "learning_rate_init": ["fast", 0.0, float("nan"), True],
    "alpha": [-1.0, "0.1", None, float("inf")],
    "batch_size": [0, "all", 2.0],
    "max_iter": [0, "many", None],
    "tol": [-1e-3, None],
    "early_stopping": ["no", 1],
    "validation_fraction": [0.0, 1.0, "0.1"],
    "n_iter_no_change": [0, 1.5],
    "class_weight": [{"a": -1}, {"a": "b"}, "even", [{0: -1}], {0: float("nan")}],
    "warm_start": ["yes", 0],
    "random_state": ["seed", -1],
    "verbose": ["yes", -1],
    "precision": ["float16", "", None, 32],
    "n_threads": [0, "all", True],
    "embedding_cache": [3],
    "classes": ["ab", 3, {"a"}, np.eye(2)],
    "template": ["no braces", 3],
    "method": ["cosine", None],
    "temperature": [0, -1.0, "hot", None, float("nan")],
}


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_wrong_values_are_errors_that_name_the_value(cls: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    for name in cls().get_params():
        for value in WRONG[name]:
            with pytest.raises((ValueError, TypeError)) as error:
                cls(**{name: value}).fit(X, y)
            message = str(error.value)
            assert message.startswith(f"{name} must be "), (name, value, message)
            assert f"got {value!r}." in message, message


@pytest.mark.parametrize(
    "params",
    [
        {"max_length": np.int64(8), "normalize": np.True_, "n_threads": np.int32(1)},
        {"layer": np.array([1, 2]), "long_text": "window", "stride": 0},
        {"layer": (0, -1), "verbose": 0, "prompt": ""},
    ],
)
def test_values_of_numpy_are_accepted(params: dict[str, Any]) -> None:
    assert DistilBertEmbedder(**params).fit_transform(TEXTS).shape == (4, 192)


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_a_wrong_parameter_does_not_discard_the_previous_fit(cls: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    estimator = cls(**({} if cls in UNTRAINED else {"max_iter": 1})).fit(X, y)
    method = estimator.transform if hasattr(cls, "transform") else estimator.predict
    expected = method(X)
    for wrong in ({"model": "no/such/directory"}, {"max_length": 1000}):
        with pytest.raises(ValueError, match=r"no/such|max_length"):
            estimator.set_params(**wrong).fit(X, y)
        estimator.set_params(model="mini", max_length=None)
        np.testing.assert_array_equal(method(X), expected)


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_predictions_follow_changed_parameters(cls: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    if cls is DistilBertEmbedder:
        embedder = cls().fit(X)
        before = embedder.transform(X)
        embedder.set_params(layer=1)
        assert np.abs(embedder.transform(X) - before).max() > 1e-3
        embedder.layer = None
        np.testing.assert_array_equal(embedder.transform(X), before)
    else:
        params = {} if cls in UNTRAINED else {"max_iter": 1}
        estimator = cls(**params).fit(X, y).set_params(n_threads=1)
        method = estimator.transform if hasattr(cls, "transform") else estimator.predict
        assert len(method(X)) == len(X)


@pytest.mark.parametrize("cls", [cls for cls, *_ in ESTIMATORS])
def test_every_parameter_is_documented_with_its_default(cls: Any) -> None:  # noqa: ANN401
    documentation = inspect.getdoc(cls) or ""
    assert not re.search(r"\{\w+\}", documentation)
    for name, parameter in inspect.signature(cls).parameters.items():
        assert f"\n{name} : " in documentation
        lines = [line for line in documentation.splitlines() if line.startswith(f"{name} : ")]
        assert lines[0].endswith(f", default={parameter.default!r}")


def test_all_estimators_share_the_common_parameters() -> None:
    signatures = [inspect.signature(cls).parameters for cls, *_ in ESTIMATORS]
    # The embedder follows modules.json by default, and tagging needs trained layers. Only the
    # classifier of texts has several labels and accepts a list of class weights.
    defaults = {
        "pooling": {None, "mean", "auto"},
        "trainable_layers": {0, "all", "auto"},
        "class_weight": {None},
    }
    names = [name for signature in signatures for name in signature]
    common = {name for name in names if names.count(name) > 1}
    assert {"model", "max_length", "missing", "warm_start", "verbose", "n_threads"} <= common
    for first, second in combinations(signatures, 2):
        shared = [name for name in first if name in second]
        assert shared == [name for name in second if name in first]
    for name in common:
        found = [each[name] for each in signatures if name in each]
        assert (
            len({(each.kind, each.annotation) for each in found} - {None}) == 1 or name in defaults
        )
        assert {each.default for each in found} <= defaults.get(name, {found[0].default})
