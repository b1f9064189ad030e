from __future__ import annotations

import warnings

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertForMaskedLM,
    TruncationWarning,
    WordPieceTokenizer,
    load_model,
    unmask,
)
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
def test_predictions_equal_those_of_transformers(source: str) -> None:
    for arguments, expected in zip(GUESSES, reference("masked-lm", source), strict=True):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The target .* is not in the vocabulary")
            warnings.simplefilter("ignore", TruncationWarning)
            got = unmask(MODEL, TOKENIZER, [*MASKED, LONG_MASKED], **arguments)
        assert_same(got, expected, str(arguments))


def test_predictions_do_not_depend_on_order_batch_or_threads() -> None:
    many = unmask(MODEL, TOKENIZER, MASKED)
    backwards = unmask(MODEL, TOKENIZER, MASKED[::-1], n_threads=2)
    assert_same(backwards[::-1], many)
    assert_same([unmask(MODEL, TOKENIZER, text) for text in MASKED], many)
    assert unmask(MODEL, TOKENIZER, []) == []


def test_tokens_of_equal_scores_are_in_the_order_of_their_ids() -> None:
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


def test_long_texts_are_truncated_with_a_warning() -> None:
    with pytest.warns(TruncationWarning, match="1 of 1 texts was truncated to max_length=128"):
        guesses = unmask(MODEL, TOKENIZER, f"[MASK] {long_text(5000)}", top_k=1)
    assert guesses[0]["sequence"].startswith(f"{guesses[0]['token_str']} where is")
    with pytest.raises(ValueError, match=r"in row 0 has no \[MASK\] among its first 128 tokens"):
        unmask(MODEL, TOKENIZER, f"{long_text(5000)} [MASK]")


def test_unknown_targets_are_replaced_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="'Where' is not .*: replacing it with 'where'") as record:
        (guess,) = unmask(MODEL, TOKENIZER, "[MASK]", targets="Where")
    assert guess["token_str"] == "where"
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match="' ' is not in the vocabulary: ignoring it"):
        (guess,) = unmask(MODEL, TOKENIZER, "[MASK]", targets=[" ", "it"])
    assert guess["token_str"] == "it"
    with pytest.raises(ValueError, match=r"at least one token of the vocabulary; got \[\]"):
        unmask(MODEL, TOKENIZER, "[MASK]", targets=[])
    user = AddedToken("[user]", 1124)
    tokenizer = WordPieceTokenizer.from_pretrained(DIRECTORY, added_tokens=[user])
    with pytest.raises(CheckpointError, match="token id 1124, .* only 1124 word embeddings"):
        unmask(MODEL, tokenizer, "[MASK]", targets="[user]")


def test_invalid_arguments_raise() -> None:
    with pytest.raises(TypeError, match="unmask needs a DistilBertForMaskedLM as model; got Dist"):
        unmask(load_model(DATA / "distilbert-tiny"), TOKENIZER, "[MASK]")
    with pytest.raises(ValueError, match=r"text in row 1 has no \[MASK\] .*Write \[MASK\] in"):
        unmask(MODEL, TOKENIZER, ["[MASK]", "a"])
    with pytest.raises(ValueError, match="top_k must be an integer of at least 1; got 0"):
        unmask(MODEL, TOKENIZER, "[MASK]", top_k=0)
    with pytest.raises(TypeError, match=r"1 of 2 texts \(row 1\) is not \(the first is None"):
        unmask(MODEL, TOKENIZER, ["[MASK]", None])  # type: ignore[list-item]
