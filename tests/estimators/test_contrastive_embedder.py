"""DistilBertContrastiveEmbedder: texts of the same class get similar features."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.estimators.contrastive_training import (
    contrastive_loss,
    label_separation,
    loss_of_labels,
)
from skdistilbert.estimators.sklearn_compat import HAS_CALLBACKS
from skdistilbert.tasks.embedding_plan import plan_embedding

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"{a} {b}" for a in ("what", "who", "where") for b in ("is it", "would you do", "then")]
LABELS = np.repeat(["thing", "person", "place"], 3)


def quick(model: Path | str, **params: Any) -> DistilBertContrastiveEmbedder:  # noqa: ANN401
    few: dict[str, Any] = {"max_iter": 15, "learning_rate_init": 2e-3, "random_state": 0}
    return DistilBertContrastiveEmbedder(model, **few | params)


def mean_cosines(units: np.ndarray, labels: np.ndarray = LABELS) -> tuple[float, float]:
    """Return the mean cosine of texts of the same class, and of texts of different classes."""
    cosines, same = units @ units.T, labels[:, None] == labels
    return float(cosines[same & ~np.eye(len(units), dtype=bool)].mean()), float(
        cosines[~same].mean()
    )


@pytest.mark.parametrize(
    "params",
    [
        {"trainable_layers": 2},
        {"pooling": "cls"},
        {"pooling": "max"},
        {"batch_size": 4},
        {"loss": "supervised"},
    ],
    ids=str,
)
def test_texts_of_a_class_become_similar(tiny: Path, params: dict[str, Any]) -> None:
    embedder = quick(tiny, **params)
    units = embedder.fit_transform(TEXTS, LABELS)
    assert units.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(units, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(embedder.transform(TEXTS), units, atol=1e-5)
    same, different = mean_cosines(units)
    assert same - different > 0.5
    assert embedder.n_iter_ == len(embedder.loss_curve_) == 15
    assert embedder.best_loss_ == min(embedder.loss_curve_) < embedder.loss_curve_[0]


def test_a_pipeline_and_a_search(tiny: Path) -> None:
    pipeline = make_pipeline(quick(tiny, max_iter=3), LogisticRegression())
    grid = {"distilbertcontrastiveembedder__trainable_layers": [1, "all"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(TEXTS, LABELS)
    assert len(search.predict(TEXTS)) == len(TEXTS)


def test_texts_that_share_a_label_become_similar(tiny: Path) -> None:
    # A text about a person and a place is similar to both kinds of texts.
    indicators = np.zeros((9, 2), int)
    indicators[:5, 0] = indicators[4:8, 1] = 1
    units = quick(tiny, max_iter=60).fit_transform(TEXTS, indicators)
    cosines = units @ units.T
    assert cosines[0, 1] > 0.7 > 0.5 > cosines[0, 6]
    assert min(cosines[4, 0], cosines[4, 6]) > cosines[0, 6]
    assert cosines[8, :8].max() < 0.5


def test_a_class_with_one_text_and_a_hundred_classes(tiny: Path) -> None:
    labels = LABELS.copy()
    labels[0] = "other"
    same, different = mean_cosines(quick(tiny).fit_transform(TEXTS, labels), labels)
    assert same - different > 0.5
    many = [f"{text} {word}" for text in TEXTS for word in ("one", "two", "of") * 8][:200]
    embedder = quick(tiny, max_iter=1, batch_size=16).fit(many, np.repeat(np.arange(100), 2))
    assert np.isfinite(embedder.loss_curve_).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 9, "y must have at least two classes, .* 9 texts of one class: 'a'"),
        (np.arange(9), "y must have at least one class with two texts or more"),
        (np.ones((9, 2), int), "y must have at least two classes"),
        (np.eye(9, dtype=int), "y must have at least one class with two texts"),
        (np.linspace(0, 1, 9), "Unknown label type: continuous"),
        (None, "requires y to be passed"),
        (LABELS[:8], "inconsistent numbers of samples"),
    ],
)
def test_labels_that_cannot_be_compared(tiny: Path, labels: Any, message: str) -> None:  # noqa: ANN401
    embedder = quick(tiny, max_iter=1).fit(TEXTS, LABELS)
    expected = embedder.transform(TEXTS)
    with pytest.raises(ValueError, match=message):
        embedder.fit(TEXTS, labels)
    np.testing.assert_array_equal(embedder.transform(TEXTS), expected)


def test_results_depend_on_the_random_state_only(tiny: Path) -> None:
    first, second, other = (
        quick(tiny, n_threads=n_threads, random_state=seed, batch_size=4, max_iter=3)
        .fit(TEXTS, LABELS)
        .transform(TEXTS)
        for n_threads, seed in ((1, 0), (2, 0), (1, 1))
    )
    np.testing.assert_allclose(second, first, atol=1e-5)
    assert np.abs(other - first).max() > 1e-3


@pytest.mark.parametrize("layers", [2, "all"])
def test_pickles_hold_the_changes(tiny: Path, layers: Any) -> None:  # noqa: ANN401
    embedder = quick(tiny, trainable_layers=layers, max_iter=2).fit(TEXTS, LABELS)
    loaded = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(loaded.transform(TEXTS), embedder.transform(TEXTS))
    with pytest.raises(NotFittedError):
        clone(embedder).transform(TEXTS)


def test_a_warm_start_continues(tiny: Path) -> None:
    embedder = quick(tiny, warm_start=True).fit(TEXTS, LABELS)
    last = embedder.loss_curve_[-1]
    embedder.set_params(max_iter=1, learning_rate_init=1e-9).fit(TEXTS, LABELS)
    assert embedder.loss_curve_[0] < 3 * last + 0.05


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_as_output(tiny: Path, library: str) -> None:
    frame = pytest.importorskip(library).DataFrame
    embedder = quick(tiny, max_iter=1).set_output(transform=library)
    for features in (embedder.fit_transform(TEXTS, LABELS), embedder.transform(TEXTS)):
        assert isinstance(features, frame)
        assert list(features.columns) == embedder.get_feature_names_out().tolist()
        assert features.columns[31] == "distilbert-tiny_31"


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_callbacks_receive_a_fitted_estimator(tiny: Path) -> None:
    shapes = []

    class Transform:
        def setup(self, *_: Any, **__: Any) -> None: ...  # noqa: ANN401
        def teardown(self, *_: Any, **__: Any) -> None: ...  # noqa: ANN401
        def on_fit_task_begin(self, *_: Any, **__: Any) -> None: ...  # noqa: ANN401

        def on_fit_task_end(self, *_: Any, fitted_estimator: Any, **__: Any) -> None:  # noqa: ANN401
            shapes.append(fitted_estimator.transform(TEXTS).shape)

    quick(tiny, max_iter=2).set_callbacks(Transform()).fit(TEXTS, LABELS)
    assert shapes == [(9, 32)] * 3  # after each epoch and at the end


def sentence_directory(directory: Path, tiny: Path) -> Path:
    """Write a checkpoint with a prompt, Dense and LayerNorm modules and truncated vectors."""
    kinds = ["Transformer", "Pooling", "Dense", "LayerNorm"]
    paths = ["", *(f"{index}_{kind}" for index, kind in enumerate(kinds) if index)]
    rng = np.random.default_rng(0)
    dense = {"linear.weight": rng.normal(size=(12, 32)), "linear.bias": rng.normal(size=12)}
    norm = {"norm.weight": rng.normal(size=12), "norm.bias": rng.normal(size=12)}
    configs = {
        "1_Pooling": ({"pooling_mode": "max"}, {}),
        "2_Dense": ({"in_features": 32, "out_features": 12}, dense),
        "3_LayerNorm": ({"dimension": 12}, norm),
    }
    for name in ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"):
        if (tiny / name).exists():
            (directory / name).write_bytes((tiny / name).read_bytes())
    for name, (config, tensors) in configs.items():
        (directory / name).mkdir()
        (directory / name / "config.json").write_text(json.dumps(config))
        if tensors:
            arrays = {key: value.astype(np.float32) for key, value in tensors.items()}
            save_file(arrays, directory / name / "model.safetensors")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(zip(paths, kinds, strict=True))
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    options = {"prompts": {"intent": "where "}, "default_prompt_name": "intent", "truncate_dim": 9}
    (directory / "config_sentence_transformers.json").write_text(json.dumps(options))
    return directory


@pytest.fixture(params=["encoder only", "all modules"])
def checkpoint(request: pytest.FixtureRequest, tiny: Path, tmp_path: Path) -> Path:
    if request.param == "encoder only":
        return tiny
    (tmp_path / "model").mkdir()
    return sentence_directory(tmp_path / "model", tiny)


def test_training_and_saving_follow_the_modules(checkpoint: Path, tmp_path: Path) -> None:
    embedder = quick(checkpoint, max_iter=30).fit(TEXTS, LABELS)
    features = embedder.transform(TEXTS)
    assert features.shape[1] == len(embedder.get_feature_names_out()) in (9, 32)
    assert embedder.loss_curve_[-1] < embedder.loss_curve_[0]
    written = embedder.to_embedder(tmp_path / "tuned")
    for found in (
        written.fit_transform(TEXTS),
        DistilBertEmbedder(tmp_path / "tuned", normalize=True).fit_transform(TEXTS),
    ):
        np.testing.assert_allclose(found, features, atol=1e-5)
    if features.shape[1] == 32:
        np.testing.assert_allclose(embed(tmp_path / "tuned", TEXTS), features, atol=1e-5)


def test_gradients_of_all_modules_equal_finite_differences(tiny: Path, tmp_path: Path) -> None:
    directory = sentence_directory(tmp_path, tiny)
    plan = plan_embedding(load_model(directory), WordPieceTokenizer.from_pretrained(directory))
    loss, rng, step = (
        contrastive_loss(plan, loss_of_labels("cosine")),
        np.random.default_rng(0),
        1e-6,
    )
    classes, ones = np.array([0, 0, 1, 1, 2]), np.ones(5)
    pooled, direction = rng.normal(size=(2, 32, 5))
    _, gradient = loss(pooled, classes, ones)
    values = [loss(pooled + sign * step * direction, classes, ones)[0] for sign in (1, -1)]
    expected = (values[0] - values[1]) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-3)


def test_separation_of_labels() -> None:
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(4), 8)
    centres = rng.normal(size=(4, 16))
    assert label_separation(centres[classes] + 0.1 * rng.normal(size=(32, 16)), classes) == 1
    assert abs(label_separation(rng.normal(size=(32, 16)), classes)) < 0.4
    indicators = np.array([classes < 2, classes % 2 == 0], np.float32)
    units = np.hstack([3 * indicators.T, 0.1 * rng.normal(size=(32, 16))])
    assert label_separation(units[classes != 3], indicators[:, classes != 3]) == 1
    # A single text of a class has no others, so its class is never predicted for it.
    assert label_separation(np.eye(3), np.array([0, 0, 1])) < 0.5


def test_the_loss_depends_on_the_pretrained_features(tiny: Path) -> None:
    words = ["what", "who", "where"]
    texts = [f"{' '.join([word] * 9)} {other}" for word in words for other in words]
    for labels, loss in ((np.repeat(words, 3), "supervised"), (np.tile(words, 3), "cosine")):
        auto, chosen = (
            quick(tiny, loss=name, max_iter=2).fit(texts, labels) for name in ("auto", loss)
        )
        same = auto.loss_curve_[0] == pytest.approx(chosen.loss_curve_[0], rel=0.2)
        assert same, (labels, loss)


def test_saving_over_the_pretrained_weights(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    embedder = quick(sentence_directory(tmp_path / "model", tiny), max_iter=2).fit(TEXTS, LABELS)
    expected = embedder.transform(TEXTS)
    embedder.to_embedder(tmp_path / "model")
    np.testing.assert_allclose(embedder.transform(TEXTS), expected, atol=1e-5)


def test_a_pooling_without_gradient_is_an_error(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    directory = sentence_directory(tmp_path / "model", tiny)
    pooling = {"pooling_mode": ["mean", "max"]}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    (directory / "2_Dense" / "config.json").write_text(
        json.dumps({"in_features": 64, "out_features": 12})
    )
    weights = {"linear.weight": np.ones((12, 64), np.float32)}
    weights["linear.bias"] = np.zeros(12, np.float32)
    save_file(weights, directory / "2_Dense" / "model.safetensors")
    with pytest.raises(ValueError, match=r"pooling must be one of 'cls', 'mean', .* mean\+max"):
        quick(directory).fit(TEXTS, LABELS)
    assert quick(directory, pooling="max", max_iter=1).fit_transform(TEXTS, LABELS).shape == (
        9,
        32,
    )


@pytest.mark.filterwarnings("ignore:.*truncated")
def test_long_texts_are_truncated_in_training(tiny: Path) -> None:
    embedder = quick(tiny, max_length=5, max_iter=1)
    assert embedder.fit_transform([text * 9 for text in TEXTS], LABELS).shape == (9, 32)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_sentence_transformers_embeds_alike(checkpoint: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("sentence_transformers")
    embedder = quick(checkpoint, max_iter=2).fit(TEXTS, LABELS)
    embedder.to_embedder(tmp_path / "tuned")
    peer = transformers.SentenceTransformer(str(tmp_path / "tuned"), device="cpu")
    found = peer.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(found, embedder.transform(TEXTS), atol=1e-5)
