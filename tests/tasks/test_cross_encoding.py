from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertForSequenceClassification,
    TruncationWarning,
    load_model,
    rank,
    score_pairs,
)
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Files = dict[str, Any]

QUERY = "where is it"
DOCUMENTS = ["it is here", "who is he", "", "one two", "where is it", "one two", "the " * 30]
PAIRS = [(QUERY, document) for document in DOCUMENTS]
SENTENCE_CONFIG = "config_sentence_transformers.json"
MODULES = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.Transformer"}]


@pytest.fixture(params=["distilbert", "bert"])
def three_labels(request: pytest.FixtureRequest) -> Path:
    return DATA / f"{request.param}-tiny-sequence-classification"


@pytest.fixture
def one_label(three_labels: Path, tmp_path: Path) -> Path:
    """A cross-encoder of random weights, in the form of transformers."""
    model = DistilBertForSequenceClassification.from_pretrained(three_labels)
    config = replace(model.config, id2label={0: "LABEL_0"}, problem_type=None)
    head = {name: model.weights[name][:1] for name in ("classifier.weight", "classifier.bias")}
    one = DistilBertForSequenceClassification(config, {**model.weights, **head})
    one.save_pretrained(tmp_path / "model", model.tokenizer)
    return tmp_path / "model"


def add(directory: Path, name: str, values: object) -> None:
    """Write a JSON file, or add fields to it."""
    file = directory / name
    if isinstance(values, dict) and file.is_file():
        values = json.loads(file.read_text()) | values
    file.write_text(json.dumps(values))


def logits_of(directory: Path, pairs: list[tuple[str, str]]) -> np.ndarray:
    model = load_model(directory)
    batch = model.tokenizer.encode_batch(*zip(*pairs, strict=True))
    types = batch.token_type_ids if model.config.uses_token_types else None
    logits: np.ndarray = model(*batch, token_type_ids=types).logits
    return logits


def sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-x))
    return result


def test_scores_of_one_label_are_sigmoids(one_label: Path) -> None:
    logits = logits_of(one_label, PAIRS)[:, 0]
    np.testing.assert_allclose(score_pairs(one_label, PAIRS), sigmoid(logits), atol=1e-6)
    raw = score_pairs(one_label, np.array(PAIRS), function_to_apply="none")
    np.testing.assert_allclose(raw, logits, atol=1e-6)


def test_scores_of_several_labels_are_logits(three_labels: Path) -> None:
    expected = logits_of(three_labels, PAIRS)
    np.testing.assert_allclose(score_pairs(three_labels, PAIRS), expected, atol=1e-5)
    assert score_pairs(three_labels, []).shape == (0, 3)


def test_documents_are_ranked_by_their_scores(one_label: Path) -> None:
    scores = score_pairs(one_label, PAIRS)
    ranked = rank(one_label, QUERY, DOCUMENTS)
    order = [document["corpus_id"] for document in ranked]
    assert order == np.argsort(-scores, kind="stable").tolist()
    assert order.index(3) + 1 == order.index(5)  # equal documents keep their order
    np.testing.assert_allclose([each["score"] for each in ranked], scores[order], atol=1e-6)
    assert (
        rank(one_label, load_model(one_label).tokenizer, QUERY, DOCUMENTS, top_k=2) == ranked[:2]
    )
    assert rank(one_label, QUERY, iter(DOCUMENTS), top_k=99) == ranked
    assert rank(one_label, QUERY, []) == []


STATED: dict[str, Files] = {
    "version 6": {SENTENCE_CONFIG: {"model_type": "CrossEncoder", "activation_fn": "{0}"}},
    "version 4": {"config.json": {"sentence_transformers": {"activation_fn": "{0}"}}},
    "version 3": {"config.json": {"sbert_ce_default_activation_function": "{0}"}},
    "first of several": {
        SENTENCE_CONFIG: {"model_type": "CrossEncoder", "activation_fn": "{0}"},
        "config.json": {"sbert_ce_default_activation_function": "torch.nn.ReLU"},
    },
}
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "torch.nn.modules.linear.Identity": lambda x: x,
    "torch.nn.modules.activation.Sigmoid": sigmoid,
    "torch.nn.modules.activation.Tanh": np.tanh,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("files", STATED.values(), ids=STATED)
def test_the_activation_of_the_checkpoint_is_applied(
    one_label: Path, files: Files, activation: str
) -> None:
    for name, values in files.items():
        add(one_label, name, json.loads(json.dumps(values).replace("{0}", activation)))
    expected = ACTIVATIONS[activation](logits_of(one_label, PAIRS)[:, 0])
    np.testing.assert_allclose(score_pairs(one_label, PAIRS), expected, atol=1e-6)
    assert rank(one_label, QUERY, DOCUMENTS)[0]["score"] == pytest.approx(expected.max(), abs=1e-6)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("evil.module.Function", "must be a class of torch; got 'evil.module.Function'"),
        ("torch.nn.modules.activation.Hardswish", "must be one of Identity, .*; got 'Hardswish'"),
        (7, "must be a class of torch; got 7"),
    ],
)
def test_other_activations_raise(one_label: Path, activation: object, message: str) -> None:
    add(one_label, SENTENCE_CONFIG, {"model_type": "CrossEncoder", "activation_fn": activation})
    with pytest.raises(CheckpointError, match=message):
        rank(one_label, QUERY, DOCUMENTS)
    assert len(rank(one_label, QUERY, DOCUMENTS, function_to_apply="none")) == len(DOCUMENTS)


def test_a_transformer_is_the_only_module(one_label: Path) -> None:
    add(one_label, SENTENCE_CONFIG, {"model_type": "CrossEncoder"})
    add(one_label, "modules.json", MODULES)
    add(one_label, "sentence_bert_config.json", {"transformer_task": "sequence-classification"})
    assert len(rank(one_label, QUERY, DOCUMENTS)) == len(DOCUMENTS)
    dense = {"idx": 1, "name": "1", "path": "1_Dense", "type": "sentence_transformers.base.Dense"}
    add(one_label, "modules.json", [*MODULES, dense])
    with pytest.raises(CheckpointError, match="must be only a Transformer.*'Dense'"):
        rank(one_label, QUERY, DOCUMENTS)
    add(one_label, "modules.json", MODULES)
    add(one_label, "sentence_bert_config.json", {"transformer_task": "feature-extraction"})
    with pytest.raises(
        CheckpointError, match="transformer_task must be 'sequence-classification'"
    ):
        rank(one_label, QUERY, DOCUMENTS)


def test_a_prompt_is_put_before_the_first_text(one_label: Path) -> None:
    prompted = [(f"the {query}", document) for query, document in PAIRS]
    expected = score_pairs(one_label, prompted)
    np.testing.assert_allclose(score_pairs(one_label, PAIRS, prompt="the "), expected, atol=1e-6)
    prompts = {"prompts": {"search": "the ", "other": "a "}, "default_prompt_name": "search"}
    add(one_label, SENTENCE_CONFIG, {"model_type": "CrossEncoder"} | prompts)
    np.testing.assert_allclose(score_pairs(one_label, PAIRS), expected, atol=1e-6)
    ranked = rank(one_label, QUERY, DOCUMENTS, prompt_name="search", top_k=1)
    assert ranked[0]["score"] == pytest.approx(expected.max(), abs=1e-6)
    with pytest.raises(ValueError, match="prompt_name must be one of .*'search', 'other'"):
        rank(one_label, QUERY, DOCUMENTS, prompt_name="find")


def test_long_documents_are_truncated_with_a_warning(one_label: Path) -> None:
    with pytest.warns(TruncationWarning, match=r"1 of 7 pairs was .*max_length=12 tokens \(row 6"):
        rank(one_label, QUERY, DOCUMENTS, max_length=12)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("", ["a"]), ValueError, "query must not be empty; got ''"),
        (("  ", ["a"]), ValueError, "query must not be empty"),
        ((5, ["a"]), TypeError, "query must be a string; got 5"),
        (("\ud800", ["a"]), ValueError, r"query: .*lone surrogate U\+D800"),
        (("a", ["a", 5]), TypeError, r"Every document must be a string; 1 of 2 documents \(row 1"),
        (("a", "a"), ValueError, "string object received"),
    ],
)
def test_invalid_queries_and_documents_raise(
    one_label: Path, arguments: tuple[Any, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        rank(one_label, *arguments)


def test_invalid_options_raise(one_label: Path, three_labels: Path) -> None:
    with pytest.raises(ValueError, match="top_k must be an integer of at least 1; got 0"):
        rank(one_label, QUERY, DOCUMENTS, top_k=0)
    with pytest.raises(ValueError, match="function_to_apply must be one of .*; got 'relu'"):
        score_pairs(one_label, PAIRS, function_to_apply="relu")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="score_pairs needs pairs of texts; got 'a'"):
        score_pairs(one_label, ["a", "b"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rank needs a model with one label; this one has 3"):
        rank(three_labels, QUERY, DOCUMENTS)


@pytest.mark.parity
@pytest.mark.filterwarnings("default", "ignore::skdistilbert.TruncationWarning")
@pytest.mark.parametrize("n_labels", [1, 3])
def test_scores_and_ranks_equal_those_of_sentence_transformers(
    one_label: Path, three_labels: Path, tmp_path: Path, n_labels: int
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    torch = pytest.importorskip("torch")
    source = one_label if n_labels == 1 else three_labels
    theirs = sentence_transformers.CrossEncoder(
        str(source), max_length=12, prompts={"ask": "the "}, activation_fn=torch.nn.Tanh()
    )
    theirs.default_prompt_name = "ask"
    theirs.save_pretrained(str(tmp_path / "saved"))
    saved = tmp_path / "saved"
    shutil.rmtree(one_label)
    for options in ({}, {"prompt": ""}, {"prompt_name": "ask"}):
        np.testing.assert_allclose(
            score_pairs(saved, PAIRS, **options), theirs.predict(PAIRS, **options), atol=1e-5
        )
    if n_labels == 1:
        distinct = DOCUMENTS[:5]  # torch computes slightly different scores of equal documents
        ours, expected = rank(saved, QUERY, distinct), theirs.rank(QUERY, distinct)
        assert [each["corpus_id"] for each in ours] == [each["corpus_id"] for each in expected]
