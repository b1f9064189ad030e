"""Trained estimators as checkpoints, read back and by transformers."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from typing import TYPE_CHECKING, Any, Literal

import joblib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    load_model,
)
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.nn.pooling import Pooling

TEXTS = ["what is it", "who would you do", "where then", "is it"]
WORDS = [text.split() for text in TEXTS]
KINDS: dict[str, tuple[type, Any, Any, str | None]] = {
    "labels": (DistilBertClassifier, TEXTS, ["a", "b", "a", "c"], "single_label_classification"),
    "integers": (DistilBertClassifier, TEXTS, [10, 9, 10, 9], "single_label_classification"),
    "multi-label": (
        DistilBertClassifier,
        TEXTS,
        np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]]),
        "multi_label_classification",
    ),
    "pairs": (
        DistilBertClassifier,
        list(zip(TEXTS, TEXTS[::-1], strict=True)),
        ["a", "b", "a", "c"],
        "single_label_classification",
    ),
    "number": (DistilBertRegressor, TEXTS, [100.0, 120.0, 140.0, 90.0], "regression"),
    "words": (
        DistilBertTokenClassifier,
        WORDS,
        [["O", "x", "y", "O"][: len(w)] for w in WORDS],
        None,
    ),
}


ENCODERS = ("distilbert-tiny", "bert-tiny-sequence-classification")


def fitted(tiny: Path, name: str, trainable_layers: Any = "all") -> Any:  # noqa: ANN401
    kind, X, y, _ = KINDS[name]
    params = {} if kind is DistilBertTokenClassifier else {"pooling": "cls"}
    estimator = kind(tiny, trainable_layers=trainable_layers, max_iter=3, random_state=0, **params)
    return estimator.fit(X, y)


@pytest.mark.parametrize("trainable_layers", [0, 2, "all"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_from_pretrained_reads_what_was_saved(
    encoder: str,
    tmp_path: Path,
    name: str,
    trainable_layers: Any,  # noqa: ANN401
) -> None:
    estimator, X = fitted(DATA / encoder, name, trainable_layers), KINDS[name][1]
    estimator.save_pretrained(tmp_path / "saved")
    again = type(estimator).from_pretrained(tmp_path / "saved")
    expected, got = np.hstack(estimator.predict(X)), np.hstack(again.predict(X))
    if name == "number":
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(got, expected.astype(got.dtype))
    config = load_model(tmp_path / "saved").config
    assert config.problem_type == KINDS[name][3]
    original = load_model(DATA / encoder).config
    for option in ("model_type", "layer_norm_eps", "dropout", "seq_classif_dropout"):
        assert getattr(config, option) == getattr(original, option)


def test_a_saved_classifier_can_be_trained_further(tiny: Path, tmp_path: Path) -> None:
    fitted(tiny, "labels").save_pretrained(tmp_path / "saved")
    again = DistilBertClassifier.from_pretrained(
        tmp_path / "saved", warm_start=True, max_iter=1, trainable_layers=1
    )
    before = again.predict_proba(TEXTS)
    after = again.set_params(learning_rate_init=1e-9).fit(TEXTS, KINDS["labels"][2])
    np.testing.assert_allclose(after.predict_proba(TEXTS), before, atol=1e-5)


def test_unfitted_estimators_are_not_saved(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        DistilBertClassifier(tiny).save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("model", ["distilbert-tiny", "bert-tiny-sequence-classification"])
@pytest.mark.parametrize("pooling", ["auto", "max", "cls"])
@pytest.mark.parametrize("trainable_layers", ["auto", 0, 1])
def test_linear_heads_are_saved_with_their_pooling(
    model: str,
    pooling: Pooling | Literal["auto"],
    trainable_layers: int | Literal["auto"],
    tmp_path: Path,
) -> None:
    classifier = DistilBertClassifier(
        DATA / model, pooling=pooling, trainable_layers=trainable_layers, random_state=0
    )
    classifier.fit(TEXTS, KINDS["labels"][2])
    expected = classifier.decision_function(TEXTS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.save_pretrained(tmp_path)
    assert ["logits will differ there" in str(w.message) for w in caught] == [True] * (
        pooling != "cls"
    )
    restored = DistilBertClassifier.from_pretrained(tmp_path)
    assert restored.pooling == ("mean" if pooling == "auto" else pooling)
    np.testing.assert_allclose(restored.decision_function(TEXTS), expected, atol=2e-5, rtol=1e-5)
    tokenizer, loaded = restored._encoder.tokenizer, load_model(tmp_path)
    batch = tokenizer.encode_batch(TEXTS)
    padded = loaded(batch.input_ids, batch.attention_mask).logits
    unpadded = loaded.logits([tokenizer.encode(text) for text in TEXTS])
    for logits in (padded, unpadded):
        shown = logits[:, 1] - logits[:, 0] if expected.ndim == 1 else logits
        np.testing.assert_allclose(shown, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("model", ENCODERS)
def test_heads_on_features_that_grow_with_the_text(model: str, tmp_path: Path) -> None:
    texts = [f"{text} " * 30 for text in TEXTS]
    classifier = DistilBertClassifier(
        DATA / model, pooling="mean_sqrt_len_tokens", trainable_layers=0, max_length=128
    ).fit(texts, KINDS["labels"][2])
    with pytest.warns(UserWarning, match="logits will differ there"):
        classifier.save_pretrained(tmp_path)
    restored = DistilBertClassifier.from_pretrained(tmp_path)
    expected = classifier.decision_function(texts)
    np.testing.assert_allclose(restored.decision_function(texts), expected, atol=1e-6)


def test_features_without_a_bound_raise_before_training(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, pooling="mean_sqrt_len_tokens", long_text="window")
    with pytest.raises(ValueError, match="cannot be combined with long_text='window'"):
        classifier.set_params(trainable_layers=0).fit(TEXTS, KINDS["labels"][2])


@pytest.mark.filterwarnings("ignore::skdistilbert.TruncationWarning")
@pytest.mark.parametrize("name", KINDS)
def test_the_maximum_length_is_saved(tiny: Path, tmp_path: Path, name: str) -> None:
    kind, X, y, _ = KINDS[name]
    params = {} if kind is DistilBertTokenClassifier else {"pooling": "cls"}
    estimator = kind(tiny, trainable_layers=0, max_iter=1, max_length=4, random_state=0, **params)
    estimator.fit(X, y).save_pretrained(tmp_path)
    again = type(estimator).from_pretrained(tmp_path)
    expected, got = np.hstack(estimator.predict(X)), np.hstack(again.predict(X))
    assert again._encoder.tokenizer.model_max_length == 4
    if name == "number":
        np.testing.assert_allclose(got, expected, rtol=1e-5)
    else:
        np.testing.assert_array_equal(got, expected.astype(got.dtype))


@pytest.mark.parametrize("name", ["number", "words"])
def test_another_head_is_refused(tiny: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="has no (sequence|token)-classification head"):
        KINDS[name][0].from_pretrained(tiny)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [DistilBertClassifier, DistilBertRegressor])
def test_the_pooling_is_that_of_the_head(kind: Any, tiny: Path) -> None:  # noqa: ANN401
    with pytest.raises(
        ValueError, match="uses the pooling of the checkpoint's head; got pooling='me"
    ):
        kind.from_pretrained(tiny, pooling="mean")


def test_labels_are_not_read_as_numbers_nor_numbers_as_labels(tiny: Path, tmp_path: Path) -> None:
    fitted(tiny, "number").save_pretrained(tmp_path / "number")
    with pytest.raises(
        CheckpointError, match="predicts numbers, not labels. Load it with DistilBertRegressor"
    ):
        DistilBertClassifier.from_pretrained(tmp_path / "number")
    change_config(tmp_path / "number", problem_type=None)  # a single logit, like a cross-encoder
    with pytest.raises(
        CheckpointError, match="predicts numbers, not labels. Load it with DistilBertRegressor"
    ):
        DistilBertClassifier.from_pretrained(tmp_path / "number")
    assert DistilBertRegressor.from_pretrained(tmp_path / "number").predict(TEXTS).shape == (4,)
    fitted(tiny, "labels").save_pretrained(tmp_path / "labels")
    with pytest.raises(CheckpointError, match=r"labels \(single_label_classification\)"):
        DistilBertRegressor.from_pretrained(tmp_path / "labels")


def change_config(directory: Path, **values: object) -> None:
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_columns_keep_their_names_and_order(tiny: Path, tmp_path: Path) -> None:
    y = KINDS["multi-label"][2]
    classifier = DistilBertClassifier(tiny, pooling="cls", random_state=0)
    with pytest.raises(ValueError, match="classes must name the 3 columns of y .* got .'order'"):
        classifier.partial_fit(TEXTS, y, classes=["order", "account"])
    classifier.partial_fit(TEXTS, y, classes=["order", "account", "bill"])
    assert classifier.classes_.tolist() == ["order", "account", "bill"]
    classifier.save_pretrained(tmp_path / "saved")
    assert load_model(tmp_path / "saved").config.id2label[0] == "order"
    again = DistilBertClassifier.from_pretrained(tmp_path / "saved", warm_start=True, max_iter=1)
    again.set_params(learning_rate_init=1e-9).fit(TEXTS, y)
    assert again.classes_.tolist() == ["order", "account", "bill"]
    np.testing.assert_allclose(
        again.predict_proba(TEXTS), classifier.predict_proba(TEXTS), atol=1e-5
    )
    with pytest.raises(ValueError, match="in an indicator matrix; got .* as single labels"):
        again.fit(TEXTS, ["order", "account", "bill", "bill"])


@pytest.mark.parametrize("method", ["save_pretrained", "to_embedder"])
@pytest.mark.parametrize("name", KINDS)
def test_saving_to_the_directory_of_the_model(
    tiny: Path, tmp_path: Path, name: str, method: str
) -> None:
    directory, X, y = tmp_path / "model", *KINDS[name][1:3]
    fitted(tiny, name, 1).save_pretrained(directory)
    estimator = KINDS[name][0].from_pretrained(directory, trainable_layers="all", max_iter=2)
    estimator.set_params(warm_start=True).fit(X, y)
    expected = np.hstack(estimator.predict(X))
    logits = None if name == "words" else estimator._logits(X)
    before = estimator.fingerprint_
    for _ in range(2):
        getattr(estimator, method)(directory)
        assert estimator.fingerprint_ != before
        joblib.dump(estimator, tmp_path / "file")
        for same in (estimator, joblib.load(tmp_path / "file")):
            np.testing.assert_array_equal(np.hstack(same.predict(X)), expected)
            if logits is not None:
                np.testing.assert_allclose(same._logits(X), logits, atol=1e-5)


def test_training_continues_after_saving_to_the_directory_of_the_model(
    tiny: Path, tmp_path: Path
) -> None:
    X, y = KINDS["labels"][1:3]
    fitted(tiny, "labels").save_pretrained(tmp_path / "model")
    shutil.copytree(tmp_path / "model", tmp_path / "other")
    logits = []
    for saved_to in ("model", "elsewhere"):
        directory = tmp_path / {"model": "model", "elsewhere": "other"}[saved_to]
        classifier = DistilBertClassifier.from_pretrained(
            directory, trainable_layers="all", random_state=0
        )
        classifier.partial_fit(X, y).save_pretrained(tmp_path / saved_to)
        classifier.partial_fit(X, y)
        again = pickle.loads(pickle.dumps(classifier))
        np.testing.assert_allclose(again._logits(X), classifier._logits(X), atol=1e-5)
        logits.append(classifier._logits(X))
    np.testing.assert_allclose(*logits, atol=1e-5)


def test_a_bert_is_fine_tuned_from_its_own_head(tmp_path: Path) -> None:
    source = DATA / "bert-tiny-sequence-classification"
    classifier = DistilBertClassifier.from_pretrained(
        source, warm_start=True, trainable_layers="all", max_iter=1, random_state=0
    )
    weights = load_model(source).weights
    np.testing.assert_array_equal(
        classifier.head_.tensors()["pooler.dense.weight"], weights["pooler.dense.weight"]
    )
    logits = load_model(source).logits([classifier._encoder.tokenizer.encode(TEXTS[0])])[0]
    shown = classifier.decision_function(TEXTS[:1])[0]
    np.testing.assert_allclose(shown, logits, atol=1e-5)  # id2label is sorted
    X = KINDS["pairs"][1]
    classifier.fit(X, ["contradiction", "neutral", "neutral", "entailment"])
    classifier.save_pretrained(tmp_path)
    trained, again = load_model(tmp_path), pickle.loads(pickle.dumps(classifier))
    for name in ("pooler.dense.weight", "embeddings.token_type_difference"):
        assert np.abs(trained.weights[name] - weights[name]).max() > 1e-6
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    saved = DistilBertClassifier.from_pretrained(tmp_path)
    np.testing.assert_allclose(saved.predict_proba(X), classifier.predict_proba(X), atol=1e-6)


def test_other_poolings_of_a_bert_have_the_head_of_distilbert() -> None:
    regressor = DistilBertRegressor(DATA / "bert-tiny-sequence-classification", max_iter=1)
    assert regressor.fit(TEXTS, [1, 2, 3, 4]).head_.activation == "relu"


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["labels", "multi-label", "pairs", "number"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_transformers_gives_the_same_logits(encoder: str, tmp_path: Path, name: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    estimator = fitted(DATA / encoder, name)
    estimator.save_pretrained(tmp_path / "saved")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    X = KINDS[name][1]
    texts = [list(column) for column in zip(*X, strict=True)] if name == "pairs" else [X]
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    with torch.inference_mode():
        logits = model.eval()(**tokenizer(*texts, padding=True, return_tensors="pt")).logits
    ours = estimator.predict(X)[:, None] if name == "number" else estimator._logits(X)
    np.testing.assert_allclose(ours, logits.numpy(), rtol=1e-5, atol=1e-5)
