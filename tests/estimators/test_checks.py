"""scikit-learn's checks of estimators: all that apply to numeric ones."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.base import clone
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from skdistilbert import DistilBertClassifier, DistilBertEmbedder, DistilBertRegressor
from tests.conftest import DATA
from tests.estimators.numeric_text import (
    NumericTextClassifier,
    NumericTextEmbedder,
    NumericTextRegressor,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import partial
    from pathlib import Path

    from sklearn.base import BaseEstimator

TINY = str(DATA / "distilbert-tiny")
ESTIMATORS = [
    NumericTextEmbedder(TINY),
    NumericTextClassifier(TINY),
    NumericTextRegressor(TINY),
]
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


# They ask for equality to 1e-7, which in float32 depends on the sums of BLAS: some of its kernels,
# such as those for AVX2, round a column otherwise in another place of the batch.
CHECKS_MADE_FOR_FLOAT64 = (
    estimator_checks.check_methods_subset_invariance,
    estimator_checks.check_sample_weight_equivalence_on_dense_data,
)


def in_float32(assert_allclose: Callable[..., None]) -> Callable[..., None]:
    def assert_close(actual: object, desired: object, **options: Any) -> None:  # noqa: ANN401
        assert_allclose(actual, desired, **options | {"rtol": 1e-5, "atol": 1e-6})

    return assert_close


def name(value: Any) -> str:  # noqa: ANN401
    if value in ESTIMATORS:
        return type(value).__name__
    options = "-".join(f"{key}={option}" for key, option in value.keywords.items())
    return f"{value.func.__name__}[{options}]" if options else str(value.func.__name__)


@pytest.fixture
def without_dropout(tmp_path: Path, tiny: Path) -> Path:
    """The tiny model, its head trained without dropout."""
    directory = shutil.copytree(tiny, tmp_path / "model")
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"seq_classif_dropout": 0.0}))
    return directory


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name)
def test_a_check_of_scikit_learn(
    estimator: BaseEstimator,
    check: partial[None],
    without_dropout: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if check.func in CHECKS_MADE_FOR_FLOAT64:
        for comparison in ("assert_allclose", "assert_allclose_dense_sparse"):
            lenient = in_float32(getattr(estimator_checks, comparison))
            monkeypatch.setattr(estimator_checks, comparison, lenient)
    if check.func is estimator_checks.check_sample_weight_equivalence_on_dense_data:
        # A repeated text is in several batches, and each time some of it is dropped. Without both
        # it learns what a weighted one does. To scikit-learn's MLPClassifier the check gives
        # another solver for the same reason.
        estimator = clone(estimator).set_params(model=without_dropout, batch_size=1000)
    check(estimator)


def test_all_checks_of_numeric_estimators_apply() -> None:
    of_embedder, of_classifier, of_regressor = (
        sum(of is estimator for of, _ in CHECKS) for estimator in ESTIMATORS
    )
    assert of_embedder >= 46
    assert of_classifier >= 67  # 55, and those of class and sample weights, labels, partial_fit
    assert of_regressor >= 60


@pytest.mark.parametrize("kind", [DistilBertEmbedder, DistilBertClassifier, DistilBertRegressor])
def test_the_estimators_pass_what_there_is_for_texts(kind: type, tiny: Path) -> None:
    with pytest.warns(SkipTestWarning, match="Can't test estimator"):
        check_estimator(kind(tiny))
