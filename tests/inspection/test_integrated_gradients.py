from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
)
from skdistilbert.inspection import integrated_gradients
from skdistilbert.inspection.attribution import NO_WORDS, UNKNOWN_WORDS, explain
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.base import BaseEstimator

    from skdistilbert.inspection.attribution import Attribution, Unit

MODEL = DATA / "distilbert-tiny"
TEXTS = ["the parcel is late", "a wrong bill", "parcel lost", "billed twice"] * 3
BINARY = ["delivery", "billing"] * 6
CLASSES = ["delivery", "billing", "lost"] * 4


def explain_words(
    estimator: BaseEstimator, texts: list[str], target: object = None, unit: Unit = "word"
) -> list[Attribution]:
    return explain(estimator, texts, target, "integrated_gradients", unit)


@pytest.mark.parametrize(
    "estimator",
    [
        DistilBertClassifier(MODEL, max_iter=20, random_state=0),
        DistilBertClassifier(MODEL, max_iter=20, random_state=0, pooling="cls"),
        make_pipeline(DistilBertEmbedder(MODEL), StandardScaler(), LogisticRegression()),
        make_pipeline(
            DistilBertEmbedder(MODEL, normalize=True, pooling="max", layer=2, prompt="query: "),
            MLPClassifier(max_iter=20, tol=1, random_state=0),
        ),
        make_pipeline(
            DistilBertContrastiveEmbedder(MODEL, max_iter=1, random_state=0), LogisticRegression()
        ),
    ],
)
@pytest.mark.parametrize("y", [BINARY, CLASSES])
def test_values_add_up_to_the_difference_of_the_scores(
    estimator: BaseEstimator, y: list[str]
) -> None:
    estimator.fit(TEXTS, y)
    for record in explain_words(estimator, ["where is the parcel?", "billed"]):
        assert record.error is not None
        assert record.error <= 0.01
        difference = record.score - record.base_value
        tolerance = 0.01 * max(abs(difference), 1e-2) + 1e-4
        assert record.values.sum() == pytest.approx(difference, abs=tolerance)
        assert [record.text[slice(*span)] for span in record.spans] == record.words


@pytest.mark.parametrize("wrap", ["search", "threshold"])
def test_searches_and_thresholds_are_unwrapped(wrap: str) -> None:
    pipeline = make_pipeline(DistilBertEmbedder(MODEL), LogisticRegression())
    wrapped = {
        "search": GridSearchCV(pipeline, {"logisticregression__C": [1]}, cv=2),
        "threshold": FixedThresholdClassifier(pipeline),
    }[wrap].fit(TEXTS, BINARY)
    (expected,) = explain_words(pipeline.fit(TEXTS, BINARY), ["late parcel"], "delivery")
    (record,) = explain_words(wrapped, ["late parcel"], "delivery")
    np.testing.assert_allclose(record.values, expected.values, atol=1e-6)


def test_regressors_and_multilabel_classifiers() -> None:
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 3)
    for estimator in (
        DistilBertRegressor(MODEL, max_iter=10, random_state=0).fit(TEXTS, 5.0 * y),
        DistilBertClassifier(MODEL, max_iter=10, random_state=0).fit(TEXTS, y),
        make_pipeline(DistilBertEmbedder(MODEL), Ridge()).fit(TEXTS, y),
    ):
        for target in (0, 1):
            (record,) = explain_words(estimator, ["the parcel"], target)
            assert record.target == target
            difference = record.score - record.base_value
            assert record.values.sum() == pytest.approx(difference, rel=0.02, abs=1e-4)


def test_values_do_not_depend_on_other_texts_or_threads() -> None:
    classifier = DistilBertClassifier(MODEL, max_iter=10, random_state=0).fit(TEXTS, BINARY)
    texts = ["where is the parcel?", "a longer text about the bill", "lost"]
    together = explain_words(classifier, texts)
    for text, record in zip(texts, together, strict=True):
        (alone,) = explain_words(classifier.set_params(n_threads=1), [text])
        assert record.values.tolist() == alone.values.tolist()


def test_words_that_are_truncated_have_no_value_and_sentences_are_sums() -> None:
    classifier = DistilBertClassifier(MODEL, max_iter=10, random_state=0).fit(TEXTS, BINARY)
    classifier.set_params(max_length=6)
    with pytest.warns(UserWarning, match="truncated"):
        (record,) = explain_words(classifier, ["it is. One two three four five six"])
    assert record.values[5:].tolist() == [0] * (len(record.words) - 5)
    with pytest.warns(UserWarning, match="truncated"):
        (sentences,) = explain_words(classifier, [record.text], unit="sentence")
    assert sentences.words == ["it is.", "One two three four five six"]
    np.testing.assert_allclose(
        sentences.values, [record.values[:3].sum(), record.values[3:].sum()]
    )


@pytest.mark.filterwarnings("ignore::skdistilbert.UnknownTokenWarning")
def test_texts_without_known_words_have_a_reason() -> None:
    classifier = DistilBertClassifier(MODEL, max_iter=1, random_state=0).fit(TEXTS, BINARY)
    records = explain_words(classifier, ["", "\u4e02"])
    assert [record.reason for record in records] == [NO_WORDS, UNKNOWN_WORDS]
    assert [record.error for record in records] == [None, None]


def test_incomplete_values_cause_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrated_gradients, "MAX_ERROR", 0)
    monkeypatch.setattr(integrated_gradients, "MOST_POINTS", 32)
    classifier = DistilBertClassifier(MODEL, max_iter=1, random_state=0).fit(TEXTS, BINARY)
    with pytest.warns(UserWarning, match="1 of 1 texts do not add up"):
        explain_words(classifier, ["parcel"])


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (make_pipeline(TfidfVectorizer(), LogisticRegression()), "TfidfVectorizer -> "),
        (make_pipeline(DistilBertEmbedder(MODEL), RandomForestClassifier(2)), "-> RandomForest"),
        (
            CalibratedClassifierCV(
                make_pipeline(DistilBertEmbedder(MODEL), LogisticRegression()), cv=2
            ),
            "CalibratedClassifierCV",
        ),
        (
            make_pipeline(DistilBertEmbedder(MODEL, pooling="lasttoken"), LogisticRegression()),
            "pooling cls, mean, max; got .*lasttoken",
        ),
        (
            make_pipeline(DistilBertEmbedder(MODEL, long_text="window"), LogisticRegression()),
            "whole texts without windows",
        ),
    ],
)
def test_estimators_without_gradient_are_refused(estimator: Pipeline, message: str) -> None:
    estimator.fit(TEXTS, BINARY)
    with pytest.raises(ValueError, match=f"{message}.*Use method='occlusion'"):
        explain_words(estimator, ["parcel"])


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_values_equal_those_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    classifier = DistilBertClassifier(MODEL, max_iter=20, random_state=0, pooling="cls")
    classifier.fit(TEXTS, CLASSES).save_pretrained(tmp_path)
    model = transformers.DistilBertForSequenceClassification.from_pretrained(tmp_path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    (record,) = explain_words(classifier, ["where is the parcel ?"], "lost")
    ids = torch.tensor([tokenizer(record.text)["input_ids"]])
    masked = ids.clone()
    masked[:, 1:-1] = tokenizer.mask_token_id
    embeddings = model.distilbert.embeddings
    start, end = embeddings(masked).detach(), embeddings(ids).detach()
    column = classifier.classes_.tolist().index("lost")
    total = torch.zeros_like(end)
    n_points = 400
    for point in (np.arange(n_points) + 0.5) / n_points:
        x = (start + point * (end - start)).requires_grad_()
        hook = embeddings.register_forward_hook(lambda *_, x=x: x)
        model(ids).logits[0, column].backward()
        hook.remove()
        total += x.grad / n_points
    tokens = (total * (end - start)).sum(-1)[0].numpy()
    words = np.array(tokenizer(record.text).word_ids()[1:-1])
    expected = np.bincount(words, tokens[1:-1])
    np.testing.assert_allclose(record.values, expected, atol=0.01 * np.abs(expected).sum())
