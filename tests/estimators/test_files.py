"""Files of fitted estimators hold no pretrained weights."""

from __future__ import annotations

import gc
import pickle
import shutil
import weakref
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertModel,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
    load_model,
)
from skdistilbert.estimators import SKOPS_TRUSTED, loaded_encoders
from skdistilbert.estimators.loaded_encoders import N_KEPT
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Estimator = DistilBertEmbedder | DistilBertClassifier

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = [label for label in ("thing", "person", "place") for _ in range(3)]
TINY = str(DATA / "distilbert-tiny")
SMALL = 20_000  # bytes


def classifier(model: Path) -> DistilBertClassifier:
    return DistilBertClassifier(model, trainable_layers=0, random_state=0)


@pytest.fixture(params=[DistilBertEmbedder, classifier], ids=["embedder", "classifier"])
def estimator(request: pytest.FixtureRequest, tiny: Path) -> Estimator:
    fitted: Estimator = request.param(tiny).fit(TEXTS, LABELS)
    return fitted


@pytest.fixture
def pipeline(tiny: Path) -> Any:  # noqa: ANN401
    return make_pipeline(DistilBertEmbedder(tiny), LogisticRegression()).fit(TEXTS, LABELS)


def result(estimator: Estimator) -> np.ndarray:
    if isinstance(estimator, DistilBertEmbedder):
        return estimator.transform(TEXTS)
    return estimator.decision_function(TEXTS)


def with_joblib(estimator: object) -> bytes:
    file = BytesIO()
    joblib.dump(estimator, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("dump", "load"),
    [(pickle.dumps, pickle.loads), (with_joblib, lambda content: joblib.load(BytesIO(content)))],
    ids=["pickle", "joblib"],
)
def test_files_are_small_and_predict_the_same(
    estimator: Estimator,
    pipeline: Any,  # noqa: ANN401
    dump: Callable[[object], bytes],
    load: Callable[[bytes], Any],
) -> None:
    assert len(dump(estimator)) < SMALL
    np.testing.assert_allclose(result(load(dump(estimator))), result(estimator), atol=1e-5)
    assert len(dump(pipeline)) < SMALL
    assert load(dump(pipeline)).predict(TEXTS).tolist() == pipeline.predict(TEXTS).tolist()


@pytest.mark.minilm
def test_files_with_real_weights_are_small(minilm: Path) -> None:
    pipeline = make_pipeline(DistilBertEmbedder(minilm), LogisticRegression()).fit(TEXTS, LABELS)
    assert len(pickle.dumps(pipeline)) < SMALL
    assert len(with_joblib(pipeline)) < SMALL
    fitted = classifier(minilm).fit(TEXTS, LABELS)
    assert len(pickle.dumps(fitted)) < SMALL


def test_clones_are_not_fitted(estimator: Estimator) -> None:
    assert not hasattr(clone(estimator), "fingerprint_")


def test_a_file_verifies_its_weights(estimator: Estimator, tmp_path: Path, tiny: Path) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    file = pickle.dumps(estimator.set_params(model=directory).fit(TEXTS, LABELS))
    shutil.rmtree(directory)
    with pytest.raises(CheckpointError, match=r"is not a directory.* set_params\(model=...\)"):
        result(pickle.loads(file))
    shutil.copytree(DATA / "distilbert-tiny-masked-lm", directory)
    with pytest.raises(CheckpointError, match="these are not the weights that this DistilBert"):
        result(pickle.loads(file))
    moved = pickle.loads(file).set_params(model=tiny)
    np.testing.assert_allclose(result(moved), result(estimator), atol=1e-5)


@pytest.mark.parametrize("pickled", [False, True])
def test_another_model_needs_another_fit(
    estimator: Estimator, pickled: bool, tmp_path: Path, tiny: Path
) -> None:
    expected = result(estimator)
    if pickled:
        estimator = pickle.loads(pickle.dumps(estimator))
    for other, reason in (
        (
            tiny.with_name("distilbert-tiny-masked-lm"),
            "these are not the weights that this DistilB",
        ),
        (tmp_path / "missing", "is not a directory"),
        ("mini", "these are not the weights that this DistilBert"),
    ):
        estimator.set_params(model=other)
        for _ in range(2):
            with pytest.raises(CheckpointError, match=rf"{reason}.* fit again\."):
                result(estimator)
    for same in (shutil.copytree(tiny, tmp_path / "moved"), str(tiny)):
        estimator.set_params(model=same)
        np.testing.assert_allclose(result(estimator), expected, atol=1e-5)
    estimator.set_params(model="mini").fit(TEXTS, LABELS)
    assert result(estimator).shape[0] == 9


def test_a_fine_tuned_estimator_accepts_only_moved_weights(tmp_path: Path, tiny: Path) -> None:
    tuned = DistilBertClassifier(tiny, trainable_layers="all", max_iter=2).fit(TEXTS, LABELS)
    expected = result(tuned)
    tuned.set_params(model=shutil.copytree(tiny, tmp_path / "moved"))
    np.testing.assert_allclose(result(tuned), expected, atol=1e-5)
    for method in (tuned.save_pretrained, tuned.to_embedder):
        with pytest.raises(CheckpointError, match=r"fit again\."):
            tuned.set_params(model="mini", pooling="cls") and method(tmp_path / "saved")
    with pytest.raises(CheckpointError, match=r"fit again\."):
        tuned.partial_fit(TEXTS, LABELS)


def test_weights_move_from_the_hub_to_a_directory(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repo, commit = tmp_path / "models--owner--name", "0" * 40
    shutil.copytree(tiny, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    embedder = DistilBertEmbedder("owner/name")
    expected = embedder.fit_transform(TEXTS)
    assert embedder.revision_ == commit
    moved = pickle.loads(pickle.dumps(embedder)).set_params(model=tiny)
    np.testing.assert_allclose(moved.transform(TEXTS), expected, atol=1e-5)


def test_a_process_keeps_one_copy_of_the_recent_checkpoints(tmp_path: Path, tiny: Path) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    (tmp_path / "link").symlink_to(directory)
    estimators = [
        DistilBertEmbedder(directory).fit(TEXTS),
        DistilBertEmbedder(tmp_path / "link", pooling="cls").fit(TEXTS),
        DistilBertEmbedder(directory / ".." / "model").fit(TEXTS),
        classifier(directory).fit(TEXTS, LABELS),
    ]
    estimators.append(pickle.loads(pickle.dumps(estimators[0])))
    result(estimators[-1])
    encoders = {id(estimator._encoder.pretrained) for estimator in estimators}
    assert len(encoders) == 1
    encoder = weakref.ref(estimators[0]._encoder.pretrained)
    while estimators:
        assert encoder() is not None
        estimators.pop()
    for number in range(N_KEPT):  # N_KEPT other encoders replace it
        other = shutil.copytree(tiny, tmp_path / f"other{number}")
        assert encoder() is not None
        DistilBertEmbedder(other).fit(TEXTS)
    gc.collect()
    assert encoder() is None


def test_a_changed_file_is_loaded_again(tmp_path: Path, tiny: Path) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    before = DistilBertEmbedder(directory).fit(TEXTS)
    model = load_model(directory)
    weights = {name: -tensor for name, tensor in model.weights.items()}
    DistilBertModel(model.config, weights).save_pretrained(directory)
    after = DistilBertEmbedder(directory).fit(TEXTS)
    assert after.fingerprint_ != before.fingerprint_
    assert np.abs(after.transform(TEXTS) - before.transform(TEXTS)).max() > 0.01


def test_a_second_fit_does_not_read_the_weights_again(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    DistilBertEmbedder(directory).fit(TEXTS)
    gc.collect()
    monkeypatch.setattr(
        loaded_encoders, "read_checkpoint", lambda *_, **__: pytest.fail("read again")
    )
    DistilBertEmbedder(directory).fit(TEXTS)


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (make_pipeline(DistilBertEmbedder(TINY), LogisticRegression()), LABELS),
        (DistilBertClassifier(TINY, max_iter=2), LABELS),
        (DistilBertClassifier(TINY, max_iter=2), np.eye(3, dtype=int)[[0, 1, 2] * 3]),
        (DistilBertClassifier(TINY, max_iter=2, trainable_layers=1), LABELS),
        (DistilBertClassifier(TINY, max_iter=2, trainable_layers="all"), LABELS),
        (DistilBertRegressor(TINY, max_iter=2), np.arange(9.0)),
        (DistilBertZeroShotClassifier(TINY), LABELS),
    ],
    ids=[
        "pipeline",
        "classifier",
        "multi-label",
        "one layer",
        "all layers",
        "regressor",
        "zero-shot",
    ],
)
def test_skops_files(estimator: Any, y: Any) -> None:  # noqa: ANN401
    io = pytest.importorskip("skops.io")
    content = io.dumps(estimator.fit(TEXTS, y))
    assert {*io.get_untrusted_types(data=content)} <= {*SKOPS_TRUSTED}
    loaded = io.loads(content, trusted=SKOPS_TRUSTED)
    assert type(loaded) is type(estimator)
    method = "predict_proba" if is_classifier(estimator) else "predict"
    np.testing.assert_allclose(
        getattr(loaded, method)(TEXTS), getattr(estimator, method)(TEXTS), atol=1e-5
    )


def test_skops_files_of_words(tiny: Path) -> None:
    io = pytest.importorskip("skops.io")
    words = [text.split() for text in TEXTS]
    labels = [["O" if len(word) > 2 else "B-SHORT" for word in text] for text in words]
    tagger = DistilBertTokenClassifier(str(tiny), max_iter=2).fit(words, labels)
    loaded = io.loads(io.dumps(tagger), trusted=SKOPS_TRUSTED)
    assert loaded.predict(words) == tagger.predict(words)


def test_the_trusted_types_exist() -> None:
    for name in SKOPS_TRUSTED:
        module, _, attribute = name.rpartition(".")
        assert isinstance(getattr(import_module(module), attribute), type)
