"""scikit-learn's checks of estimators: all that apply to numeric ones, without an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from skdistilbert import DistilBertClassifier, DistilBertEmbedder
from tests.conftest import DATA
from tests.estimators.numeric_text import NumericTextClassifier, NumericTextEmbedder

if TYPE_CHECKING:
    from functools import partial
    from pathlib import Path

TINY = str(DATA / "distilbert-tiny")
ESTIMATORS = [NumericTextEmbedder(TINY), NumericTextClassifier(TINY)]
CHECKS = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator)]


def name(value: Any) -> str:  # noqa: ANN401
    if value in ESTIMATORS:
        return type(value).__name__
    options = "-".join(f"{key}={option}" for key, option in value.keywords.items())
    return f"{value.func.__name__}[{options}]" if options else str(value.func.__name__)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name)
def test_a_check_of_scikit_learn(estimator: object, check: partial[None]) -> None:
    check(estimator)


def test_all_checks_of_numeric_estimators_apply() -> None:
    of_embedder, of_classifier = (
        sum(of is estimator for of, _ in CHECKS) for estimator in ESTIMATORS
    )
    assert of_embedder >= 46
    assert of_classifier >= 55


@pytest.mark.parametrize("kind", [DistilBertEmbedder, DistilBertClassifier])
def test_the_estimators_pass_what_there_is_for_texts(kind: type, tiny: Path) -> None:
    with pytest.warns(SkipTestWarning, match="Can't test estimator"):
        check_estimator(kind(tiny))
