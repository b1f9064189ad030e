from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from skdistilbert import DistilBertTokenClassifier
from skdistilbert.estimators.fine_tuning import FineTuning

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.nn.packing import Ragged
    from skdistilbert.nn.training import Examples

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
def test_it_learns(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    classifier = quick(tiny, trainable_layers=trainable_layers).fit(TEXTS, LABELS)
    assert classifier.classes_.tolist() == ["B-city", "B-person", "I-city", "O"]
    assert classifier.predict(TEXTS) == LABELS
    assert classifier.score(TEXTS, LABELS) == 1
    again = pickle.loads(pickle.dumps(classifier))
    assert again.predict(TEXTS) == LABELS


def test_the_head_alone_learns_something(tiny: Path) -> None:
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
    token_examples = FineTuning.token_examples

    def recording(training: FineTuning, windows: Ragged, *args: Any) -> Examples:  # noqa: ANN401
        lengths.extend(windows.lengths)
        return token_examples(training, windows, *args)

    monkeypatch.setattr(FineTuning, "token_examples", recording)
    classifier = DistilBertTokenClassifier(trainable_layers=0, max_iter=1)  # of 512 positions
    classifier.fit([["is"] * 700], [["O"] * 700])
    assert max(lengths) == classifier._encoder.tokenizer.model_max_length == 256


def test_words_without_tokens_and_texts_without_words(tiny: Path) -> None:
    texts = [*TEXTS, ["\u200b", "is"], []]
    classifier = quick(tiny, max_iter=2).fit(texts, [*LABELS, ["O", "O"], []])
    assert [len(labels) for labels in classifier.predict(texts)] == [5, 4, 6, 3, 2, 0]
    assert classifier.predict([["\u200b"]]) == [["O"]]


def test_early_stopping_scores_entities(tiny: Path) -> None:
    classifier = quick(tiny, early_stopping=True, validation_fraction=0.25, n_iter_no_change=15)
    classifier.fit(TEXTS * 4, LABELS * 4)
    assert classifier.best_validation_score_ == max(classifier.validation_scores_ or []) > 0.8
    assert cross_val_score(quick(tiny, max_iter=1), TEXTS, LABELS, cv=2).shape == (2,)


def test_warm_start(tiny: Path) -> None:
    classifier = quick(tiny, warm_start=True).fit(TEXTS, LABELS)
    classifier.set_params(max_iter=1, learning_rate_init=1e-6).fit(TEXTS, LABELS)
    assert classifier.predict(TEXTS) == LABELS
    with pytest.raises(ValueError, match="warm_start needs the labels of the first fit"):
        classifier.fit([["a"]], [["O"]])


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ("words", [], ValueError, "string object received"),
        (["some words"], [["O"]], TypeError, "Row 0: a text must be a list of words; got"),
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
