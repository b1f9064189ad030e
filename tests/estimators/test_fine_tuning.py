"""DistilBertClassifier in training: layers, weights, labels, state, interruptions, callbacks."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skdistilbert import CheckpointError, DistilBertClassifier, load_model
from skdistilbert.estimators.loaded_encoders import load_pretrained_encoder
from skdistilbert.estimators.sklearn_compat import HAS_CALLBACKS
from skdistilbert.estimators.training_options import TrainingOptions

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = np.repeat(["thing", "person", "place"], 3)
INDICATORS = np.array([[i % 2, i > 4, i < 3] for i in range(9)], int)


def quick(model: Path, **params: Any) -> DistilBertClassifier:  # noqa: ANN401
    few = {"max_iter": 20, "batch_size": 5, "learning_rate_init": 5e-3, "random_state": 0}
    return DistilBertClassifier(model, **(few | {"trainable_layers": 2} | params))


@pytest.mark.parametrize("trainable_layers", [1, 5, "all"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_trained_layers_learn(tiny: Path, trainable_layers: Any, pooling: Any) -> None:  # noqa: ANN401
    classifier = quick(
        tiny, trainable_layers=trainable_layers, pooling=pooling, max_iter=40, batch_size=3
    )
    classifier.fit(TEXTS, LABELS)
    assert classifier.score(TEXTS, LABELS) == 1
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 40
    assert classifier.best_loss_ == min(classifier.loss_curve_) < classifier.loss_curve_[0] / 2


def test_frozen_weights_do_not_change(tiny: Path) -> None:
    pretrained = load_model(tiny).weights
    for layers, first in ((2, 3), ("all", 0)):
        tuned = quick(tiny, trainable_layers=layers).fit(TEXTS, LABELS)._encoder.model.weights
        assert set(tuned) == set(pretrained)
        for name, tensor in tuned.items():
            is_layer = name.startswith("transformer.layer.")
            trained = int(name.split(".")[2]) >= first if is_layer else layers == "all"
            assert np.array_equal(tensor, pretrained[name]) != trained, name


@pytest.mark.parametrize("trainable_layers", [2, "all"])
def test_training_does_not_depend_on_threads(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    weights = [
        quick(tiny, trainable_layers=trainable_layers, n_threads=n)
        .fit(TEXTS, LABELS)
        ._encoder.model.weights
        for n in (1, 2, 3)
    ]
    for name, tensor in weights[0].items():
        np.testing.assert_array_equal(weights[1][name], tensor)
        np.testing.assert_array_equal(weights[2][name], tensor)


@pytest.mark.parametrize("trainable_layers", [0, 2, "all"])
def test_pickles_hold_only_changed_weights(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    classifier = quick(tiny, trainable_layers=trainable_layers).fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)
    pickled = pickle.dumps(classifier)
    model = load_model(tiny)
    in_layers = sum(x.nbytes for k, x in model.weights.items() if k.startswith("transformer"))
    words = model.weights["embeddings.word_embeddings.weight"].nbytes
    share = {0: 0, 2: 2 / 5, "all": 1}[trainable_layers]
    assert len(pickled) < share * in_layers + words / 5 + 20_000
    np.testing.assert_array_equal(pickle.loads(pickled).predict_proba(TEXTS), expected)


def test_multilabel(tiny: Path) -> None:
    for y in (INDICATORS, csr_array(INDICATORS)):
        classifier = quick(tiny, max_iter=30).fit(TEXTS, y)
        np.testing.assert_array_equal(classifier.predict(TEXTS), INDICATORS)
        assert classifier.classes_.tolist() == [0, 1, 2]
        probabilities = classifier.predict_proba(TEXTS)
        np.testing.assert_array_equal(probabilities > 0.5, INDICATORS == 1)
        assert classifier.decision_function(TEXTS).shape == (9, 3)
        assert classifier.score(TEXTS, INDICATORS) == 1
    assert quick(tiny).fit(TEXTS, INDICATORS[:, :2]).decision_function(TEXTS).shape == (9, 2)


def test_texts_of_weight_zero_have_no_effect(tiny: Path) -> None:
    weights = np.array([1, 1, 0] * 3)
    weighted = quick(tiny).fit(TEXTS, LABELS, sample_weight=weights)
    absent = quick(tiny).fit(
        [t for t, w in zip(TEXTS, weights, strict=True) if w], LABELS[weights > 0]
    )
    np.testing.assert_allclose(
        weighted.predict_proba(TEXTS), absent.predict_proba(TEXTS), atol=1e-6
    )


def test_the_scale_of_weights_does_not_matter(tiny: Path) -> None:
    weights = np.linspace(0.5, 1.5, 9)
    first, second = (
        quick(tiny).fit(TEXTS, LABELS, sample_weight=scale * weights).predict_proba(TEXTS)
        for scale in (1, 100)
    )
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_weights_increase_the_probability_of_their_class(tiny: Path) -> None:
    same, labels = ["one text"] * 8, ["a"] * 6 + ["b"] * 2
    unweighted = quick(tiny).fit(same, labels).predict_proba(same[:1])[0]
    balanced = quick(tiny, class_weight="balanced").fit(same, labels).predict_proba(same[:1])[0]
    by_hand = quick(tiny).fit(same, labels, sample_weight=[1] * 6 + [3] * 2)
    heavy = quick(tiny, class_weight={"b": 27}).fit(same, labels).predict_proba(same[:1])[0]
    assert unweighted[1] < 0.35 < balanced[1] < 0.65 < heavy[1]
    np.testing.assert_allclose(by_hand.predict_proba(same[:1])[0], balanced, atol=1e-3)


def test_sample_weight_is_routed(tiny: Path) -> None:
    with config_context(enable_metadata_routing=True):
        classifier = quick(tiny, max_iter=2)
        classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        weights = np.ones(9)
        search = GridSearchCV(classifier, {"trainable_layers": [0, 1]}, cv=3, error_score="raise")
        search.fit(TEXTS, LABELS, sample_weight=weights)
        make_pipeline(classifier).fit(TEXTS, LABELS, sample_weight=weights)
        scores = cross_val_score(
            classifier, TEXTS, LABELS, cv=3, params={"sample_weight": weights}
        )
        assert scores.shape == (3,)


def test_early_stopping_keeps_the_best_epoch(tiny: Path) -> None:
    texts, labels = TEXTS * 5, np.tile(LABELS, 5)
    classifier = quick(
        tiny, early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, max_iter=100
    ).fit(texts, labels)
    scores = classifier.validation_scores_
    assert scores is not None
    assert classifier.n_iter_ == len(scores) < 100
    assert classifier.best_validation_score_ == max(scores) == 1
    assert classifier.best_loss_ is None
    assert quick(tiny).fit(TEXTS, LABELS).validation_scores_ is None


def test_early_stopping_names_the_classes_with_one_text(tiny: Path) -> None:
    labels = ["a"] * 4 + ["b"] * 4 + ["rare"]
    with pytest.raises(ValueError, match="at least 2 texts; got only 1 of 'rare'. Add texts"):
        quick(tiny, early_stopping=True, validation_fraction=0.4).fit(TEXTS, labels)


@pytest.mark.parametrize(("fraction", "n_held_out"), [(0.1, 1), (0.9, 9)])
def test_early_stopping_holds_out_a_text_for_each_class(
    tiny: Path, fraction: float, n_held_out: int
) -> None:
    classifier = quick(tiny, early_stopping=True, validation_fraction=fraction)
    message = f"={fraction} holds out {n_held_out} of 9 texts, but at least 3 texts.*Change val"
    with pytest.raises(ValueError, match=message):
        classifier.fit(TEXTS, LABELS)


def test_warm_start_continues(tiny: Path) -> None:
    classifier = quick(tiny, warm_start=True, trainable_layers="all").fit(TEXTS, LABELS)
    loss = classifier.loss_curve_[-1]
    tuned = dict(classifier._encoder.model.weights)
    classifier.set_params(max_iter=1, trainable_layers=1).fit(TEXTS, LABELS)
    assert classifier.loss_curve_[0] < 2 * loss + 0.1
    now = classifier._encoder.model.weights
    changed = {name for name, tensor in now.items() if not np.array_equal(tensor, tuned[name])}
    assert changed
    assert all(name.startswith("transformer.layer.4.") for name in changed)
    with pytest.raises(ValueError, match="warm_start needs the classes of the first fit"):
        classifier.fit(TEXTS, ["a", "b", "c"] * 3)
    classifier.set_params(warm_start=False, max_iter=1).fit(TEXTS, LABELS)
    assert classifier.loss_curve_[0] > 2 * loss


@pytest.mark.parametrize("trainable_layers", [1, "all"])
def test_partial_fit(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    classifier = quick(tiny, trainable_layers=trainable_layers, learning_rate_init=2e-3)
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        classifier.partial_fit(TEXTS, LABELS)
    classes = np.unique(LABELS)
    for epoch in range(40):
        rows = slice(0, 6) if epoch % 2 else slice(3, 9)
        classifier.partial_fit(TEXTS[rows], LABELS[rows], classes=classes)
    assert classifier.score(TEXTS, LABELS) == 1
    assert classifier.n_iter_ == 40
    again = pickle.loads(pickle.dumps(classifier))
    again.partial_fit(TEXTS, LABELS)
    assert again.score(TEXTS, LABELS) == 1
    with pytest.raises(
        ValueError, match=r"labels that are among the classes .*; got \['animal'\]"
    ):
        classifier.partial_fit(TEXTS[:2], ["thing", "animal"])


def test_class_weights_in_partial_fit(tiny: Path) -> None:
    same, classes = ["one text"], ["a", "b"]
    heavy, light = (
        quick(tiny, class_weight={"a": weight}, learning_rate_init=1e-3) for weight in (5, 0.2)
    )
    for classifier in (heavy, light):
        for _ in range(20):
            classifier.partial_fit(same, ["a"], classes=classes)
            classifier.partial_fit(same, ["b"])
    assert heavy.predict_proba(same)[0, 0] > light.predict_proba(same)[0, 0] + 0.2


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_partial_fit_rejects_options_that_need_all_texts(tiny: Path) -> None:
    classes = np.unique(LABELS)
    for params in ({"class_weight": "balanced"}, {"early_stopping": True}):
        with pytest.raises(ValueError, match="partial_fit sees only some of the texts"):
            quick(tiny, **params).partial_fit(TEXTS, LABELS, classes)
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        quick(tiny).partial_fit(TEXTS, np.array([[n] for n in range(9)]))
    classifier = quick(tiny).partial_fit(TEXTS, LABELS, classes)
    with pytest.raises(ValueError, match=r"classes of the first call.*\['person', .*got \['a'"):
        classifier.partial_fit(TEXTS, LABELS, ["a", *classes])


def test_class_weights_of_multilabel_columns(tiny: Path) -> None:
    same, y = ["one text"] * 4, np.array([[1, 0], [0, 1], [0, 0], [1, 1]])
    of_first = [{0: 0.1, 1: 1}, {0: 1, 1: 1}]
    probabilities = quick(tiny, class_weight=of_first).fit(same, y).predict_proba(same)[0]
    assert probabilities[0] > 0.75
    assert quick(tiny, class_weight="balanced").fit(same, y).predict(same).shape == (4, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": LABELS[:5]},
        {"y": None},
        {"y": LABELS, "sample_weight": np.ones(4)},
        {"y": LABELS, "sample_weight": ["much"] * 9},
    ],
)
def test_an_invalid_argument_keeps_the_previous_fit(tiny: Path, wrong: dict[str, Any]) -> None:
    classifier = quick(tiny, max_iter=1, class_weight="balanced").fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="inconsistent|is None|sample_weight|convert"):
        classifier.fit(TEXTS, **wrong)
    assert classifier.predict(TEXTS).shape == (9,)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_errors_name_the_row_of_the_argument(tiny: Path, early_stopping: bool) -> None:
    texts, weights = [*TEXTS[:8], "\ud800"], [0, 0, 0, 1, 1, 1, 1, 1, 1]
    labels = ["a", "b"] * 4 + ["b"]
    classifier = quick(tiny, early_stopping=early_stopping, validation_fraction=0.4)
    with pytest.raises(ValueError, match=r"Row 8: it holds the lone surrogate U\+D800"):
        classifier.fit(texts, labels, sample_weight=weights)


def test_verbose_prints_every_epoch(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick(tiny, max_iter=2, verbose=True).fit(TEXTS, LABELS)
    lines = capsys.readouterr().err.splitlines()
    begins = ["DistilBertClassifier", "Epoch 1 of 2", "Epoch 2 of 2"]
    assert [line.split(",")[0].split(":")[0] for line in lines] == begins
    quick(tiny, max_iter=1).fit(TEXTS, LABELS)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_callbacks(tiny: Path) -> None:
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    classifier = quick(tiny, trainable_layers="all").set_callbacks(monitor)
    classifier.fit(TEXTS, LABELS, sample_weight=[0, *[1] * 8])
    rows = monitor.get_logs().data
    scores = [row["accuracy"] for row in rows if row["task_name"] == "epoch"]
    assert len(scores) == 20
    assert scores[0] < scores[-1] == 1
    assert hasattr(clone(classifier), "_skl_callbacks")


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_a_callback_can_stop_training(tiny: Path) -> None:
    class StopAfterTwo:
        def setup(self, estimator: Any, context: Any) -> None: ...  # noqa: ANN401
        def teardown(self, estimator: Any, context: Any) -> None: ...  # noqa: ANN401
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...  # noqa: ANN401

        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:  # noqa: ANN401, ARG002
            return context.task_id == 1

    classifier = quick(tiny).set_callbacks(StopAfterTwo()).fit(TEXTS, LABELS)
    assert classifier.n_iter_ == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"trainable_layers": 6}, "trainable_layers must be at most 5"),
        ({"trainable_layers": "top"}, "trainable_layers must be int .*or \"auto\"; got 'top'"),
        ({"trainable_layers": -1}, "trainable_layers must be int of at least 0, .* or .*; got -1"),
        ({"pooling": None}, "pooling must be .*'cls', 'mean', .*; got None"),
        ({"pooling": "weightedmean"}, "which needs trainable_layers=0"),
        ({"learning_rate_init": 0.0}, "learning_rate_init must be float above 0 or .*; got 0.0"),
        ({"batch_size": 0}, "batch_size must be int of at least 1 or .*; got 0"),
        ({"max_iter": 0}, "max_iter must be int of at least 1 or .*; got 0"),
        ({"class_weight": "even"}, "class_weight must be dict of .*; got 'even'"),
        ({"class_weight": [{0: 1, 1: 2}]}, r"class_weight .* one label; got \[\{0: 1, 1: 2\}\]"),
        ({"class_weight": []}, r"class_weight must be a dict, .* one label; got \[\]"),
        ({"learning_rate_init": 1e30, "alpha": 0}, "Training diverged"),
        ({"alpha": 1e9}, r"alpha \* learning_rate_init must be at most 1.*got alpha=1000000000.0"),
    ],
)
def test_wrong_parameters(tiny: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick(tiny, **params).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        (None, None, "requires y to be passed, but the target y is None"),
        (np.linspace(0, 1, 9), None, "Unknown label type: continuous"),
        (LABELS[:5], None, "inconsistent numbers of samples"),
        ([float("nan"), *range(8)], None, r"1 of 9 labels \(row 0\) is missing"),
        (["a", None, "b"] * 3, None, r"3 of 9 labels \(rows 1, 4, 7\) are missing"),
        (["a", 1, "b"] * 3, None, "labels of one type; got 'b', a string, and 1"),
        (np.arange(18).reshape(9, 2), None, "one label for each text, or be an indicator matrix"),
        (
            2 * INDICATORS - 1,
            None,
            "one label for each text, or be an indicator matrix of 0 and 1",
        ),
        (INDICATORS + 1, None, "one label for each text, or be an indicator matrix of 0 and 1"),
        (LABELS, np.ones(4), "sample_weight.shape"),
        (LABELS, -np.ones(9), "[Nn]egative"),
        (LABELS, np.zeros(9), "above 0|at least one non-zero number"),
    ],
)
def test_wrong_targets(tiny: Path, y: Any, weights: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        quick(tiny).fit(TEXTS, y, sample_weight=weights)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["thing", 1, "person"], "classes must have labels of one type; got 'person', .* 1"),
        (["thing", "person", "place", None], r"classes .* 1 of 4 labels \(row 3\) is missing"),
    ],
)
def test_wrong_classes_of_partial_fit(tiny: Path, classes: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quick(tiny).partial_fit(TEXTS, LABELS, classes=classes)


@pytest.mark.parametrize(
    ("trainable_layers", "n_texts", "n_epochs"),
    [(0, 100, 100), ("all", 10_000, 3), (2, 500, 8), ("all", 64, 30), ("all", 1, 30)],
)
def test_default_number_of_epochs(
    tiny: Path,
    trainable_layers: Any,  # noqa: ANN401
    n_texts: int,
    n_epochs: int,
) -> None:
    encoder = load_pretrained_encoder(tiny)
    classifier = DistilBertClassifier(trainable_layers=trainable_layers)
    assert TrainingOptions.resolve(classifier, encoder).n_epochs(n_texts) == n_epochs
    classifier.set_params(max_iter=7)
    assert TrainingOptions.resolve(classifier, encoder).n_epochs(n_texts) == 7


def test_a_warm_start_needs_the_same_model(tiny: Path) -> None:
    classifier = quick(tiny, warm_start=True, max_iter=1).fit(TEXTS, LABELS)
    classifier.set_params(model=tiny.with_name("distilbert-tiny-masked-lm"))
    with pytest.raises(CheckpointError, match="these are not the weights"):
        classifier.fit(TEXTS, LABELS)
