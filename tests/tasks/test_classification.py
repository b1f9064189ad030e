from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForSequenceClassification,
    TruncationWarning,
    WordPieceTokenizer,
    classify,
    load_model,
)
from skdistilbert.nn.functional import softmax
from tests.conftest import DATA
from tests.tasks.peers import CLASSIFICATIONS
from tests.tasks.reference import SOURCES, assert_same, checkpoint, reference
from tests.tasks.texts import TEXTS

# The texts have emoji and Chinese words, which the small vocabulary lacks.
pytestmark = pytest.mark.filterwarnings("ignore:Most tokens of")

if TYPE_CHECKING:
    from skdistilbert.tasks.pair_input import PairDict

DIRECTORY = checkpoint("sequence-classification")
MODEL = DistilBertForSequenceClassification.from_pretrained(DIRECTORY)
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)


def with_labels(problem_type: str | None, num_labels: int) -> DistilBertForSequenceClassification:
    labels = {index: MODEL.config.id2label[index] for index in range(num_labels)}
    config = replace(MODEL.config, problem_type=problem_type, id2label=labels)
    head = {
        f"classifier.{name}": MODEL.weights[f"classifier.{name}"] for name in ("weight", "bias")
    }
    head = {name: tensor[:num_labels] for name, tensor in head.items()}
    return DistilBertForSequenceClassification(config, {**MODEL.weights, **head})


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.filterwarnings("default")
def test_labels_equal_those_of_transformers(source: str) -> None:
    expected = reference("sequence-classification", source)
    for ((problem_type, num_labels), arguments), results in zip(
        CLASSIFICATIONS, expected, strict=True
    ):
        model = with_labels(problem_type, num_labels)
        got = classify(model, TOKENIZER, TEXTS, **arguments)
        assert_same(got, results, f"{problem_type}, {num_labels}, {arguments}")


def test_labels_do_not_depend_on_order_batch_or_threads() -> None:
    many = classify(MODEL, TOKENIZER, TEXTS, top_k=None)
    backwards = classify(MODEL, TOKENIZER, TEXTS[::-1], top_k=None, n_threads=2)
    assert_same(backwards[::-1], many)
    assert_same([classify(MODEL, TOKENIZER, text, top_k=None) for text in TEXTS], many)
    assert classify(MODEL, TOKENIZER, []) == []


def test_scores_underflow_to_zero_and_ties_keep_their_order() -> None:
    weights = {**MODEL.weights, "classifier.weight": np.zeros((3, 32), np.float32)}
    weights["classifier.bias"] = np.float32([-1e4, 5, 5])
    config = replace(MODEL.config, problem_type="multi_label_classification")
    model = DistilBertForSequenceClassification(config, weights)
    assert classify(model, TOKENIZER, "a", top_k=None)[-1] == {"label": "neutral", "score": 0.0}
    assert [row["label"] for row in classify(model, TOKENIZER, "a", top_k=2)] == [
        "angry",
        "pleased",
    ]


def test_invalid_arguments_raise() -> None:
    with pytest.raises(
        TypeError,
        match="needs a DistilBertForSequenceClassification as model; got DistilBertForMaskedLM",
    ):
        classify(load_model(DATA / "distilbert-tiny-masked-lm"), TOKENIZER, "a")
    with pytest.raises(ValueError, match="top_k must be an integer of at least 1; got 0"):
        classify(MODEL, TOKENIZER, "a", top_k=0)
    with pytest.raises(ValueError, match="one of 'softmax', .*'none', or None .*; got 'tanh'"):
        classify(MODEL, TOKENIZER, "a", function_to_apply="tanh")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"1 of 2 texts \(row 1\) is not \(the first is 5"):
        classify(MODEL, TOKENIZER, ["a", 5])  # type: ignore[list-item]
    with pytest.warns(TruncationWarning, match=r"1 of 2 texts was truncated .*=128 .*\(row 1\)"):
        classify(MODEL, TOKENIZER, ["a", "a " * 200])


PAIRS = [("where is it", "it is here"), ("one two", "the one"), ("", "a b c " * 9), ("a", "")]


def test_pairs_are_joined_by_the_separator() -> None:
    got = classify(MODEL, TOKENIZER, PAIRS, top_k=None)
    batch = TOKENIZER.encode_batch(*zip(*PAIRS, strict=True))
    scores = softmax(MODEL(*batch).logits)
    assert [[label["score"] for label in labels] for labels in got] == [
        pytest.approx(sorted(row, reverse=True), abs=1e-6) for row in scores
    ]


def test_a_pair_may_be_a_dict() -> None:
    dicts: list[PairDict] = [{"text": first, "text_pair": second} for first, second in PAIRS]
    expected = classify(MODEL, TOKENIZER, PAIRS)
    assert_same(classify(MODEL, TOKENIZER, dicts), expected)
    assert_same(classify(MODEL, TOKENIZER, np.array(PAIRS)), expected)
    assert_same([classify(DIRECTORY, pair) for pair in dicts], expected)
    assert len(classify(DIRECTORY, ("one", "two"))) == 2  # two single texts


def test_the_longer_text_of_a_pair_is_truncated() -> None:
    with pytest.warns(TruncationWarning, match=r"1 of 2 pairs was truncated .*=9 tokens \(row 1"):
        got = classify(MODEL, TOKENIZER, [("a", "b"), ("a b", "a " * 99)], max_length=9)
    assert_same(got, classify(MODEL, TOKENIZER, [("a", "b"), ("a b", "a a a a")]))


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_labels_of_pairs_equal_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    pipeline = transformers.pipeline("text-classification", str(DIRECTORY), top_k=None)
    pairs = PAIRS[:3]  # The pipeline reads a pair with an empty second text as a single text.
    expected = [pipeline({"text": first, "text_pair": second}) for first, second in pairs]
    assert_same(classify(MODEL, TOKENIZER, pairs, top_k=None), expected)
