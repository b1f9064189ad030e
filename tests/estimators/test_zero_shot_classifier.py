"""Labels from descriptions of the classes."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skdistilbert import DistilBertZeroShotClassifier, TruncationWarning, classify, embed
from tests.conftest import DATA
from tests.estimators.cache_worker import on_encoding
from tests.tasks.test_entailment import LABELS as NAMES
from tests.tasks.test_entailment import TOKENIZER, entailment_model

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "I was charged twice for this order.",
    "Please send me the invoice again.",
    "The price on my bill is wrong.",
    "Why did you take money from my card?",
    "Where is my parcel?",
    "My package has not arrived.",
    "The courier never came.",
    "When will my order be shipped?",
]
LABELS = ["billing"] * 4 + ["delivery"] * 4
CLASSES = ["delivery", "billing"]
THREE = {
    "delivery": ["delivery of a parcel", "Where is it?"],
    "billing": "a bill",
    "account": "a password",
}


def zero_shot(**params: Any) -> DistilBertZeroShotClassifier:  # noqa: ANN401
    return DistilBertZeroShotClassifier(**{"classes": CLASSES, **params})


def unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def test_texts_are_labelled_without_labelled_texts() -> None:
    classifier = zero_shot().fit()
    assert classifier.classes_.tolist() == ["billing", "delivery"]
    assert classifier.score(TEXTS, LABELS) >= 7 / 8
    assert classifier.predict(TEXTS).dtype == classifier.classes_.dtype


def test_logits_are_cosines_divided_by_the_temperature() -> None:
    classifier = zero_shot(classes=THREE, temperature=0.5).fit()
    sentences = unit(embed("mini", ["a password", "a bill", *THREE["delivery"]]))
    vectors = unit(np.stack([*sentences[:2], sentences[2:].mean(axis=0)]))
    np.testing.assert_allclose(classifier.class_embeddings_, vectors, atol=1e-5)
    logits = unit(embed("mini", TEXTS)) @ vectors.T / 0.5
    np.testing.assert_allclose(classifier.decision_function(TEXTS), logits, atol=1e-5)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert classifier.predict_proba(TEXTS).dtype == np.float32
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), expected, atol=1e-5)
    best = classifier.classes_[expected.argmax(axis=1)]
    assert classifier.predict(TEXTS).tolist() == best.tolist()


def test_two_classes_have_one_score_for_each_text() -> None:
    classifier = zero_shot(temperature=np.float64(0.1)).fit()
    scores, probabilities = classifier.decision_function(TEXTS), classifier.predict_proba(TEXTS)
    assert scores.shape == (8,)
    assert scores.dtype == np.float32
    assert probabilities.shape == (8, 2)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-scores)), atol=1e-5)


def test_one_class_is_always_predicted() -> None:
    classifier = zero_shot(classes=["billing"]).fit()
    assert {*classifier.predict(TEXTS)} == {"billing"}
    assert classifier.predict_proba(TEXTS).tolist() == [[1.0]] * 8


def test_the_template_surrounds_every_description() -> None:
    classifier = zero_shot(classes={1: ["a_b", "c"], 0: "d"}, template="{} or {}?").fit()
    expected = zero_shot(classes={0: "d or d?", 1: ["a_b or a_b?", "c or c?"]}).fit()
    np.testing.assert_array_equal(classifier.class_embeddings_, expected.class_embeddings_)


def test_underscores_of_labels_are_read_as_spaces() -> None:
    classifier = zero_shot(classes=["late_parcel", "wrong_bill"]).fit()
    expected = zero_shot(classes={"late_parcel": "late parcel", "wrong_bill": "wrong bill"}).fit()
    np.testing.assert_array_equal(classifier.class_embeddings_, expected.class_embeddings_)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ((2, 10, 1), [1, 2, 10]),
        (np.array([True, False]), [False, True]),
        (np.array(["b", "a"], dtype=object), ["a", "b"]),
        ({3: "three", -1: "minus one"}, [-1, 3]),
    ],
)
def test_labels_of_any_type(classes: Any, expected: list[object]) -> None:  # noqa: ANN401
    classifier = zero_shot(classes=classes, template="{} of them").fit()
    assert classifier.classes_.tolist() == expected
    assert {*classifier.predict(TEXTS).tolist()} <= {*expected}


def test_labels_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    classifier = zero_shot(classes=pandas.Series(CLASSES)).fit(pandas.Series(TEXTS))
    assert classifier.predict(pandas.DataFrame({"text": TEXTS})).tolist() == (
        zero_shot().fit().predict(TEXTS).tolist()
    )


def test_the_labels_of_y_are_the_classes_if_none_are_given() -> None:
    classifier = DistilBertZeroShotClassifier().fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["billing", "delivery"]
    np.testing.assert_array_equal(
        classifier.class_embeddings_, zero_shot().fit(TEXTS).class_embeddings_
    )
    scores = cross_val_score(DistilBertZeroShotClassifier(), TEXTS, LABELS, cv=2)
    assert scores.mean() >= 7 / 8
    assert get_tags(DistilBertZeroShotClassifier()).target_tags.required
    assert not get_tags(zero_shot()).target_tags.required


def test_given_classes_do_not_depend_on_y() -> None:
    classifier = zero_shot(classes=THREE).fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["account", "billing", "delivery"]
    assert cross_val_score(zero_shot(classes=THREE), TEXTS, LABELS, cv=2).mean() > 0.5


def test_searches_over_temperature_and_template() -> None:
    grid = {"temperature": [0.01, 1.0], "template": [None, "This text is about {}."]}
    search = GridSearchCV(zero_shot(), grid, scoring="neg_log_loss", cv=2, error_score="raise")
    search.fit(TEXTS, LABELS)
    assert len({*search.cv_results_["mean_test_score"]}) == 4


def test_the_temperature_may_be_changed_after_fit() -> None:
    classifier = zero_shot().fit()
    before = classifier.decision_function(TEXTS)
    classifier.set_params(temperature=0.12)
    np.testing.assert_allclose(classifier.decision_function(TEXTS), before / 2, rtol=1e-4)
    with pytest.raises(ValueError, match="temperature must be .*; got 0"):
        classifier.set_params(temperature=0).predict(TEXTS)


def test_thresholds_and_calibration_of_scikit_learn() -> None:
    labels = np.array(LABELS) == "billing"
    classifier = zero_shot(classes={True: "billing", False: "delivery"})
    probabilities = classifier.fit().predict_proba(TEXTS)[:, 1]
    fixed = FixedThresholdClassifier(classifier, threshold=0.9).fit(TEXTS, labels)
    np.testing.assert_array_equal(fixed.predict(TEXTS), probabilities >= 0.9)
    fixed = FixedThresholdClassifier(
        classifier, threshold=2.0, response_method="decision_function"
    ).fit(TEXTS, labels)
    np.testing.assert_array_equal(fixed.predict(TEXTS), classifier.decision_function(TEXTS) >= 2)
    tuned = TunedThresholdClassifierCV(classifier, cv=2).fit(TEXTS, labels)
    assert tuned.score(TEXTS, labels) >= 7 / 8
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(TEXTS, labels)
    assert calibrated.predict_proba(TEXTS).shape == (8, 2)


def test_frozen_classifiers_in_tools_that_encode_labels() -> None:
    frozen = FrozenEstimator(zero_shot(classes=THREE).fit())
    three = ["delivery", "billing", "account", "delivery"] * 2
    got = cross_val_predict(frozen, TEXTS, three, cv=2, method="predict_proba")
    np.testing.assert_allclose(got, frozen.predict_proba(TEXTS), atol=1e-6)
    calibrated = CalibratedClassifierCV(frozen, cv=2).fit(TEXTS, three)
    assert calibrated.classes_.tolist() == ["account", "billing", "delivery"]


def test_each_text_is_encoded_once() -> None:
    counts: list[int] = []
    classes = [f"class {index}" for index in range(50)]
    with on_encoding(counts.append):
        classifier = zero_shot(classes=classes).fit(TEXTS)
        classifier.predict_proba(TEXTS)
    assert counts == [50, 8]


def test_descriptions_and_texts_are_cached(tmp_path: Path) -> None:
    counts: list[int] = []
    classifier = zero_shot(embedding_cache=tmp_path / "cache.sqlite")
    expected = classifier.fit().predict_proba(TEXTS)
    with on_encoding(counts.append):
        np.testing.assert_allclose(
            clone(classifier).fit().predict_proba(TEXTS), expected, atol=1e-5
        )
    assert not counts


def test_options_of_the_embedding_apply_to_texts_and_descriptions() -> None:
    options: Any = {"pooling": "cls", "prompt": "text: ", "layer": 1}
    classifier = zero_shot(**options).fit()
    vectors = unit(embed("mini", ["billing", "delivery"], **options))
    np.testing.assert_allclose(classifier.class_embeddings_, vectors, atol=1e-5)
    logits = unit(embed("mini", TEXTS, **options)) @ vectors.T / 0.06
    np.testing.assert_allclose(
        classifier.decision_function(TEXTS), logits[:, 1] - logits[:, 0], atol=1e-4
    )


def test_long_and_missing_texts() -> None:
    long = ["The parcel is late. " * 40 + "I was charged twice. " * 80]
    with pytest.warns(TruncationWarning, match='1 of 1 texts was .*Use long_text="window"'):
        assert zero_shot(max_length=60).fit().predict(long) == "delivery"
    windows = zero_shot(max_length=60, long_text="window").fit()
    assert windows.predict(long) == "billing"
    assert zero_shot(missing="empty").fit([None]).predict_proba([None, "bill"]).shape == (2, 2)
    with pytest.raises(ValueError, match="1 of 1 texts"):
        zero_shot().fit([None])


def test_pickles_and_clones() -> None:
    classifier = zero_shot(classes=THREE).fit()
    file = pickle.dumps(classifier)
    assert len(file) < 5000
    np.testing.assert_array_equal(
        pickle.loads(file).predict_proba(TEXTS), classifier.predict_proba(TEXTS)
    )
    assert not hasattr(clone(classifier), "classes_")
    pipeline = make_pipeline(classifier).fit(TEXTS)
    assert pipeline.predict(TEXTS).tolist() == classifier.predict(TEXTS).tolist()


@pytest.mark.parametrize(
    ("params", "y", "message"),
    [
        ({"classes": None}, None, "requires y to be passed, but .* or name the classes"),
        ({"classes": []}, None, r"classes must have at least one label, .*got \[\]"),
        ({"classes": ["a", 1]}, None, r"all labels must be strings, numbers or .*got \['a', 1\]"),
        ({"classes": [["a"], ["b"]]}, None, "all labels must be strings, numbers or booleans"),
        ({"classes": [None]}, None, r"all labels must be .*got \[None\]"),
        ({"classes": ["a", "b", "a"]}, None, r"name each label once; got \['a', 'b', 'a'\]"),
        ({"classes": [0, 1]}, None, "Label 0 does not describe its class. .*set a template"),
        ({"classes": None}, [0, 1] * 4, "Label 0 does not describe its class"),
        ({"classes": {"a": "x", "b": " "}}, None, "not empty; got ' ' for the label 'b'"),
        ({"classes": {"a": "x", "b": []}}, None, r"not empty; got \[\] for the label 'b'"),
        ({"classes": {"a": "x", "b": ["y", 3]}}, None, r"got \['y', 3\] for the label 'b'"),
        ({"classes": {"a": None}}, None, "got None for the label 'a'"),
        ({"classes": ["a", ""]}, None, "got '' for the label ''"),
        ({"classes": {"a": {"x": 1}, "b": "y"}}, None, r"got \{'x': 1\} for the label 'a'"),
        ({"classes": ["a_b", "a b"]}, None, r"differently, .*got \['a b'\] for 'a b' and 'a_b'"),
        ({"classes": {2**63 + 1: "a", -2: "b"}}, None, "labels that NumPy can hold; got .*, -2"),
        ({"classes": {float("nan"): "a", 1.0: "b"}}, None, r"that NumPy can hold; got \[nan, 1.0"),
        ({"classes": ["b\0", "b"]}, None, r"NumPy can hold; got .*'b\\x00', 'b'\]"),
        (
            {},
            ["billing"] * 7 + ["biling"],
            r"among the classes .*; got \['biling'\]\. .* FrozenEstimator",
        ),
        ({}, ["billing"], r"inconsistent numbers of samples: \[8, 1\]"),
        ({}, np.eye(8, dtype=int), r"one label for each text; got a matrix of shape \(8, 8\)"),
    ],
)
def test_errors(params: dict[str, Any], y: Any, message: str) -> None:  # noqa: ANN401
    fitted = zero_shot().fit()
    expected = fitted.predict_proba(TEXTS)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(**params).fit(TEXTS, y)
    np.testing.assert_array_equal(fitted.predict_proba(TEXTS), expected)


@pytest.fixture
def entailing(tmp_path: Path) -> DistilBertZeroShotClassifier:
    """A classifier with a head for entailment."""
    entailment_model().save_pretrained(tmp_path / "model", TOKENIZER)
    return zero_shot(model=tmp_path / "model", method="entailment", classes=NAMES)


def test_entailment_has_the_scores_of_classify(entailing: DistilBertZeroShotClassifier) -> None:
    found = classify(entailing.model, TEXTS, labels=NAMES, top_k=None)
    scores = [{each["label"]: each["score"] for each in row} for row in found]
    entailing.fit()
    expected = [[row[label] for label in entailing.classes_] for row in scores]
    np.testing.assert_allclose(entailing.predict_proba(TEXTS), expected, atol=1e-5)
    assert entailing.class_embeddings_ is None
    assert entailing.class_sentences_[0] == ["This example is house."]
    loaded = pickle.loads(pickle.dumps(entailing))
    np.testing.assert_allclose(loaded.predict_proba(TEXTS), expected, atol=1e-5)
    logits = entailing.decision_function(TEXTS)
    entailing.set_params(temperature=2.0)
    np.testing.assert_allclose(entailing.decision_function(TEXTS), logits / 2, atol=1e-5)
    assert cross_val_score(entailing.set_params(classes=None), TEXTS, LABELS, cv=2).shape == (2,)


def test_entailment_averages_the_logits_of_descriptions(
    entailing: DistilBertZeroShotClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    logits = entailing.fit().decision_function(TEXTS)
    grouped = clone(entailing).set_params(classes={1: NAMES[0], 0: NAMES[1:]}, verbose=1).fit()
    expected = logits[:, 0] - logits[:, 1:].mean(axis=1)
    np.testing.assert_allclose(grouped.decision_function(TEXTS), expected, atol=1e-5)
    assert "8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"model": DATA / "distilbert-tiny"},
            "needs a checkpoint with the head 'sequence_classification'",
        ),
        (
            {"model": DATA / "distilbert-tiny-sequence-classification"},
            'needs a model for entailment, .* starts with "entail"',
        ),
        ({"pooling": "cls"}, "pooling has no effect with method=.*got 'cls'. Leave it at .*None"),
        ({"long_text": "window", "stride": 126}, "room for 126 tokens .* stride=126"),
        ({"embedding_cache": "file"}, "embedding_cache has no effect"),
        ({"classes": [0, 1]}, "Label 0 does not describe its class"),
        ({"max_length": 5}, "leave no room for a text in max_length=5"),
    ],
)
def test_errors_of_entailment(
    entailing: DistilBertZeroShotClassifier, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        entailing.set_params(**params).fit()


@pytest.mark.parity
@pytest.mark.minilm
def test_logits_equal_the_similarity_of_sentence_transformers(minilm: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    theirs = sentence_transformers.SentenceTransformer(str(minilm), device="cpu")
    similarity = theirs.similarity(theirs.encode(TEXTS), theirs.encode(["a", "b", "c"])).numpy()
    classifier = zero_shot(model=minilm, classes=["a", "b", "c"], temperature=1).fit()
    np.testing.assert_allclose(classifier.decision_function(TEXTS), similarity, atol=1e-5)
