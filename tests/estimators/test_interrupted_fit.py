"""Ctrl-C in `fit` and `partial_fit`: KeyboardInterrupt is raised; the estimator stays usable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
)
from skdistilbert.estimators import encoder_tuner
from skdistilbert.nn.training import Observer, Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = np.repeat(["thing", "person", "place"], 3)
ESTIMATORS: list[tuple[type, Any, Any]] = [
    (DistilBertClassifier, TEXTS, LABELS),
    (DistilBertContrastiveEmbedder, TEXTS, LABELS),
    (DistilBertRegressor, TEXTS, np.arange(9.0)),
    (DistilBertTokenClassifier, [[text] for text in TEXTS], [[label] for label in LABELS]),
]


def quick(cls: Any, model: Path, **params: Any) -> Any:  # noqa: ANN401
    few = {"max_iter": 20, "batch_size": 5, "learning_rate_init": 5e-3, "random_state": 0}
    return cls(model, **(few | {"trainable_layers": "all"} | params))


def results(estimator: Any, X: Any) -> np.ndarray:  # noqa: ANN401
    if hasattr(estimator, "transform"):
        return np.round(estimator.transform(X), 4)
    return np.hstack(estimator.predict(X))


def note_of(error: pytest.ExceptionInfo[KeyboardInterrupt]) -> str:
    (note,) = error.value.__notes__
    return note


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Send SIGINT after the numbers of epochs in this list."""
    epochs: list[int] = []

    class Interrupting(encoder_tuner.FitObserver):
        def end_epoch(self, history: Any) -> bool:  # noqa: ANN401
            if len(history.losses) in epochs:
                signal.raise_signal(signal.SIGINT)
            return Observer.end_epoch(self, history)

    monkeypatch.setattr(encoder_tuner, "FitObserver", Interrupting)
    return epochs


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_an_interrupted_fit_is_not_a_fit(
    tiny: Path,
    signals: list[int],
    cls: Any,  # noqa: ANN401
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
) -> None:
    estimator = quick(cls, tiny, max_iter=3).fit(X, y)
    signals.append(2)
    with pytest.raises(KeyboardInterrupt) as error:
        estimator.fit(X, y)
    assert "after 2 complete epochs. The estimator is not fitted. Set warm" in note_of(error)
    with pytest.raises(NotFittedError):
        results(estimator, X)
    signals.clear()
    expected = results(quick(cls, tiny, max_iter=3).fit(X, y), X)
    np.testing.assert_array_equal(results(estimator.fit(X, y), X), expected)


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_a_warm_start_keeps_the_weights_so_far(
    tiny: Path,
    signals: list[int],
    cls: Any,  # noqa: ANN401
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
) -> None:
    signals.append(15)
    estimator = quick(cls, tiny, warm_start=True, max_iter=1000, learning_rate_init=1e-3)
    with pytest.raises(KeyboardInterrupt) as error:
        estimator.fit(X, y)
    assert "keeps the latest weights; call fit again" in note_of(error)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 15
    assert len(results(estimator, X)) == len(X)
    loss = estimator.loss_curve_[0]
    signals.clear()
    estimator.set_params(max_iter=1, learning_rate_init=1e-9).fit(X, y)
    assert estimator.loss_curve_[0] < loss


def test_an_interrupted_warm_start_with_early_stopping_keeps_the_best_weights(
    tiny: Path, signals: list[int]
) -> None:
    signals.append(6)
    classifier = quick(
        DistilBertClassifier, tiny, warm_start=True, early_stopping=True, validation_fraction=0.4
    )
    with pytest.raises(KeyboardInterrupt) as error:
        classifier.fit(TEXTS, LABELS)
    assert "keeps the best weights" in note_of(error)
    assert classifier.best_validation_score_ == max(classifier.validation_scores_)


def test_an_interrupted_search_ends(tiny: Path, signals: list[int]) -> None:
    for warm_start in (False, True):
        signals[:] = [3]
        classifier = quick(DistilBertClassifier, tiny, max_iter=4, warm_start=warm_start)
        search = GridSearchCV(classifier, {"alpha": [0.0, 0.01]}, cv=3)
        with pytest.raises(KeyboardInterrupt):
            search.fit(TEXTS, LABELS)
        assert not hasattr(search, "cv_results_")


def test_an_interrupted_partial_fit_keeps_the_weights_so_far(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = np.unique(LABELS)
    classifier = quick(DistilBertClassifier, tiny, batch_size=1)
    classifier.partial_fit(TEXTS, LABELS, classes)
    before = classifier.predict_proba(TEXTS)
    step, steps = Trainer.step, []

    def interrupting(trainer: Trainer, *args: Any) -> float:  # noqa: ANN401
        loss = step(trainer, *args)
        steps.append(loss)
        if len(steps) == 4:
            signal.raise_signal(signal.SIGINT)
        return loss

    monkeypatch.setattr(Trainer, "step", interrupting)
    with pytest.raises(KeyboardInterrupt):
        classifier.partial_fit(TEXTS, LABELS)
    assert len(steps) == 4
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 1
    now = classifier.predict_proba(TEXTS)
    assert np.abs(now - before).max() > 1e-3
    tuned = classifier._encoder.model.weights["transformer.layer.4.ffn.lin1.weight"]
    current = classifier._fine_tuning.network.layers[4].lin1.weight
    np.testing.assert_array_equal(tuned, current)
    assert classifier.partial_fit(TEXTS, LABELS).n_iter_ == 2


SCRIPT = """
import sys, warnings
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from skdistilbert import DistilBertClassifier

class Started(DistilBertClassifier):
    def fit(self, X, y):
        print("fit", flush=True)
        return super().fit(X, y)

texts = ["what is it", "who is it"] * 50
classifier = Started(
    sys.argv[1], trainable_layers="all", max_iter=100_000, warm_start=sys.argv[2] == "True"
)
search = GridSearchCV(classifier, {"alpha": [0.0, 0.01]}, cv=2)
try:
    search.fit(texts, [0, 1] * 50)
except KeyboardInterrupt:
    print("search interrupted", hasattr(search, "cv_results_"), flush=True)
try:
    classifier.fit(texts, [0, 1] * 50)
except KeyboardInterrupt:
    print("fit interrupted", flush=True)
try:
    print("predicted", len(classifier.predict(texts)), flush=True)
except NotFittedError:
    print("not fitted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize(("warm_start", "last"), [(False, "not fitted"), (True, "predicted 100")])
def test_ctrl_c_ends_a_search_in_a_process(tiny: Path, warm_start: bool, last: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", SCRIPT, str(tiny), str(warm_start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for expected in ("search interrupted False", None):
            assert process.stdout.readline() == "fit\n"
            time.sleep(2)
            process.send_signal(signal.SIGINT)
            if expected:
                assert process.stdout.readline() == f"{expected}\n"
        assert process.communicate(timeout=60)[0] == f"fit interrupted\n{last}\n"
    assert process.returncode == 0
