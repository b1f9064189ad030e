from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertZeroShotClassifier,
    TruncationWarning,
)
from skdistilbert.inspection import attribution
from skdistilbert.inspection.attribution import NO_EFFECT, NO_WORDS, UNKNOWN_WORDS, Method, explain

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

TEXTS = ["the parcel is late", "a wrong bill", "parcel lost", "billed twice"] * 3
LABELS = ["delivery", "billing"] * 6


def explain_words(estimator: BaseEstimator, texts: list[str], target: object = None) -> list[Any]:
    return explain(estimator, texts, target, "occlusion", "word")


@pytest.fixture(scope="module")
def classifier() -> DistilBertClassifier:
    model = Path(__file__).parents[1] / "data" / "distilbert-tiny"
    return DistilBertClassifier(model, max_iter=20, random_state=0).fit(TEXTS, LABELS)


def test_a_word_is_replaced_by_the_mask_token(classifier: DistilBertClassifier) -> None:
    (record,) = explain_words(classifier, ["the parcel"])
    sign = 1 if record.target == "delivery" else -1
    scores = sign * classifier.decision_function(
        ["the parcel", "[MASK] parcel", "the [MASK]", "[MASK] [MASK]"]
    )
    np.testing.assert_allclose(record.values, scores[0] - scores[1:3], atol=1e-5)
    assert record.score == pytest.approx(scores[0], abs=1e-5)
    assert record.base_value == pytest.approx(scores[3], abs=1e-5)
    assert record.prediction == record.target == classifier.predict(["the parcel"])[0]
    assert record.probability == pytest.approx(1 / (1 + np.exp(-scores[0])), abs=1e-5)


@pytest.mark.parametrize("wrap", ["search", "calibration", "pipeline"])
def test_encoders_are_found_inside_other_estimators(wrap: str, tiny: Path) -> None:
    pipeline = make_pipeline(DistilBertEmbedder(tiny), LogisticRegression())
    estimator = {
        "search": GridSearchCV(pipeline, {"logisticregression__C": [1]}, cv=2),
        "calibration": CalibratedClassifierCV(pipeline, cv=2),
        "pipeline": pipeline,
    }[wrap].fit(TEXTS, LABELS)
    (record,) = explain_words(estimator, ["parcel"], "delivery")
    p = estimator.predict_proba(["parcel", "[MASK]"])[:, 1]
    odds = np.log(p / (1 - p))
    np.testing.assert_allclose(record.values, [odds[0] - odds[1]], atol=1e-4)


@pytest.mark.parametrize("wrap", [None, FixedThresholdClassifier, CalibratedClassifierCV])
def test_predictions_and_probabilities_are_those_of_the_estimator(
    wrap: type | None, tiny: Path
) -> None:
    estimator = make_pipeline(DistilBertEmbedder(tiny), LogisticRegression(C=10))
    if wrap is FixedThresholdClassifier:  # always predicts "delivery"
        estimator = FixedThresholdClassifier(
            estimator, threshold=-1e3, pos_label="delivery", response_method="decision_function"
        )
    elif wrap is not None:
        estimator = wrap(estimator, cv=2)
    estimator.fit(TEXTS, LABELS)
    for method in get_args(Method)[:2]:
        records = explain(estimator, TEXTS[:4], None, method, "word")
        assert [record.prediction for record in records] == estimator.predict(TEXTS[:4]).tolist()
        columns = [["billing", "delivery"].index(record.target) for record in records]
        probabilities = estimator.predict_proba(TEXTS[:4])[range(4), columns]
        np.testing.assert_allclose([x.probability for x in records], probabilities, atol=1e-5)


@pytest.mark.parametrize("method", get_args(Method)[:2])
def test_values_do_not_depend_on_the_number_of_variants_in_a_batch(
    method: Method, classifier: DistilBertClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["where is the parcel", "billed"]
    expected = explain(classifier, texts, None, method, "word")
    monkeypatch.setattr(attribution, "MAX_SHARED_VARIANTS", 3)
    for record, other in zip(
        explain(classifier, texts, None, method, "word"), expected, strict=True
    ):
        np.testing.assert_allclose(record.values, other.values, atol=1e-5)
        assert record.base_value == pytest.approx(other.base_value, abs=1e-5)


def test_zero_shot_classifiers_are_explained(tiny: Path) -> None:
    classifier = DistilBertZeroShotClassifier(tiny, classes=["a parcel", "a bill"]).fit()
    (record,) = explain_words(classifier, ["my parcel"], "a bill")
    scores = -classifier.decision_function(["my parcel", "[MASK] parcel", "my [MASK]"])
    np.testing.assert_allclose(record.values, scores[0] - scores[1:], atol=1e-4)


def test_other_pipelines_are_explained_by_removing_words() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    (record,) = explain_words(pipeline, ["late parcel"], "delivery")
    scores = pipeline.decision_function(["late parcel", "parcel", "late", ""])
    np.testing.assert_allclose(record.values, scores[0] - scores[1:3])
    assert record.base_value == pytest.approx(scores[3])
    (opposite,) = explain_words(pipeline, ["late parcel"], "billing")
    np.testing.assert_allclose(opposite.values, -record.values)


def test_results_are_repeatable_and_independent_of_other_texts(
    classifier: DistilBertClassifier,
) -> None:
    texts = ["where is the parcel", "billed", "one more text, which is longer"]
    together = explain_words(classifier, texts)
    for first, second in zip(together, explain_words(classifier, texts), strict=True):
        assert first.values.tolist() == second.values.tolist()
    for text, record in zip(texts, together, strict=True):
        (alone,) = explain_words(classifier, [text])
        np.testing.assert_allclose(record.values, alone.values, atol=1e-5)


@pytest.mark.filterwarnings("ignore::skdistilbert.UnknownTokenWarning")
def test_texts_without_known_words_have_a_reason(classifier: DistilBertClassifier) -> None:
    empty, unknown, mixed = explain_words(classifier, ["", "\u4e02 \u4e04", "parcel \u4e02"])
    assert (empty.reason, unknown.reason, mixed.reason) == (NO_WORDS, UNKNOWN_WORDS, None)
    for record in (empty, unknown):
        assert (record.words, record.spans, len(record.values)) == ([], [], 0)
        assert record.base_value == record.score
    assert mixed.words == ["parcel", "\u4e02"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)
    empty, unknown = explain_words(pipeline, [" ", "zebra"])
    assert (empty.reason, unknown.reason) == (NO_WORDS, NO_EFFECT)
    assert unknown.values.tolist() == [0]


def test_only_the_texts_themselves_cause_a_warning_about_truncation(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, max_iter=1).fit(TEXTS, LABELS)
    classifier.set_params(max_length=6)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (record,) = explain_words(classifier, ["one two three four five six"])
    assert [warning.category for warning in caught] == [TruncationWarning]
    np.testing.assert_allclose(record.values[4:], 0, atol=1e-5)
    with pytest.warns(TruncationWarning, match=r"1 of 2 texts was truncated .*row 1\)"):
        explain_words(classifier, ["one", "one two three four five six"])


def test_multilabel_classifiers_and_regressors(tiny: Path) -> None:
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 3)
    multilabel = DistilBertClassifier(tiny, max_iter=5, random_state=0).fit(TEXTS, y)
    for record in explain_words(multilabel, TEXTS[:4]):
        assert set(record.prediction) <= {0, 1}
        assert record.target in (0, 1)
    regressor = DistilBertRegressor(tiny, max_iter=5, random_state=0).fit(TEXTS, y * 1.0)
    for target in (0, 1):
        (record,) = explain_words(regressor, ["late"], target)
        numbers = regressor.predict(["late", "[MASK]"])[:, target]
        np.testing.assert_allclose(record.values, [numbers[0] - numbers[1]], atol=1e-4)
        assert record.probability is None


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients"])
def test_the_words_of_pairs_have_a_segment(method: Method, tiny: Path) -> None:
    pairs = [(text, "the parcel") for text in TEXTS]
    classifier = DistilBertClassifier(tiny, max_iter=20, random_state=0).fit(pairs, LABELS)
    pair = ("the bill", "parcel")
    (record,) = explain(classifier, [pair], "delivery", method, "word")
    assert record.text == pair
    assert record.words == ["the", "bill", "parcel"]
    assert record.spans == [(0, 3), (4, 8), (0, 6)]
    assert record.segments == [0, 0, 1]
    masked = [pair, ("the [MASK]", "parcel"), ("the bill", "[MASK]"), ("[MASK] [MASK]", "[MASK]")]
    scores = classifier.decision_function(masked)
    if method == "occlusion":
        np.testing.assert_allclose(record.values[1:], scores[0] - scores[1:3], atol=1e-5)
        assert record.base_value == pytest.approx(scores[3], abs=1e-5)
    else:
        difference = record.score - record.base_value
        assert record.values.sum() == pytest.approx(difference, rel=0.01, abs=1e-3)
    with pytest.raises(TypeError, match="fitted on pairs"):
        explain_words(classifier, ["parcel"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], None, "lime", "word"), "method must be one of 'occlusion'.*got 'lime'"),
        ((["a"], None, "occlusion", "token"), "unit must be one of 'word', 'sentence'; got 'tok"),
        ((["a"], None, "occlusion", "word", "proba"), "response_method must be one of.*'proba'"),
        (
            (["a"], None, "integrated_gradients", "word", "predict_proba"),
            "response_method must be 'auto' with method='integrated_gradients'",
        ),
        (("a", None, "occlusion", "word"), "pass .text."),
        (([], None, "occlusion", "word"), "0 sample"),
        (([None], None, "occlusion", "word"), "must be a string"),
    ],
)
def test_bad_input(
    arguments: tuple[Any, ...], message: str, classifier: DistilBertClassifier
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        explain(classifier, *arguments)
