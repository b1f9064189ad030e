"""`classify` with long_text="window"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForSequenceClassification,
    TruncationWarning,
    WordPieceTokenizer,
    classify,
)
from skdistilbert.nn.functional import sigmoid, softmax
from skdistilbert.tokenization.truncation import windows as token_windows
from tests.conftest import DATA

DIRECTORY = DATA / "distilbert-tiny-sequence-classification"
MODEL = DistilBertForSequenceClassification.from_pretrained(DIRECTORY)
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)
BERT = DATA / "bert-tiny-sequence-classification"
WORDS = ["the", "one", "two", "what", "would", "you", "do", "it", "is", "there", "too", "then"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, n)) for n in (40, 3, 0, 8, 9, 77, 1)]


def mean_logits(
    model: DistilBertForSequenceClassification,
    tokenizer: WordPieceTokenizer,
    text: str,
    second: list[int],
    max_length: int,
    stride: int,
) -> np.ndarray:
    """Average the logits of the windows of a text, which are computed one by one."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    logits, weights = [], []
    room = max_length - 2 - len(second)
    for start, stop in token_windows(len(ids), room, stride):
        first = [cls, *ids[start:stop], sep]
        types = [[0] * len(first) + [1] * len(second)]
        has_types = model.config.uses_token_types
        logits.append(
            model.logits([first + second], token_type_ids=types if has_types else None)[0]
        )
        edges = (start == 0) + (stop == len(ids))
        weights.append(stop - start + edges - (2 - edges) * stride / 2)
    return np.average(logits, axis=0, weights=weights)


def scores(found: Any, names: list[str]) -> np.ndarray:  # noqa: ANN401
    rows = [{each["label"]: each["score"] for each in row} for row in found]
    return np.array([[row[name] for name in names] for row in rows])


@pytest.mark.parametrize("problem_type", [None, "multi_label_classification", "regression"])
def test_the_function_is_applied_to_the_mean_of_the_logits(problem_type: str | None) -> None:
    config = replace(MODEL.config, problem_type=problem_type)
    model = DistilBertForSequenceClassification(config, MODEL.weights)
    logits = np.array([mean_logits(model, TOKENIZER, text, [], 12, 4) for text in TEXTS])
    functions: dict[str | None, Any] = {None: softmax, "multi_label_classification": sigmoid}
    expected = functions.get(problem_type, np.asarray)(logits)
    options: Any = {"max_length": 12, "long_text": "window", "stride": 4, "top_k": None}
    names = list(config.id2label.values())
    got = classify(model, TOKENIZER, TEXTS, **options)
    np.testing.assert_allclose(scores(got, names), expected, atol=1e-5)
    one = classify(model, TOKENIZER, TEXTS[0], **options)
    np.testing.assert_allclose(scores([one], names), expected[:1], atol=1e-5)
    assert classify(model, TOKENIZER, [], **options) == []


@pytest.mark.parametrize("directory", [DIRECTORY, BERT])
def test_the_windows_of_a_text_are_read_with_each_label(directory: Any) -> None:  # noqa: ANN401
    model = DistilBertForSequenceClassification.from_pretrained(directory)
    names = ["contradiction", "neutral", "entailment"]
    config = replace(model.config, id2label=dict(enumerate(names)), problem_type=None)
    model = DistilBertForSequenceClassification(config, model.weights)
    tokenizer, labels = WordPieceTokenizer.from_pretrained(directory), ["one", "what you do"]
    logits = np.empty((len(TEXTS), 2))
    for column, label in enumerate(labels):
        sentence = tokenizer.encode(f"is it {label}", add_special_tokens=False)
        second = [*sentence, tokenizer.sep_token_id]
        for row, text in enumerate(TEXTS):
            logits[row, column] = mean_logits(model, tokenizer, text, second, 20, 2)[2]
    options: Any = {"labels": labels, "template": "is it {}", "top_k": None}
    windows: Any = {"max_length": 20, "long_text": "window", "stride": 2}
    got = classify(model, tokenizer, TEXTS, **options, **windows)
    np.testing.assert_allclose(scores(got, labels), softmax(logits), atol=1e-5)
    with pytest.raises(ValueError, match="room for .* tokens of the text, too few .* stride=12"):
        classify(model, tokenizer, TEXTS, **options, **windows | {"stride": 12})


def test_texts_that_fit_are_not_changed_by_windows() -> None:
    got, expected = (
        scores(classify(MODEL, TOKENIZER, TEXTS, top_k=None, **options), ["neutral"])
        for options in ({"long_text": "window"}, {})  # type: ignore[var-annotated]
    )
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_the_truncation_warning_suggests_windows_for_single_texts() -> None:
    with pytest.warns(TruncationWarning, match=r'2 of 7 .*\(rows 0, 5\). Use long_text="window"'):
        classify(MODEL, TOKENIZER, TEXTS, max_length=12)
    pairs = [(text, "one") for text in TEXTS]
    with pytest.warns(TruncationWarning, match=r"2 of 7 pairs .*\(rows 0, 5\). Split long texts"):
        classify(MODEL, TOKENIZER, pairs, max_length=13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"long_text": "cut"}, "long_text must be one of 'truncate', 'window'; got 'cut'"),
        ({"long_text": "window", "stride": 10}, "room for 10 tokens .* stride=10"),
        ({"long_text": "window", "stride": -1}, "stride must be an integer of at least 0; got -1"),
        (
            {"long_text": "window", "max_length": 2},
            r"max_length must be at least 3 for windows .* \[CLS\], a token of the text .* got 2",
        ),
        ({"long_text": "window", "stride": 0.5}, "stride must be an integer or None; got 0.5"),
    ],
)
def test_invalid_windows_raise(options: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        classify(MODEL, TOKENIZER, TEXTS, **{"max_length": 12, **options})


def test_pairs_are_not_read_in_windows() -> None:
    with pytest.raises(ValueError, match="long_text must be 'truncate' for pairs of texts"):
        classify(MODEL, TOKENIZER, [("one", "two")], long_text="window")
