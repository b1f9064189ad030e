"""Estimators on pairs of texts."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertModel,
    DistilBertRegressor,
    TruncationWarning,
)
from skdistilbert.nn.functional import softmax
from tests.checkpoint.originals import bert_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAIRS = [("one", "the one"), ("one", "two"), ("who is it", "it is he"), ("who", "where")] * 3
LABELS = ["same", "other"] * 6


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A BERT of random weights, with token types and without dropout."""
    directory = tmp_path / "bert"
    directory.mkdir()
    for name, content in bert_checkpoint().items():
        (directory / name).write_bytes(content)
    config = json.loads((directory / "config.json").read_text())
    config |= {name: 0.0 for name in config if "dropout" in name}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


@pytest.fixture
def classifier(tiny: Path) -> DistilBertClassifier:
    return DistilBertClassifier(tiny, learning_rate_init=0.03, max_iter=10, random_state=0)


def frame(**columns: object) -> Any:  # noqa: ANN401
    first, second = zip(*PAIRS, strict=True)
    return pytest.importorskip("pandas").DataFrame({"text": first, "text_pair": second} | columns)


@pytest.mark.parametrize(("layers", "rate"), [(0, 0.03), (1, 5e-3), ("all", 5e-3)])
def test_a_classifier_learns_from_pairs(
    classifier: DistilBertClassifier, layers: int | str, rate: float
) -> None:
    classifier.set_params(trainable_layers=layers, learning_rate_init=rate, max_iter=50)
    assert classifier.fit(PAIRS, LABELS).score(PAIRS, LABELS) == 1
    probabilities = classifier.predict_proba(PAIRS)
    for X in (np.array(PAIRS), [list(pair) for pair in PAIRS], frame(), iter(PAIRS)):
        np.testing.assert_allclose(classifier.predict_proba(X), probabilities, atol=1e-6)
    alone = classifier.predict_proba([PAIRS[2]])
    np.testing.assert_allclose(alone, probabilities[2:3], atol=1e-6)


def test_a_regressor_learns_from_pairs(tiny: Path) -> None:
    numbers = [float(label == "same") for label in LABELS]
    regressor = DistilBertRegressor(tiny, learning_rate_init=0.03, random_state=0).fit(
        frame(), numbers
    )
    assert regressor.fit(frame(), numbers).score(PAIRS, numbers) > 0.9


def test_partial_fit_accepts_pairs(classifier: DistilBertClassifier) -> None:
    for _ in range(30):
        classifier.partial_fit(PAIRS, LABELS, classes=["other", "same"])
    assert classifier.score(PAIRS, LABELS) == 1


def test_token_types_are_used_in_training_and_prediction(bert: Path) -> None:
    model = DistilBertModel.from_pretrained(bert)
    batch = model.tokenizer.encode_batch(*zip(*PAIRS, strict=True))
    hidden = model(*batch, token_type_ids=batch.token_type_ids).last_hidden_state
    means = hidden.sum(axis=1) / batch.attention_mask.sum(axis=1)[:, None]
    for layers in (0, 1, "all"):
        classifier = DistilBertClassifier(
            bert, trainable_layers=layers, max_iter=1, learning_rate_init=1e-9, random_state=0
        )
        probabilities = classifier.fit(PAIRS, LABELS).predict_proba(PAIRS)
        logits = classifier.head_.logits(means.T)
        np.testing.assert_allclose(probabilities, softmax(logits.T), atol=1e-5)
        loss = log_loss(LABELS, probabilities)
        np.testing.assert_allclose(classifier.loss_curve_, [loss], atol=1e-5)


def test_fits_of_pairs_and_single_texts_do_not_mix(classifier: DistilBertClassifier) -> None:
    classifier.fit(PAIRS, LABELS)
    with pytest.raises(ValueError, match=r"fitted on pairs of texts; got single texts .*'one'"):
        classifier.predict(("one", "two"))
    classifier.fit([first for first, _ in PAIRS], LABELS)
    with pytest.raises(ValueError, match="fitted on single texts; got pairs of texts"):
        classifier.predict(PAIRS)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_does_not_continue_with_another_kind(
    classifier: DistilBertClassifier, method: str
) -> None:
    singles = [first for first, _ in PAIRS]
    classifier.set_params(warm_start=True, trainable_layers=0).fit(singles, LABELS)
    before = classifier.predict_proba(singles)
    with pytest.raises(ValueError, match="fitted on single texts; got pairs of texts"):
        getattr(classifier, method)(PAIRS, LABELS)
    with pytest.raises(ValueError, match="unknown"):
        getattr(classifier, method)(singles, ["unknown"] * len(PAIRS))
    np.testing.assert_array_equal(classifier.predict_proba(singles), before)


def test_a_regressor_does_not_continue_with_another_kind(tiny: Path) -> None:
    regressor = DistilBertRegressor(tiny, trainable_layers=0, max_iter=1, warm_start=True)
    regressor.fit(["one", "two"], [1.0, 2.0])
    with pytest.raises(ValueError, match="fitted on single texts; got pairs of texts"):
        regressor.fit([("one", "two"), ("two", "one")], [1.0, 2.0])
    assert regressor.predict(["one"]).shape == (1,)


def test_a_checkpoint_accepts_single_texts_and_pairs(
    classifier: DistilBertClassifier, tmp_path: Path
) -> None:
    classifier.set_params(pooling="cls").fit(PAIRS, LABELS).save_pretrained(tmp_path)
    loaded = DistilBertClassifier.from_pretrained(tmp_path)
    np.testing.assert_allclose(
        loaded.predict_proba(PAIRS), classifier.predict_proba(PAIRS), atol=1e-5
    )
    assert len(loaded.predict(["one"])) == 1


def test_pickles_and_clones_of_estimators_of_pairs(classifier: DistilBertClassifier) -> None:
    probabilities = classifier.fit(PAIRS, LABELS).predict_proba(PAIRS)
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copy.predict_proba(PAIRS), probabilities)
    refitted = clone(classifier).fit(PAIRS, LABELS)
    np.testing.assert_array_equal(refitted.predict_proba(PAIRS), probabilities)


def test_the_longer_text_of_a_pair_is_truncated(classifier: DistilBertClassifier) -> None:
    long = [("one", "two"), ("one " * 99, "two"), ("a " * 9, "a " * 9)]
    short = [("one", "two"), ("one " * 12, "two"), ("a " * 6, "a " * 7)]
    classifier.set_params(max_length=16).fit(PAIRS, LABELS)
    with pytest.warns(TruncationWarning, match=r"2 of 3 pairs were .* tokens \(rows 1, 2\)"):
        got = classifier.predict_proba(long)
    np.testing.assert_allclose(got, classifier.predict_proba(short), atol=1e-6)


def test_a_max_length_without_room_raises_before_the_fit_is_lost(
    classifier: DistilBertClassifier,
) -> None:
    classifier.fit(PAIRS, LABELS).set_params(max_length=2)
    with pytest.raises(ValueError, match="max_length must be at least 3 .*; got 2"):
        classifier.fit(PAIRS, LABELS)
    assert classifier.set_params(max_length=None).score(PAIRS, LABELS) == 1


def test_missing_texts_of_pairs(classifier: DistilBertClassifier) -> None:
    X, y = [("one", None), (None, "two")], ["a", "b"]
    with pytest.raises(ValueError, match=r"1 of 2 first texts \(row 1\) is missing"):
        classifier.fit(X, y)
    filled = [("one", ""), ("", "two")]
    got = classifier.set_params(missing="empty").fit(X, y).predict_proba(X)
    np.testing.assert_allclose(got, classifier.predict_proba(filled), atol=1e-6)


def test_an_embedder_needs_single_texts(tiny: Path) -> None:
    for X in (PAIRS, np.array(PAIRS), frame()):
        with pytest.raises(TypeError, match="Only classify, .* accept pairs"):
            DistilBertEmbedder(tiny).fit(X)


# -- the cache


def test_features_of_pairs_are_cached(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    X = [("a b", "c"), ("a", "b c"), ("", "a b c"), ("a b c", ""), ("c", "a b")]
    singles = ["a b c", "a b", "c"]
    cached, plain = (
        DistilBertRegressor(tiny, max_iter=1, random_state=0, embedding_cache=cache)
        for cache in (file, None)
    )
    y = np.arange(len(X), dtype=float)
    for _ in range(2):
        np.testing.assert_allclose(
            cached.fit(X, y).predict(X[::-1]), plain.fit(X, y).predict(X[::-1]), atol=1e-5
        )
        np.testing.assert_allclose(
            cached.fit(singles, y[:3]).predict(singles),
            plain.fit(singles, y[:3]).predict(singles),
            atol=1e-5,
        )


@pytest.mark.parametrize("cache", [None, "cache.sqlite"])
def test_equal_pairs_are_encoded_once(
    tiny: Path, tmp_path: Path, cache: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skdistilbert.nn import inference

    encoded: list[int] = []
    encode = inference.encode

    def counted(encoder: Any, batch: Any, **options: Any) -> Any:  # noqa: ANN401
        encoded.append(len(batch.lengths))
        return encode(encoder, batch, **options)

    monkeypatch.setattr(inference, "encode", counted)
    file = None if cache is None else tmp_path / cache
    DistilBertRegressor(tiny, max_iter=1, embedding_cache=file).fit(PAIRS, np.arange(12.0))
    assert sum(encoded) == len(set(PAIRS))


# -- scikit-learn


def select(name: str) -> Callable[[Any], Any]:
    return lambda table: table[[name]]


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_pairs_are_two_columns_of_a_table(classifier: DistilBertClassifier, output: str) -> None:
    table = frame(n=1.0)
    expected = clone(classifier).fit(PAIRS, LABELS).predict_proba(PAIRS)
    columns = ColumnTransformer([("pair", "passthrough", ["text", "text_pair"])])
    union = FeatureUnion(
        [(name, FunctionTransformer(select(name))) for name in ("text", "text_pair")]
    )
    for step in (columns, union):
        pipeline = make_pipeline(step.set_output(transform=output), clone(classifier))
        got = pipeline.fit(table, LABELS).predict_proba(table)
        np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("make", [list, np.array, lambda _: frame()])
def test_pairs_in_cross_validation(
    classifier: DistilBertClassifier, make: Callable[[Any], Any], tmp_path: Path
) -> None:
    X = make(PAIRS)
    assert (cross_val_predict(classifier, X, LABELS, cv=3) == LABELS).all()
    classifier.set_params(embedding_cache=tmp_path / "cache.sqlite")
    search = GridSearchCV(classifier, {"alpha": [0.01, 0.1]}, cv=3)
    assert search.fit(X, LABELS).best_score_ == 1
