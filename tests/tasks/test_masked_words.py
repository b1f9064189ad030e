from __future__ import annotations

import warnings

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForMaskedLM,
    TruncationWarning,
    WordPieceTokenizer,
    load_model,
    unmask,
)
from skdistilbert.nn.heads import MaskedLMHead
from skdistilbert.tokenization import AddedToken
from tests.conftest import DATA
from tests.tasks.peers import GUESSES
from tests.tasks.reference import SOURCES, assert_same, checkpoint, reference
from tests.tasks.texts import LONG_MASKED, MASKED, long_text

DIRECTORY = checkpoint("masked-lm")
MODEL = DistilBertForMaskedLM.from_pretrained(DIRECTORY)
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.filterwarnings("default")
def test_guesses_are_those_of_transformers(source: str) -> None:
    for arguments, expected in zip(GUESSES, reference("masked-lm", source), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The target .* is not in the vocabulary")
            warnings.simplefilter("ignore", TruncationWarning)
            got = unmask(MODEL, TOKENIZER, [*MASKED, LONG_MASKED], **arguments)
        assert_same(got, expected, str(arguments))


def test_one_text_alone_and_many_in_any_order() -> None:
    many = unmask(MODEL, TOKENIZER, MASKED)
    backwards = unmask(MODEL, TOKENIZER, MASKED[::-1], n_threads=2)
    assert_same(backwards[::-1], many)
    assert_same([unmask(MODEL, TOKENIZER, text) for text in MASKED], many)
    assert unmask(MODEL, TOKENIZER, []) == []


def test_only_masked_tokens_go_through_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    n_tokens = []
    logits = MaskedLMHead.logits

    def counted(head: MaskedLMHead, hidden: np.ndarray) -> np.ndarray:
        n_tokens.append(hidden.shape[1])
        return logits(head, hidden)

    monkeypatch.setattr(MaskedLMHead, "logits", counted)
    unmask(MODEL, TOKENIZER, MASKED * 3)
    assert sum(n_tokens) == 3 * sum(text.count("[MASK]") for text in MASKED)


def test_guesses_of_equal_scores_and_of_all_tokens() -> None:
    zeros = np.zeros_like(MODEL.weights["vocab_projector.weight"])
    bias = np.zeros(len(zeros), np.float32)
    bias[[7, 900]] = 1
    weights = {"vocab_projector.weight": zeros, "vocab_projector.bias": bias}
    model = DistilBertForMaskedLM(MODEL.config, {**MODEL.weights, **weights})
    guesses = unmask(model, TOKENIZER, "[MASK]", top_k=4)
    assert [guess["token"] for guess in guesses] == [7, 900, 0, 1]
    every = unmask(model, TOKENIZER, "[MASK]", top_k=9999)
    assert len(every) == len(zeros)
    assert sum(guess["score"] for guess in every) == pytest.approx(1, abs=1e-5)


def test_long_texts_are_cut_with_a_warning() -> None:
    with pytest.warns(TruncationWarning, match="1 of 1 texts have more than max_length=128"):
        guesses = unmask(MODEL, TOKENIZER, f"[MASK] {long_text(5000)}", top_k=1)
    assert guesses[0]["sequence"].startswith(f"{guesses[0]['token_str']} where is")
    with pytest.raises(ValueError, match=r"Row 0: .* no \[MASK\] among its first 128 tokens"):
        unmask(MODEL, TOKENIZER, f"{long_text(5000)} [MASK]")


def test_targets_that_are_no_tokens() -> None:
    with pytest.warns(UserWarning, match="'Where' is not .*: replacing it with 'where'") as record:
        (guess,) = unmask(MODEL, TOKENIZER, "[MASK]", targets="Where")
    assert guess["token_str"] == "where"
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match="' ' is not in the vocabulary: leaving it out"):
        (guess,) = unmask(MODEL, TOKENIZER, "[MASK]", targets=[" ", "it"])
    assert guess["token_str"] == "it"
    with pytest.raises(ValueError, match="at least one token of the vocabulary; none is left"):
        unmask(MODEL, TOKENIZER, "[MASK]", targets=[])
    user = AddedToken("[user]", 1124)
    tokenizer = WordPieceTokenizer.from_pretrained(DIRECTORY, added_tokens=[user])
    with pytest.raises(ValueError, match=r"'\[user\]' among targets is none of the model's 1124"):
        unmask(MODEL, tokenizer, "[MASK]", targets="[user]")


def test_what_cannot_be_unmasked() -> None:
    with pytest.raises(TypeError, match="unmask needs a DistilBertForMaskedLM; got DistilBertM"):
        unmask(load_model(DATA / "distilbert-tiny"), TOKENIZER, "[MASK]")
    with pytest.raises(ValueError, match=r"Row 1: the text has no \[MASK\] .*; write it where"):
        unmask(MODEL, TOKENIZER, ["[MASK]", "a"])
    with pytest.raises(ValueError, match="top_k must be an integer of at least 1; got 0"):
        unmask(MODEL, TOKENIZER, "[MASK]", top_k=0)
    with pytest.raises(TypeError, match="Row 1: a text must be a string, got None"):
        unmask(MODEL, TOKENIZER, ["[MASK]", None])  # type: ignore[list-item]
