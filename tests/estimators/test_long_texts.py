"""The classifier and the regressor with long_text="window"."""

from __future__ import annotations

import pickle
import re
import tracemalloc
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertRegressor,
    TruncationWarning,
    UnknownTokenWarning,
    classify,
)
from skdistilbert.estimators import classifier_training, regressor
from skdistilbert.estimators.text_examples import TextWindows
from skdistilbert.estimators.training_texts import TrainingTexts
from skdistilbert.inspection import AttributionDisplay
from skdistilbert.nn import inference
from skdistilbert.tokenization.truncation import windows as token_windows
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.nn.pooling import Pooling

SEQUENCE = DATA / "distilbert-tiny-sequence-classification"
WORDS = ["the", "one", "two", "what", "would", "you", "do", "it", "is", "there", "too", "then"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, n)) for n in (40, 3, 8, 9, 77, 1, 20, 33, 5)]
LABELS = np.array([0, 1, 2] * 3)
NUMBERS = np.arange(9.0)
WINDOW: dict[str, Any] = {"max_length": 10, "long_text": "window", "stride": 2}
TOGETHER: dict[str, Any] = {"trainable_layers": 1, "max_iter": 2, "learning_rate_init": 1e-3}

# -- accuracy

FILLER = ["the", "is", "it", "would", "you", "there", "what", "when", "house", "tree", "water"]
ANSWERS = [["refund", "money", "invoice"], ["password", "login", "account"]]


def texts_with_late_answers(rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Return texts whose class is known from their last tenth only."""
    labels = np.tile([0, 1], 8)
    ends = [rng.choice(FILLER[:4] + ANSWERS[label] * 3, 24) for label in labels]
    return [" ".join([*rng.choice(FILLER, 216), *end]) for end in ends], labels


@pytest.mark.parametrize("params", [{"trainable_layers": 0}, {}, {"trainable_layers": 1}])
def test_an_answer_at_the_end_of_long_texts_is_found_in_windows(params: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    train, test = (texts_with_late_answers(rng) for _ in range(2))
    if params.get("trainable_layers") != 0:
        params |= {"max_iter": 2}
    classifier = DistilBertClassifier("mini", max_length=64, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)
        assert classifier.fit(*train).score(*test) < 0.7
    classifier.set_params(long_text="window")
    assert classifier.fit(*train).score(*test) > 0.9


# -- features of a head on a frozen encoder, and logits of windows


@pytest.mark.parametrize("pooling", ["mean", "max", "weightedmean"])
def test_a_head_alone_reads_each_token_once(tiny: Path, pooling: Pooling) -> None:
    features = DistilBertEmbedder(tiny, pooling=pooling, **WINDOW).fit_transform(TEXTS)
    classifier = DistilBertClassifier(tiny, trainable_layers=0, pooling=pooling, **WINDOW)
    expected = classifier.fit(TEXTS, LABELS).head_.logits(features.T.astype(np.float64)).T
    np.testing.assert_allclose(classifier.decision_function(TEXTS), expected, atol=1e-4)
    numbers = DistilBertRegressor(tiny, pooling=pooling, max_iter=2, **WINDOW)
    expected = numbers.fit(TEXTS, NUMBERS).head_.logits(features.T.astype(np.float64))[0]
    expected = expected * NUMBERS.std() + NUMBERS.mean()
    np.testing.assert_allclose(numbers.predict(TEXTS), expected, atol=1e-4)


def mean_logits(classifier: DistilBertClassifier, text: str, pooling: str) -> np.ndarray:
    """Average the logits of the windows of a text, which are computed one by one."""
    model, tokenizer = classifier._encoder.model, classifier._encoder.tokenizer
    ids = tokenizer.encode(text, add_special_tokens=False)
    logits, counts, places = [], [], [*token_windows(len(ids), 8, 2)]
    for start, stop in places:
        window = [tokenizer.cls_token_id, *ids[start:stop], tokenizer.sep_token_id]
        states = model.hidden_states([window])[0]
        pooled = {"cls": states[0], "mean": states.mean(0), "max": states.max(0)}[pooling]
        logits.append(classifier.head_.logits(pooled[:, None])[:, 0])
        # Each window lacks half of each overlap. The text has one [CLS] and one [SEP].
        is_first, is_last = start == 0, stop == len(ids)
        counts.append(stop - start + is_first + is_last - (not is_first) - (not is_last))
    return np.average(logits, axis=0, weights=counts)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_the_logits_of_windows_are_averaged_by_their_tokens(tiny: Path, pooling: Pooling) -> None:
    classifier = DistilBertClassifier(tiny, pooling=pooling, **TOGETHER, **WINDOW)
    logits = classifier.fit(TEXTS, LABELS).decision_function(TEXTS)
    expected = [mean_logits(classifier, text, pooling) for text in TEXTS]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    alone = [classifier.decision_function([text])[0] for text in TEXTS]
    np.testing.assert_allclose(logits, alone, atol=1e-4)


def test_short_texts_have_the_same_results_as_without_windows(tiny: Path) -> None:
    short = [text[:30] for text in TEXTS]
    for params in ({"max_iter": 2}, {"trainable_layers": 0}, TOGETHER):
        classifier = DistilBertClassifier(tiny, random_state=0, **params).fit(short, LABELS)
        expected = classifier.predict_proba(short)
        windows = clone(classifier).set_params(long_text="window").fit(short, LABELS)
        if params != {"max_iter": 2}:  # which window is drawn consumes random numbers
            np.testing.assert_allclose(windows.predict_proba(short), expected, atol=1e-4)
        else:
            assert windows.loss_curve_ == pytest.approx(classifier.loss_curve_, rel=0.5)


# -- training


def test_a_window_is_trained_as_a_text(tiny: Path) -> None:
    halves = [" ".join(RNG.choice(WORDS, 8)) for _ in range(12)]
    texts = [f"{first} {second}" for first, second in zip(halves[::2], halves[1::2], strict=True)]
    numbers, weights = np.arange(6.0), np.array([1, 2, 3, 1, 2, 3])
    params = {"max_length": 10, "random_state": 0, **TOGETHER}
    windows = DistilBertRegressor(tiny, long_text="window", stride=0, **params)
    windows.fit(texts, numbers, weights)
    expected = DistilBertRegressor(tiny, **params)
    expected.fit(halves, numbers.repeat(2), weights.repeat(2))
    assert windows.loss_curve_ == pytest.approx(expected.loss_curve_, rel=1e-5)
    for name, weight in expected._encoder.changes.items():
        np.testing.assert_allclose(windows._encoder.changes[name], weight, atol=1e-5)


def test_the_windows_of_a_text_share_its_weight(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, **WINDOW).fit(TEXTS, LABELS)
    weights = np.array([1, 2, 0.5] * 3)
    texts = TrainingTexts(TEXTS, LABELS, weights)
    windows = TextWindows.cut(texts, classifier._encoder, classifier._plan())
    totals = np.bincount(windows.places.rows, windows.weights)
    np.testing.assert_allclose(totals / totals.sum(), weights / weights.sum(), rtol=1e-5)
    assert windows.weights.mean() == pytest.approx(weights.mean())
    np.testing.assert_array_equal(windows.targets, LABELS[windows.places.rows])


@pytest.mark.parametrize("trainable_layers", [0, 1])
@pytest.mark.parametrize("kind", [DistilBertClassifier, DistilBertRegressor])
def test_the_validation_score_is_that_of_predictions(
    tiny: Path, kind: type, trainable_layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = []
    for module in (classifier_training, regressor):
        split_rows = module.split_rows

        def recorded(*arguments: Any, split: Any = split_rows) -> Any:  # noqa: ANN401
            splits.append(split(*arguments))
            return splits[-1]

        monkeypatch.setattr(module, "split_rows", recorded)
    estimator: Any = kind(
        tiny, early_stopping=True, validation_fraction=0.4, random_state=0, **TOGETHER, **WINDOW
    ).set_params(trainable_layers=trainable_layers, max_iter=1)
    y = LABELS if kind is DistilBertClassifier else NUMBERS
    weights = np.linspace(1, 2, 9)
    estimator.fit(TEXTS, y, sample_weight=weights)
    ((_, rows),) = splits
    score = estimator.score([TEXTS[row] for row in rows], y[rows], weights[rows])
    assert estimator.validation_scores_ == [pytest.approx(score, abs=1e-4)]


def test_the_first_stage_draws_the_same_windows_again(tiny: Path) -> None:
    def fit(n_threads: int) -> np.ndarray:
        classifier = DistilBertClassifier(tiny, max_iter=2, random_state=0, **WINDOW)
        return classifier.set_params(n_threads=n_threads).fit(TEXTS, LABELS).predict_proba(TEXTS)

    np.testing.assert_array_equal(fit(1), fit(2))


@pytest.mark.parametrize("trainable_layers", [0, 1, "auto"])
def test_multi_label_targets_weights_and_several_fits(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    targets = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]] * 3)
    params = {"max_iter": 1, "trainable_layers": trainable_layers, "random_state": 0}
    classifier = DistilBertClassifier(tiny, warm_start=True, **params, **WINDOW)
    assert classifier.fit(TEXTS, targets).fit(TEXTS, targets).predict(TEXTS).shape == (9, 3)
    for _ in range(2):
        classifier.partial_fit(TEXTS, targets)
    assert np.isfinite(classifier.predict_proba(TEXTS)).all()
    classifier = DistilBertClassifier(tiny, class_weight={0: 2}, **params, **WINDOW)
    classifier.fit(TEXTS, LABELS, sample_weight=[1, 2, 3] * 3)
    first = classifier.predict_proba(TEXTS)
    classifier.fit([*TEXTS, "you " * 50], [*LABELS, 1], sample_weight=[*[1, 2, 3] * 3, 0])
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), first, atol=1e-5)


def test_partial_fit_trains_the_head_on_whole_texts_by_default(tiny: Path) -> None:
    features = DistilBertEmbedder(tiny, pooling="mean", **WINDOW).fit_transform(TEXTS)
    classifier = DistilBertClassifier(tiny, random_state=0, **WINDOW)
    classifier.partial_fit(TEXTS, LABELS, classes=[0, 1, 2])
    expected = classifier.head_.logits(features.T.astype(np.float64)).T
    np.testing.assert_allclose(classifier.decision_function(TEXTS), expected, atol=1e-5)


def test_numbers_of_several_outputs(tiny: Path) -> None:
    targets = np.column_stack([NUMBERS, -NUMBERS])
    estimator = DistilBertRegressor(tiny, random_state=0, **TOGETHER, **WINDOW)
    assert estimator.fit(TEXTS, targets).predict(TEXTS).shape == (9, 2)


# -- files and caches


def scores_by_label(directory: Path, **options: Any) -> np.ndarray:  # noqa: ANN401
    rows = classify(directory, TEXTS, top_k=None, **options, **WINDOW)
    return np.array([[x["score"] for x in sorted(row, key=lambda x: x["label"])] for row in rows])


@pytest.mark.filterwarnings("ignore:The head reads the features")
@pytest.mark.parametrize("params", [{"trainable_layers": 0}, {"max_iter": 1}, TOGETHER])
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_files_have_the_same_predictions(
    tiny: Path, tmp_path: Path, params: dict[str, Any], pooling: Pooling
) -> None:
    for kind, y in ((DistilBertClassifier, LABELS), (DistilBertRegressor, NUMBERS)):
        estimator: Any = kind(tiny, random_state=0, pooling=pooling, **params, **WINDOW)
        expected = estimator.fit(TEXTS, y)._logits(TEXTS)
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_allclose(again._logits(TEXTS), expected, atol=1e-5)
        estimator.save_pretrained(tmp_path)
        loaded: Any = kind.from_pretrained(tmp_path, **WINDOW)
        np.testing.assert_allclose(loaded.predict(TEXTS), estimator.predict(TEXTS), atol=1e-4)
        scores = scores_by_label(tmp_path, function_to_apply="none")
        expected = expected if y is LABELS else estimator.predict(TEXTS)[:, None]
        np.testing.assert_allclose(scores, expected, atol=1e-3)


def test_heads_of_other_programs_read_each_window() -> None:
    classifier = DistilBertClassifier.from_pretrained(SEQUENCE, **WINDOW)
    expected = scores_by_label(SEQUENCE)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(
        classifier.decision_function(TEXTS),
        [mean_logits(classifier, text, "cls") for text in TEXTS],
        atol=1e-4,
    )


def test_features_of_windows_are_cached(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {"trainable_layers": 0, "embedding_cache": tmp_path / "cache.sqlite"}
    classifier = DistilBertClassifier(tiny, random_state=0, **params, **WINDOW).fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)

    def no_encoding(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise AssertionError

    monkeypatch.setattr(inference, "encode", no_encoding)
    again = clone(classifier).fit(TEXTS, LABELS).predict_proba(TEXTS)
    np.testing.assert_allclose(again, expected, atol=1e-6)


def test_the_embedder_reads_the_same_windows(tiny: Path, tmp_path: Path) -> None:
    classifier = DistilBertClassifier(tiny, max_iter=1, random_state=0, **WINDOW)
    embedder = classifier.fit(TEXTS, LABELS).to_embedder(tmp_path)
    features = embedder.fit_transform(TEXTS)
    expected = classifier.head_.logits(features.T.astype(np.float64)).T
    np.testing.assert_allclose(classifier.decision_function(TEXTS), expected, atol=1e-4)


# -- progress, warnings, errors and memory


def test_progress_counts_texts(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier = DistilBertClassifier(tiny, **TOGETHER, **WINDOW).fit(TEXTS, LABELS)
    capsys.readouterr()
    classifier.set_params(verbose=True).predict(TEXTS)
    assert "9" in capsys.readouterr().err


@pytest.mark.parametrize("params", [{"trainable_layers": 0}, {"max_iter": 1}, TOGETHER])
def test_warnings_about_truncated_texts_suggest_windows(
    tiny: Path, params: dict[str, Any]
) -> None:
    message = r'1 of 9 texts was truncated .*\(row 4\). Use long_text="window"'
    classifier = DistilBertClassifier(tiny, max_length=50, **params)
    with pytest.warns(TruncationWarning, match=message):
        classifier.fit(TEXTS, LABELS)
    with pytest.warns(TruncationWarning, match=message):
        classifier.predict(TEXTS)
    if params is TOGETHER:  # a head that is trained already
        with pytest.warns(TruncationWarning, match=message):
            classifier.set_params(warm_start=True).fit(TEXTS, LABELS)
    pairs = [(text, "is it") for text in TEXTS]
    with pytest.warns(TruncationWarning, match=r"1 of 9 pairs .* Split long texts"):
        clone(classifier).fit(pairs, LABELS)


@pytest.mark.parametrize("long_text", ["truncate", "window"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("trainable_layers", [0, 1])
@pytest.mark.parametrize("kind", [DistilBertClassifier, DistilBertRegressor])
def test_warnings_of_fit_name_rows_of_all_texts_once(
    tiny: Path,
    kind: Any,  # noqa: ANN401
    trainable_layers: int,
    *,
    early_stopping: bool,
    long_text: str,
) -> None:
    texts = ["the one"] * 10 + ["the " * 40] * 4 + ["\u1790\u17d2"] * 6
    weights = np.arange(20) % 2  # the first truncated and the first unknown text have no weight
    params = {"trainable_layers": trainable_layers, "max_iter": 1, "max_length": 30}
    estimator = kind(
        tiny, long_text=long_text, early_stopping=early_stopping, validation_fraction=0.3, **params
    )
    truncated = [r"4 of 20 texts .*\(rows 10, 11, 12, 13\)"] * (long_text == "truncate")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(texts, np.arange(20) // 2 % 2, weights)
    messages = [str(warning.message) for warning in caught]
    expected = [r"6 of 20 texts .*rows 14, 15, 16", *truncated]
    assert len(messages) == len(expected)
    assert all(map(re.search, expected, messages))


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_warnings_of_partial_fit_name_rows_of_all_texts(tiny: Path, trainable_layers: int) -> None:
    texts = ["the one"] * 10 + ["the " * 40] * 4
    classifier = DistilBertClassifier(tiny, trainable_layers=trainable_layers, max_length=30)
    with pytest.warns(TruncationWarning, match=r"4 of 14 texts .*\(rows 10, 11, 12, 13\)"):
        classifier.partial_fit(texts, [0, 1] * 7, [0, 1], [0, 1, 1] * 4 + [1, 0])


@pytest.mark.parametrize("params", [{"trainable_layers": 0}, {"max_iter": 1}, TOGETHER])
def test_windows_of_unknown_tokens_warn_once(tiny: Path, params: dict[str, Any]) -> None:
    texts = ["\u1790\u17d2\u1784\u17c3 " * 30] * 9
    classifier = DistilBertClassifier(tiny, **params, **WINDOW)
    with pytest.warns(UnknownTokenWarning) as caught:
        classifier.fit(texts, LABELS)
    assert len(caught) == 1
    with pytest.warns(UnknownTokenWarning):
        classifier.predict(texts)


def test_pairs_are_not_read_in_windows(tiny: Path) -> None:
    pairs = [(text, "is it") for text in TEXTS]
    for estimator in (DistilBertClassifier(tiny, **WINDOW), DistilBertRegressor(tiny, **WINDOW)):
        with pytest.raises(ValueError, match="long_text must be 'truncate' for pairs"):
            estimator.fit(pairs, LABELS)
    with pytest.raises(ValueError, match="long_text must be 'truncate' for pairs"):
        DistilBertClassifier.from_pretrained(SEQUENCE, **WINDOW).predict(pairs)


@pytest.mark.parametrize("trainable_layers", [0, 1, "auto"])
def test_a_stride_that_is_too_large_does_not_discard_the_previous_fit(
    tiny: Path,
    trainable_layers: Any,  # noqa: ANN401
) -> None:
    params = {"trainable_layers": trainable_layers, "max_iter": 1}
    classifier = DistilBertClassifier(tiny, **params, **WINDOW).fit(TEXTS, LABELS)
    expected = classifier.predict_proba(TEXTS)
    with pytest.raises(ValueError, match="room for 8 tokens .* stride=8"):
        classifier.set_params(stride=8).fit(TEXTS, LABELS)
    np.testing.assert_array_equal(classifier.set_params(stride=2).predict_proba(TEXTS), expected)


def test_a_text_of_20_000_words_needs_no_special_memory(tiny: Path) -> None:
    classifier = DistilBertClassifier(tiny, n_threads=1, long_text="window", **TOGETHER)
    classifier.fit(TEXTS, LABELS)
    words = RNG.choice(WORDS, 20_000).tolist()

    def peak(texts: list[str]) -> int:
        tracemalloc.start()
        classifier.predict(texts)
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    short = [" ".join(words[start:stop]) for start, stop in token_windows(20_000, 126, 31)]
    assert peak([" ".join(words)]) < 1.2 * peak(short)


# -- explanations


@pytest.mark.parametrize("params", [{"trainable_layers": 0}, TOGETHER])
def test_attributions_find_a_word_in_the_last_window(tiny: Path, params: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    texts = [
        " ".join([*rng.choice(WORDS[4:], 20), *[WORDS[label + 1]] * 4]) for label in [0, 1] * 6
    ]
    classifier = DistilBertClassifier(tiny, random_state=0, **params, **WINDOW)
    classifier.fit(texts, [0, 1] * 6)
    display = AttributionDisplay.from_estimator(classifier, texts[:1])
    (record,) = display.attributions
    scores = classifier.decision_function([texts[0], texts[0].replace("one", "[MASK]")])
    sign = 1 if record.target else -1
    assert record.score == pytest.approx(sign * scores[0], abs=1e-4)
    assert len(record.words) == 24
    with pytest.raises(ValueError, match="long_text='window' .* Use method='occlusion'"):
        AttributionDisplay.from_estimator(classifier, texts[:1], method="integrated_gradients")
