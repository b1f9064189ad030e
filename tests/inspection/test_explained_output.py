from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest, RandomForestClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC

from skdistilbert import DistilBertClassifier, DistilBertEmbedder
from skdistilbert.inspection.explained_output import ExplainedOutput

TEXTS = ["late parcel", "wrong bill", "parcel lost", "bill twice", "password", "my password"] * 3
BINARY = np.array(["delivery", "billing"] * 9)
CLASSES = np.array(["delivery", "billing", "delivery", "billing", "account", "account"] * 3)
LABELS = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]] * 3)


def tfidf(head: object) -> Pipeline:
    return make_pipeline(TfidfVectorizer(), head)


def output_of(estimator: object) -> ExplainedOutput:
    return ExplainedOutput.of_estimator(estimator, TEXTS)[0]


@pytest.mark.parametrize("y", [BINARY, CLASSES])
def test_scores_are_the_decision_function_of_each_class(y: np.ndarray) -> None:
    pipeline = tfidf(LogisticRegression()).fit(TEXTS, y)
    output, predictions = ExplainedOutput.of_estimator(pipeline, TEXTS)
    scores = output.scores(TEXTS)
    assert output.targets == pipeline.classes_.tolist()
    assert predictions == pipeline.predict(TEXTS).tolist()
    decision = pipeline.decision_function(TEXTS)
    if y is BINARY:
        np.testing.assert_array_equal(scores, np.column_stack([-decision, decision]))
    else:
        np.testing.assert_array_equal(scores, decision)
    columns = output.columns(None, predictions, scores)
    assert [output.targets[column] for column in columns] == predictions


@pytest.mark.parametrize("y", [BINARY, CLASSES])
def test_without_decision_function_scores_are_log_odds(y: np.ndarray) -> None:
    pipeline = tfidf(MultinomialNB()).fit(TEXTS, y)
    p = pipeline.predict_proba(TEXTS)
    np.testing.assert_allclose(output_of(pipeline).scores(TEXTS), np.log(p / (1 - p)), atol=1e-9)


@pytest.mark.parametrize("y", [BINARY, CLASSES])
def test_probabilities_are_explained_on_request(y: np.ndarray) -> None:
    pipeline = tfidf(LogisticRegression()).fit(TEXTS, y)
    output, _ = ExplainedOutput.of_estimator(pipeline, TEXTS, "predict_proba")
    np.testing.assert_array_equal(output.scores(TEXTS), pipeline.predict_proba(TEXTS))


def test_a_response_method_that_the_estimator_does_not_have() -> None:
    pipeline = tfidf(RidgeClassifier()).fit(TEXTS, BINARY)
    with pytest.raises(ValueError, match="'decision_function', 'predict'; got 'predict_proba'"):
        ExplainedOutput.of_estimator(pipeline, TEXTS, "predict_proba")


def test_log_odds_of_certain_predictions_are_finite() -> None:
    pipeline = tfidf(RandomForestClassifier(n_estimators=2, bootstrap=False)).fit(TEXTS, BINARY)
    scores = output_of(pipeline).scores(TEXTS)
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() > 30


def test_estimators_that_only_predict_labels_have_scores_of_zero_and_one() -> None:
    voting = VotingClassifier([("a", MultinomialNB()), ("b", RidgeClassifier())])
    pipeline = tfidf(voting).fit(TEXTS, CLASSES)
    scores = output_of(pipeline).scores(TEXTS)
    np.testing.assert_array_equal(scores, pipeline.predict(TEXTS)[:, None] == pipeline.classes_)


@pytest.mark.parametrize("wrap", [FixedThresholdClassifier, CalibratedClassifierCV])
def test_classifiers_around_a_pipeline(wrap: type) -> None:
    wrapped = wrap(tfidf(LogisticRegression())).fit(TEXTS, BINARY)
    output = output_of(wrapped)
    assert output.scores(TEXTS).shape == (18, 2)
    expected = "predict_proba" if wrap is CalibratedClassifierCV else "decision_function"
    assert output.function == expected


def test_a_search_is_explained_like_its_best_estimator() -> None:
    search = GridSearchCV(tfidf(LogisticRegression()), {"logisticregression__C": [1]}, cv=2)
    search.fit(TEXTS, CLASSES)
    np.testing.assert_array_equal(
        output_of(search).scores(TEXTS), search.best_estimator_.decision_function(TEXTS)
    )


@pytest.mark.parametrize(
    "head",
    [
        OneVsRestClassifier(LogisticRegression()),
        MultiOutputClassifier(LogisticRegression()),
        RandomForestClassifier(n_estimators=3, random_state=0),
    ],
)
def test_multilabel_targets_are_explained_for_the_label_of_highest_score(head: object) -> None:
    pipeline = tfidf(head).fit(TEXTS, LABELS)
    output, predictions = ExplainedOutput.of_estimator(pipeline, TEXTS)
    scores = output.scores(TEXTS)
    assert output.is_multilabel
    assert output.targets == [0, 1]
    assert output.columns(None, predictions, scores) == scores.argmax(axis=1).tolist()
    assert output.named_prediction([1, 0]) == [0]
    probabilities = output.probabilities(TEXTS)
    assert probabilities is not None
    assert ((probabilities > 0.5) == (scores > 0)).all()


def test_regressors_and_detectors_are_explained_by_their_numbers() -> None:
    regressor = tfidf(LinearRegression()).fit(TEXTS, np.arange(18.0))
    output, predictions = ExplainedOutput.of_estimator(regressor, TEXTS)
    assert output.targets == [None]
    np.testing.assert_array_equal(output.scores(TEXTS)[:, 0], predictions)
    assert output.probabilities(TEXTS) is None
    detector = tfidf(IsolationForest(n_estimators=5, random_state=0)).fit(TEXTS)
    np.testing.assert_array_equal(
        output_of(detector).scores(TEXTS)[:, 0], detector.decision_function(TEXTS)
    )


def test_one_of_several_outputs_must_be_chosen() -> None:
    regressor = tfidf(LinearRegression()).fit(TEXTS, np.ones((18, 3)) * np.arange(18)[:, None])
    output, predictions = ExplainedOutput.of_estimator(regressor, TEXTS)
    scores = output.scores(TEXTS)
    assert output.columns(2, predictions, scores) == [2] * 18
    with pytest.raises(ValueError, match="target must be an integer from 0 to 2.*got None"):
        output.columns(None, predictions, scores)


def test_an_unknown_target_is_an_error() -> None:
    output, predictions = ExplainedOutput.of_estimator(
        tfidf(LogisticRegression()).fit(TEXTS, BINARY), TEXTS
    )
    for target in ("returns", np.array(["billing", "delivery"])):
        with pytest.raises(ValueError, match=r"\['billing', 'delivery'\].*got (array|'returns')"):
            output.columns(target, predictions, output.scores(TEXTS))


def test_the_only_output_of_a_regressor_is_no_target() -> None:
    output, predictions = ExplainedOutput.of_estimator(
        tfidf(LinearRegression()).fit(TEXTS, np.arange(len(TEXTS))), TEXTS
    )
    with pytest.raises(ValueError, match="target must be None, as .* only one output; got 1"):
        output.columns(1, predictions, output.scores(TEXTS))


@pytest.mark.parametrize("n_classes", [3, 4])
def test_scores_of_pairs_of_classes_are_an_error(n_classes: int) -> None:
    classes = np.arange(len(TEXTS)) % n_classes
    search = GridSearchCV(tfidf(SVC(decision_function_shape="ovo")), {"svc__C": [1]}, cv=2)
    with pytest.raises(TypeError, match=f"each of {n_classes} targets; got .* pair of classes"):
        output_of(search.fit(TEXTS, classes)).scores(TEXTS)
    binary = search.fit(TEXTS, BINARY)
    np.testing.assert_array_equal(
        output_of(binary).scores(TEXTS)[:, 1], binary.decision_function(TEXTS)
    )


def test_estimators_must_be_fitted() -> None:
    for estimator in (tfidf(LogisticRegression()), DistilBertClassifier()):
        with pytest.raises(NotFittedError):
            output_of(estimator)
    with pytest.raises(TypeError, match="not an estimator instance"):
        output_of("classifier")


def test_estimators_must_predict() -> None:
    embedder = DistilBertEmbedder().fit(TEXTS)
    clusters = tfidf(KMeans(2, n_init=1)).fit(TEXTS)
    for estimator in (embedder, clusters):
        with pytest.raises(TypeError, match="classifier, a regressor or an outlier detector"):
            output_of(estimator)


def test_estimators_must_read_texts() -> None:
    features = np.arange(36.0).reshape(18, 2)
    with pytest.raises(TypeError, match="LogisticRegression.predict raised ValueError"):
        output_of(LogisticRegression().fit(features, BINARY))
