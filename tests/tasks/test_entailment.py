"""Labels from a head that predicts entailment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForSequenceClassification,
    TruncationWarning,
    WordPieceTokenizer,
    classify,
)
from tests.conftest import DATA
from tests.tasks.texts import ACCENTS, PLAIN

if TYPE_CHECKING:
    from pathlib import Path

DIRECTORY = DATA / "distilbert-tiny-sequence-classification"
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)
TEXTS = [PLAIN, ACCENTS, "who would you be?", "where then"]
LABELS = ["house", "water and city", "time"]
OUTPUTS = ["contradiction", "neutral", "ENTAILMENT"]


def entailment_model(outputs: list[str] = OUTPUTS) -> DistilBertForSequenceClassification:
    """Return the tiny classifier with smaller weights and other names of its outputs."""
    model = DistilBertForSequenceClassification.from_pretrained(DIRECTORY)
    config = replace(model.config, id2label=dict(enumerate(outputs)), problem_type=None)
    weights = {**model.weights, "classifier.weight": model.weights["classifier.weight"] / 2}
    return DistilBertForSequenceClassification(config, weights)


MODEL = entailment_model()


def by_label(found: Any) -> np.ndarray:  # noqa: ANN401
    rows = [{each["label"]: each["score"] for each in row} for row in found]
    return np.array([[row[label] for label in LABELS] for row in rows])


@pytest.mark.parametrize("template", [None, "is it {}?"])
def test_scores_are_those_of_pairs(template: str | None) -> None:
    sentence = template or "This example is {}."
    pairs = [(text, sentence.replace("{}", label)) for text in TEXTS for label in LABELS]
    scores = classify(MODEL, TOKENIZER, pairs, top_k=None, function_to_apply="none")
    named = [{each["label"]: each["score"] for each in row} for row in scores]
    logits = np.array([[row[name] for name in OUTPUTS] for row in named]).reshape(4, 3, 3)
    options: Any = {"labels": LABELS, "template": template, "top_k": None}
    exponentials = np.exp(logits[..., 2])
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    got = classify(MODEL, TOKENIZER, TEXTS, **options)
    np.testing.assert_allclose(by_label(got), expected, atol=1e-5)
    assert all(row == sorted(row, key=lambda x: -x["score"]) for row in got)
    expected = 1 / (1 + np.exp(logits[..., 0] - logits[..., 2]))
    got = classify(MODEL, TOKENIZER, TEXTS, multi_label=True, **options)
    np.testing.assert_allclose(by_label(got), expected, atol=1e-5)


def test_one_text_and_the_best_labels() -> None:
    many = classify(MODEL, TOKENIZER, TEXTS, labels=LABELS, top_k=2)
    assert [len(row) for row in many] == [2] * 4
    one = classify(MODEL, TOKENIZER, TEXTS[0], labels=(label for label in LABELS))
    assert one[0]["label"] == many[0][0]["label"]
    assert one[0]["score"] == pytest.approx(many[0][0]["score"], abs=1e-5)
    assert classify(MODEL, TOKENIZER, [], labels=LABELS) == []


@pytest.mark.parametrize("entails", [0, 1, 2])
def test_entailment_is_found_by_the_name_of_an_output(entails: int) -> None:
    names = ["a", "b", "c"]
    names[entails] = "entails"
    model = entailment_model(names)
    probabilities = classify(model, TOKENIZER, [(TEXTS[0], "This example is house.")], top_k=None)[
        0
    ]
    score = {each["label"]: each["score"] for each in probabilities}
    other = names[-1 if entails == 0 else 0]
    expected = score["entails"] / (score["entails"] + score[other])
    got = classify(model, TOKENIZER, TEXTS[0], labels=["house"])[0]["score"]
    assert got == pytest.approx(expected, abs=1e-5)


def test_only_the_text_is_truncated() -> None:
    long = f"{'where ' * 200}{PLAIN}"
    with pytest.warns(TruncationWarning, match=r"1 of 2 texts was .*=64 tokens \(row 1\)"):
        got = classify(MODEL, TOKENIZER, ["who", long], labels=LABELS, max_length=64, top_k=None)
    with pytest.warns(TruncationWarning, match=r"1 of 1 texts"):
        other = classify(MODEL, TOKENIZER, "where " * 64, labels=LABELS, max_length=64, top_k=None)
    np.testing.assert_allclose(by_label(got[1:]), by_label([other]), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": []}, "labels must name at least one label"),
        ({"labels": "house, city"}, "string object received"),
        ({"labels": LABELS, "template": "It is."}, r"template must contain \"\{\}\".*'It is.'"),
        (
            {"labels": ["no " * 200]},
            "204 tokens, which leave no room for a text in max_length=128",
        ),
        ({"labels": LABELS, "function_to_apply": "none"}, "function_to_apply does not apply to"),
        ({"multi_label": True}, "multi_label applies only to given labels; got multi_label=True"),
        ({"template": "It is {}."}, "template applies only to given labels"),
        ({"template": ""}, "template applies only to given labels; got template=''"),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classify(MODEL, TOKENIZER, TEXTS, **options)


def test_other_heads_are_refused() -> None:
    model = entailment_model(["yes", "no", "perhaps"])
    with pytest.raises(ValueError, match=r'starts with "entail"; .* \[\'yes\', \'no\', \'per'):
        classify(model, TOKENIZER, TEXTS, labels=LABELS)


def save_bert(outputs: list[str], directory: Path) -> None:
    """Save a BERT of random weights, which reads token types."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(TOKENIZER.vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=37,
        max_position_embeddings=128,
        initializer_range=0.3,
        id2label=dict(enumerate(outputs)),
        label2id={label: index for index, label in enumerate(outputs)},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(directory)
    TOKENIZER.save_pretrained(directory)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("model_type", ["distilbert", "bert"])
@pytest.mark.parametrize("outputs", [OUTPUTS, ["entailment", "neutral", "contradiction"]])
@pytest.mark.parametrize("multi_label", [False, True])
def test_scores_equal_those_of_transformers(
    model_type: str, outputs: list[str], multi_label: bool, tmp_path: Path
) -> None:
    pipeline = pytest.importorskip("transformers").pipeline
    if model_type == "bert":
        save_bert(outputs, tmp_path)
    else:
        entailment_model(outputs).save_pretrained(tmp_path, TOKENIZER)
    theirs = pipeline("zero-shot-classification", model=str(tmp_path), device="cpu")
    theirs.tokenizer.model_max_length = 64
    texts = [*TEXTS, "where is the water? " * 60]
    for labels in (LABELS, LABELS[:1]):
        expected = theirs(texts, labels, multi_label=multi_label)
        got = classify(
            tmp_path, texts, labels=labels, multi_label=multi_label, top_k=None, max_length=64
        )
        assert [[each["label"] for each in row] for row in got] == [x["labels"] for x in expected]
        for row, other in zip(got, expected, strict=True):
            np.testing.assert_allclose([x["score"] for x in row], other["scores"], atol=1e-5)
