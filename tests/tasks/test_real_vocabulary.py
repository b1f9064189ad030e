"""Compare the tasks with transformers, with 30,000 vocabulary entries and random weights."""

from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from skdistilbert import (
    DistilBertModel,
    TruncationWarning,
    WordPieceTokenizer,
    answer,
    extract_entities,
    load_model,
    unmask,
)
from tests.tasks import peers
from tests.tasks.reference import assert_same
from tests.tasks.texts import LONG_MASKED, MASKED, PAIRS, TEXTS, WORDS, long_text

if TYPE_CHECKING:
    from pathlib import Path

Pair = tuple[DistilBertModel, WordPieceTokenizer]

ARCHITECTURES = {
    "token-classification": "DistilBertForTokenClassification",
    "masked-lm": "DistilBertForMaskedLM",
    "question-answering": "DistilBertForQuestionAnswering",
}
LABELS = {"token-classification": peers.SCHEMES["BIO"]}


def check_entities(pair: Pair, expected: peers.Json) -> None:
    for strategy in peers.STRATEGIES:
        got = extract_entities(*pair, TEXTS, aggregation_strategy=strategy)
        assert_same(got, expected["short"][f"BIO, {strategy}"], strategy)
    for (n_words, arguments), results in zip(peers.LONG, expected["long"], strict=True):
        got = extract_entities(*pair, long_text(n_words), **arguments)
        assert_same(peers.abridged(got), results, str(arguments))
    for strategy, results in expected["words"].items():
        labels = [
            [[word["entity"], word["score"]] for word in words]
            for words in extract_entities(*pair, WORDS, aggregation_strategy=strategy)
        ]
        assert_same(labels, results, strategy)


def check_guesses(pair: Pair, expected: peers.Json) -> None:
    for arguments, results in zip(peers.GUESSES, expected, strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The target .* is not in the vocabulary")
            warnings.simplefilter("ignore", TruncationWarning)
            got = unmask(*pair, [*MASKED, LONG_MASKED], **arguments)
        assert_same(got, results, str(arguments))


def check_answers(pair: Pair, expected: peers.Json) -> None:
    questions, contexts = map(list, zip(*PAIRS, strict=True))
    for arguments, results in zip(peers.ANSWERS, expected["pairs"], strict=True):
        assert_same(answer(*pair, questions, contexts, **arguments), results, str(arguments))


CHECKS = {
    "token-classification": check_entities,
    "masked-lm": check_guesses,
    "question-answering": check_answers,
}


@pytest.mark.parity
@pytest.mark.minilm
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("task", CHECKS)
def test_tasks_equal_those_of_transformers(
    task: str, lower: bool, minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    major = version("transformers").split(".")[0]
    if (task in peers.IN_TRANSFORMERS_4) != (int(major) < 5):
        pytest.skip(f"transformers {major} has another pipeline for {task}, or none")
    monkeypatch.setattr(peers, "LONG", peers.LONG[1:3])
    monkeypatch.setattr(peers, "LONG_ANSWERS", ())
    torch.manual_seed(1)
    vocab = WordPieceTokenizer.from_pretrained(minilm).vocab
    config = transformers.DistilBertConfig(
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=37,
        vocab_size=len(vocab),
        max_position_embeddings=128,
        initializer_range=0.2,
        id2label=dict(enumerate(LABELS.get(task, ("start", "end")))),
    )
    getattr(transformers, ARCHITECTURES[task])(config).save_pretrained(tmp_path)
    lines = "".join(f"{token}\n" for token in sorted(vocab, key=vocab.__getitem__))
    (tmp_path / "vocab.txt").write_text(lines, encoding="utf-8")
    settings = {"do_lower_case": lower, "tokenizer_class": "DistilBertTokenizer"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    pair = load_model(tmp_path), WordPieceTokenizer.from_pretrained(tmp_path)
    CHECKS[task](pair, peers.RESULTS[task](tmp_path))
