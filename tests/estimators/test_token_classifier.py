from __future__ import annotations

import json
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy import hstack
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from skdistilbert import DistilBertTokenClassifier
from skdistilbert.estimators import word_training
from skdistilbert.estimators.fine_tuning import FineTuning
from skdistilbert.estimators.labelled_words import EntityScore, LabelledWords, WordWindows
from skdistilbert.estimators.word_input import check_word_labels, check_words

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TEXTS = [
    ["Where", "is", "New", "York", "?"],
    ["Who", "lives", "in", "London"],
    ["Anna", "likes", "New", "York", "and", "London"],
    ["is", "Anna", "there"],
]
LABELS = [
    ["O", "O", "B-city", "I-city", "O"],
    ["O", "O", "O", "B-city"],
    ["B-person", "O", "B-city", "I-city", "O", "B-city"],
    ["O", "B-person", "O"],
]


def quick(model: Path, **params: Any) -> DistilBertTokenClassifier:  # noqa: ANN401
    few = {"max_iter": 60, "batch_size": 2, "learning_rate_init": 5e-3, "random_state": 0}
    return DistilBertTokenClassifier(model, **(few | params))


@pytest.mark.parametrize("trainable_layers", [2, "all"])
def test_training_fits_the_texts(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    classifier = quick(tiny, trainable_layers=trainable_layers).fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["B-city", "B-person", "I-city", "O"]
    assert classifier.predict(TEXTS) == LABELS
    assert classifier.score(TEXTS, LABELS) == 1
    again = pickle.loads(pickle.dumps(classifier))
    assert again.predict(TEXTS) == LABELS


def test_training_only_the_head_reduces_the_loss(tiny: Path) -> None:
    classifier = quick(tiny, trainable_layers=0).fit(TEXTS, LABELS)
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert [len(labels) for labels in classifier.predict(TEXTS)] == [5, 4, 6, 3]


def test_long_texts_are_cut_into_windows(tiny: Path) -> None:
    words, labels = ([each for row in rows for each in row] for rows in (TEXTS * 3, LABELS * 3))
    classifier = quick(tiny, max_length=9).fit([words], [labels])
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0] / 2
    (predicted,) = classifier.predict([words])
    assert len(predicted) == len(words)
    assert np.mean(np.array(predicted) == labels) > 0.8


def test_windows_have_the_maximum_length_of_the_tokenizer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lengths: list[int] = []
    cut = WordWindows.cut

    def recording(*args: Any) -> WordWindows:  # noqa: ANN401
        windows = cut(*args)
        lengths.extend(windows.windows.lengths)
        return windows

    monkeypatch.setattr(WordWindows, "cut", recording)
    classifier = DistilBertTokenClassifier(trainable_layers=0, max_iter=1)  # of 512 positions
    classifier.fit([["is"] * 700], [["O"] * 700])
    assert max(lengths) == classifier._encoder.tokenizer.model_max_length == 256


def test_words_without_tokens_and_texts_without_words(tiny: Path) -> None:
    texts = [*TEXTS, ["\u200b", "is"], []]
    classifier = quick(tiny, max_iter=2).fit(texts, [*LABELS, ["O", "O"], []])
    assert [len(labels) for labels in classifier.predict(texts)] == [5, 4, 6, 3, 2, 0]
    assert classifier.predict([["\u200b"]]) == [["O"]]


def test_a_word_without_tokens_has_one_of_the_labels(tiny: Path) -> None:
    texts, labels = [["is", "it", "", "\u200b"]], [["VERB", "PRON", "PRON", "VERB"]]
    classifier = quick(tiny, max_iter=2).fit(texts, labels)
    assert classifier.predict(texts)[0][2:] == ["PRON", "PRON"]
    classifier = quick(tiny, max_iter=2).fit([["is", "", "it"]], [["", "O", ""]])
    assert classifier.classes_.tolist() == ["", "O"]
    assert classifier.predict([["is", "", "it"]]) == [["", "O", ""]]


CONTAINERS: dict[str, Callable[[list[list[str]]], Any]] = {
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "generator": lambda rows: (iter(row) for row in rows),
    "array of lists": lambda rows: np.array([*rows, None], object)[:-1],
    "column of lists": lambda rows: np.array([*rows, None], object)[:-1, None],
    "array of arrays": lambda rows: np.array([*map(np.array, rows), None], object)[:-1],
    "series": lambda rows: pytest.importorskip("pandas").Series(rows),
    "frame": lambda rows: pytest.importorskip("pandas").DataFrame({"words": rows}),
    "polars series": lambda rows: pytest.importorskip("polars").Series(rows),
    "polars frame": lambda rows: pytest.importorskip("polars").DataFrame({"words": rows}),
    "arrow array": lambda rows: pytest.importorskip("pyarrow").array(rows),
    "arrow table": lambda rows: pytest.importorskip("pyarrow").table({"words": rows}),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_words_and_labels_come_in_any_container(name: str) -> None:
    container = CONTAINERS[name]
    for rows in (TEXTS, [row[:3] for row in TEXTS]):  # of different lengths, and of equal ones
        assert check_words(container(rows)) == rows
        assert check_word_labels(container(rows), rows) == rows


def test_an_array_has_a_text_in_each_row() -> None:
    rows = [row[:3] for row in TEXTS]
    for array in (np.array(rows), np.array(rows, object)):
        assert check_words(array) == rows
    assert check_words(np.array(rows)[:, :1]) == [row[:1] for row in rows]


def test_an_estimator_reads_frames_and_generators(tiny: Path) -> None:
    pandas = pytest.importorskip("pandas")
    expected = quick(tiny, max_iter=2).fit(TEXTS, LABELS)
    frame, labels = pandas.DataFrame({"words": TEXTS}), pandas.Series(LABELS)
    classifier = quick(tiny, max_iter=2).fit(frame, labels)
    assert classifier.predict(frame) == expected.predict(TEXTS)
    assert classifier.predict(iter(TEXTS)) == expected.predict(TEXTS)
    assert classifier.score(iter(TEXTS), iter(LABELS)) == expected.score(TEXTS, LABELS)
    assert cross_val_score(quick(tiny, max_iter=1), frame, labels, cv=2).shape == (2,)


def test_missing_texts_and_words(tiny: Path) -> None:
    texts: list[Any] = [["is", None], None, ["it"], float("nan")]
    labels: list[Any] = [["a", "b"], None, ["b"], []]
    with pytest.raises(ValueError, match=r"Row 0: word 1 is missing .*set missing='empty'"):
        quick(tiny).fit(texts, labels)
    with pytest.raises(ValueError, match=r"Row 1: the text is missing .*set missing='empty'"):
        quick(tiny).fit([["is"], None], [["a"], None])
    classifier = quick(tiny, missing="empty", max_iter=1).fit(texts, labels)
    assert [len(words) for words in classifier.predict(texts)] == [2, 0, 1, 0]


def test_verbose_shows_losses_and_texts(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier = quick(tiny, max_iter=1, verbose=1).fit(TEXTS, LABELS)
    classifier.predict(TEXTS)
    printed = capsys.readouterr()
    losses, texts = printed.err.splitlines()
    assert printed.out == ""
    assert losses.startswith("Epoch 1 of 1: loss ")
    assert texts.startswith("DistilBertTokenClassifier: 4 of 4 texts, ")


def test_early_stopping_scores_entities(tiny: Path) -> None:
    classifier = quick(tiny, early_stopping=True, validation_fraction=0.25, n_iter_no_change=15)
    classifier.fit(TEXTS * 4, LABELS * 4)
    assert classifier.best_validation_score_ == max(classifier.validation_scores_ or []) > 0.8
    assert cross_val_score(quick(tiny, max_iter=1), TEXTS, LABELS, cv=2).shape == (2,)


def test_warm_start(tiny: Path) -> None:
    classifier = quick(tiny, warm_start=True).fit(TEXTS, LABELS)
    classifier.set_params(max_iter=1, learning_rate_init=1e-6).fit(TEXTS, LABELS)
    assert classifier.predict(TEXTS) == LABELS
    classifier.fit([["Where", "is"]], [["O", "O"]])
    assert classifier.classes_.tolist() == ["B-city", "B-person", "I-city", "O"]
    assert classifier.predict(TEXTS) == LABELS
    with pytest.raises(ValueError, match="warm_start needs the classes of the first fit"):
        classifier.fit([["a"]], [["B-animal"]])


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ("words", [], ValueError, "string object received"),
        (["some words"], [["O"]], TypeError, "Row 0: a text must be a list of words; got.*Split"),
        (
            [["a", "b"]],
            [["O"]],
            ValueError,
            "Row 0: every word must have one label; got 2 words and 1 labels",
        ),
        ([["a"], ["b"]], [["O"]], ValueError, "inconsistent numbers"),
        ([["a"]], [[1]], TypeError, "Row 0: every label must be a string; got 1"),
        ([["a", 3]], [["O", "O"]], TypeError, "Row 0: word 1 must be a string; got 3"),
        ([["a"], ["b", "\ud800"]], [["O"], ["O", "O"]], ValueError, "Row 1: word 1: it holds"),
        (
            [["\u200b"]],
            [["O"]],
            ValueError,
            "at least one word that the tokenizer does not remove",
        ),
        ([[]], [[]], ValueError, "at least one word that the tokenizer does not remove"),
        ([], [], ValueError, "0 sample"),
        ([{"a": 1}], [["O"]], TypeError, "Expected an ordered iterable of words.*got {'a': 1}"),
        ({"a": ["b"]}, [["O"]], TypeError, "Expected an ordered iterable of word lists"),
        ([["a"]], ["O"], TypeError, "Row 0: the labels must be a list of str; got 'O'"),
        (np.array([[["a"]]]), [["O"]], TypeError, "Expected one column of word lists"),
    ],
)
def test_wrong_input(
    tiny: Path,
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        quick(tiny).fit(X, y)


def test_scores_need_a_label_a_word(tiny: Path) -> None:
    classifier = quick(tiny, max_iter=1).fit(TEXTS, LABELS)
    with pytest.raises(
        ValueError, match="Row 0: every word must have one label; got 3 words and 1 labels"
    ):
        classifier.score([["a", "b", "c"]], [["O"]])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        classifier.score([["a"], ["b"]], [["O"]])
    assert classifier.score([[]], [[]]) == 1


def test_before_fit(tiny: Path) -> None:
    with pytest.raises(NotFittedError):
        quick(tiny).predict(TEXTS)


@pytest.fixture
def without_dropout(tmp_path: Path, tiny: Path) -> Path:
    """The tiny model without dropout, so that the loss depends only on weights and words."""
    directory = shutil.copytree(tiny, tmp_path / "model")
    config = json.loads((directory / "config.json").read_text("utf-8"))
    config |= {name: 0.0 for name in config if "dropout" in name}
    (directory / "config.json").write_text(json.dumps(config), "utf-8")
    return directory


def assert_equal_heads(*classifiers: DistilBertTokenClassifier) -> None:
    first, *others = [classifier.head_.classifier.weight for classifier in classifiers]
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-3, atol=5e-3)


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_sample_weights_equal_repeated_texts(without_dropout: Path, trainable_layers: int) -> None:
    one_batch = quick(
        without_dropout, batch_size=100, max_iter=5, trainable_layers=trainable_layers
    )
    repeated = [*TEXTS, TEXTS[1], TEXTS[1]], [*LABELS, LABELS[1], LABELS[1]]
    assert_equal_heads(
        clone(one_batch).fit(*repeated),
        clone(one_batch).fit(TEXTS, LABELS, sample_weight=[1, 3, 1, 1]),
        clone(one_batch).fit([*TEXTS, ["is"]], [*LABELS, ["O"]], [1, 3, 1, 1, 0]),
    )


def test_the_scale_of_sample_weights_has_no_effect(without_dropout: Path) -> None:
    head = quick(without_dropout, max_iter=5, trainable_layers=0)
    assert_equal_heads(
        clone(head).fit(TEXTS, LABELS, [1, 3, 1, 1]),
        clone(head).fit(TEXTS, LABELS, [2e-20, 6e-20, 2e-20, 2e-20]),
    )


def test_class_weights(without_dropout: Path) -> None:
    one_batch = quick(without_dropout, batch_size=100, max_iter=5, trainable_layers=1)
    n_words = {"O": 10, "B-city": 4, "B-person": 2, "I-city": 2}
    balanced = {label: 18 / (4 * number) for label, number in n_words.items()}
    assert_equal_heads(
        clone(one_batch).set_params(class_weight="balanced").fit(TEXTS, LABELS),
        clone(one_batch).set_params(class_weight=balanced).fit(TEXTS, LABELS),
    )
    only = quick(without_dropout, class_weight={"O": 0, "B-city": 0, "I-city": 0})
    assert {*hstack(only.fit(TEXTS, LABELS).predict(TEXTS))} == {"B-person"}
    with pytest.raises(ValueError, match=r"keys that are among .* got the other keys \['city'\]"):
        quick(without_dropout, class_weight={"city": 2}).fit(TEXTS, LABELS)
    with pytest.raises(
        ValueError, match='class_weight must be dict of numbers .*"balanced" or No'
    ):
        quick(without_dropout, class_weight=[{"O": 1}]).fit(TEXTS, LABELS)


def test_the_validation_score_is_that_of_the_held_out_texts(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out: list[LabelledWords] = []

    def recording(words: LabelledWords, *args: Any) -> EntityScore:  # noqa: ANN401
        held_out.append(words)
        return EntityScore(words, *args)

    monkeypatch.setattr(word_training, "EntityScore", recording)
    texts, labels = [*TEXTS * 4, ["\u200b", "Anna"]], [*LABELS * 4, ["B-city", "B-person"]]
    params: dict[str, Any] = {"early_stopping": True, "validation_fraction": 0.5, "max_iter": 30}
    classifier = quick(tiny, **params).fit(texts, labels, np.arange(1, 18))
    (words,) = held_out
    assert len(words.texts) == 9
    rows = [classifier.classes_[classes].tolist() for classes in words.classes]
    score = classifier.score(words.texts, rows, words.text_weights)
    assert 0 < score == classifier.best_validation_score_


@pytest.mark.parametrize("trainable_layers", [0, 1, "all"])
def test_partial_fit(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    classifier = quick(tiny, trainable_layers=trainable_layers)
    classes = ["O", "I-city", "B-city", "B-person"]
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        classifier.partial_fit(TEXTS, LABELS)
    for _ in range(30):
        classifier.partial_fit(TEXTS[:2], LABELS[:2], classes)
        classifier.partial_fit(TEXTS[2:], LABELS[2:], sample_weight=[1, 2])
        probabilities = np.vstack(classifier.predict_proba(TEXTS))
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(np.vstack(loaded.predict_proba(TEXTS)), probabilities)
    assert classifier.classes_.tolist() == sorted(classes)
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 60
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]
    assert loaded.partial_fit(TEXTS, LABELS).n_iter_ == 61
    with pytest.raises(ValueError, match=r"labels that are among the classes .* got \['B-x'\]"):
        classifier.partial_fit([["a"]], [["B-x"]])
    with pytest.raises(ValueError, match="classes must equal the classes of the first call"):
        classifier.partial_fit(TEXTS, LABELS, ["O", "B-city"])


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_texts_without_words_are_not_held_out(tiny: Path, trainable_layers: int) -> None:
    params = {"trainable_layers": trainable_layers, "max_iter": 1, "early_stopping": True}
    for random_state in range(4):
        classifier = DistilBertTokenClassifier(tiny, random_state=random_state, **params)
        classifier.set_params(validation_fraction=0.5)
        classifier.fit([["is"], [], [], ["it"]], [["O"], [], [], ["O"]])
        assert classifier.validation_scores_ == [1]
    with pytest.raises(ValueError, match="With early_stopping, this applies to the held-out"):
        classifier.fit([["is"], [""]], [["O"], ["O"]])


def test_wrong_arguments_of_partial_fit(tiny: Path) -> None:
    with pytest.raises(TypeError, match="Every label in classes must be a string; got 1"):
        quick(tiny).partial_fit(TEXTS, LABELS, [1, 2])
    for params in ({"early_stopping": True}, {"class_weight": "balanced"}):
        with pytest.raises(ValueError, match="partial_fit sees only some of the texts"):
            quick(tiny, **params).partial_fit(TEXTS, LABELS, ["O"])
    with pytest.raises(ValueError, match="at least one word"):
        quick(tiny).partial_fit([[]], [[]], ["O"])


def test_epochs_by_default(monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    numbers: list[int] = []

    def recording(*args: Any) -> None:  # noqa: ANN401
        numbers.append(args[4])

    monkeypatch.setattr(FineTuning, "run", recording)
    for n_texts in (10, 2000):
        for n_layers in (0, 1):
            classifier = DistilBertTokenClassifier(tiny, trainable_layers=n_layers)
            classifier.fit([["is", "it"]] * n_texts, [["O", "B"]] * n_texts)
    assert numbers == [100, 30, 100, 4]
