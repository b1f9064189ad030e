"""DistilBertClassifier with its defaults: layers trained on cosines, then a linear head."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from skdistilbert import DistilBertClassifier, DistilBertEmbedder, TruncationWarning, load_model
from skdistilbert.estimators.sklearn_compat import HAS_CALLBACKS

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = np.repeat(["thing", "person", "place"], 3)


def test_the_upper_half_of_the_layers_is_trained(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, random_state=0).fit(TEXTS, LABELS)
    assert classifier.score(TEXTS, LABELS) == 1
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 40
    pretrained, tuned = load_model(tiny).weights, classifier._encoder.model.weights
    changed = {name for name in tuned if not np.array_equal(tuned[name], pretrained[name])}
    assert {name.split(".")[2] for name in changed} == {"2", "3", "4"}  # of five layers


def test_the_result_depends_on_the_random_state_only(tiny: Path) -> None:
    def fit(random_state: int, n_threads: int) -> np.ndarray:
        parameters = {"random_state": random_state, "n_threads": n_threads, "max_iter": 3}
        classifier = DistilBertClassifier(tiny, **parameters).fit(TEXTS, LABELS)
        again = pickle.loads(pickle.dumps(classifier)).predict_proba(TEXTS)
        np.testing.assert_array_equal(again, classifier.predict_proba(TEXTS))
        return again

    np.testing.assert_array_equal(fit(0, 1), fit(0, 2))
    assert not np.array_equal(fit(0, 1), fit(1, 1))


def test_a_head_alone_is_a_logistic_regression(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, trainable_layers=0, random_state=0)
    logits = classifier.fit(TEXTS, LABELS).decision_function(TEXTS)
    features = DistilBertEmbedder(tiny, pooling="mean").fit_transform(TEXTS)
    weights, bias = classifier.head_.classifier.weight, classifier.head_.classifier.bias
    np.testing.assert_allclose(features @ weights.T + bias, logits, atol=1e-4)
    assert classifier.n_iter_ == 1


@pytest.mark.parametrize("option", ["early_stopping", "warm_start"])
def test_options_of_adamw_train_layers_and_head_together(tiny: Path, option: str) -> None:
    texts, labels = TEXTS * 4, np.tile(LABELS, 4)
    parameters = {option: True, "max_iter": 2, "random_state": 0}
    classifier = DistilBertClassifier(tiny, **parameters).fit(texts, labels)
    assert classifier.n_iter_ == 2
    assert (classifier.validation_scores_ is not None) == (option == "early_stopping")


@pytest.mark.parametrize("labels", [["a"] * 9, [f"label {index}" for index in range(9)]])
def test_without_texts_to_compare_only_the_head_is_trained(tiny: Path, labels: list[str]) -> None:
    classifier = DistilBertClassifier(tiny, random_state=0).fit(TEXTS, labels)
    assert not classifier._encoder.changes
    assert classifier.score(TEXTS, labels) == 1


@pytest.mark.parametrize("trainable_layers", ["auto", 0])
def test_multi_label_targets(tiny: Path, trainable_layers: int | Literal["auto"]) -> None:
    indicators = np.array([[i % 3 == 0, i % 3 < 2] for i in range(9)], int)
    classifier = DistilBertClassifier(tiny, trainable_layers=trainable_layers, random_state=0)
    predicted = classifier.fit(TEXTS, indicators).predict(TEXTS)
    np.testing.assert_array_equal(predicted[:, 1], indicators[:, 1])
    assert (classifier._encoder.changes == {}) == (trainable_layers == 0)


def test_weights_reach_the_head(tiny: Path) -> None:
    same, labels = ["one text", "another text"] * 8, ["a"] * 12 + ["b"] * 4
    parameters = {"random_state": 0, "max_iter": 1}
    plain = DistilBertClassifier(tiny, **parameters).fit(same, labels)
    heavy = DistilBertClassifier(tiny, class_weight="balanced", **parameters).fit(same, labels)
    by_hand = DistilBertClassifier(tiny, **parameters)
    by_hand.fit(same, labels, sample_weight=[2 / 3] * 12 + [2] * 4)
    shown = [each.predict_proba(same[:2])[:, 1] for each in (plain, heavy, by_hand)]
    assert (shown[0] < 0.4).all()
    np.testing.assert_allclose(shown[1], 0.5, atol=0.1)
    np.testing.assert_allclose(shown[2], shown[1], atol=1e-4)


def test_partial_fit_trains_the_head_of_a_fitted_encoder(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, random_state=0).fit(TEXTS, LABELS)
    changes = dict(classifier._encoder.changes)
    classifier.partial_fit(TEXTS, LABELS)
    assert classifier._encoder.changes.keys() == changes.keys()
    assert classifier.score(TEXTS, LABELS) == 1
    first = DistilBertClassifier(tiny, random_state=0)
    first.partial_fit(TEXTS, LABELS, classes=np.unique(LABELS))
    assert not first._encoder.changes


def test_the_pooling_is_that_of_the_checkpoint(tiny: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    DistilBertClassifier(tiny, pooling="cls", max_iter=1).fit(TEXTS, LABELS).to_embedder(directory)
    fitted = DistilBertClassifier(directory, max_iter=1).fit(TEXTS, LABELS)
    assert fitted.pooling_ == "cls"
    assert pickle.loads(pickle.dumps(fitted)).pooling_ == "cls"


def test_truncated_texts_are_named_once(tiny: Path) -> None:
    with pytest.warns(TruncationWarning, match="1 of 9 texts was truncated") as caught:
        DistilBertClassifier(tiny, max_length=8, max_iter=1).fit(
            [*TEXTS[:-1], "one text that is longer than all the others"], LABELS
        )
    assert len(caught) == 1


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_callbacks_score_the_head_of_every_epoch(tiny: Path) -> None:
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    DistilBertClassifier(tiny, max_iter=4, random_state=0).set_callbacks(monitor).fit(
        TEXTS, LABELS
    )
    rows = monitor.get_logs().data
    assert len([row for row in rows if row["task_name"] == "epoch"]) == 4


def test_a_pooling_without_gradient_trains_the_head_only(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, pooling="weightedmean").fit(TEXTS, LABELS)
    assert not classifier._encoder.changes
