from __future__ import annotations

import pickle
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tokenizers.processors import BertProcessing

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import encode_ragged
from tests.tokenization.reference import random_text, reference_tokenizer
from tests.tokenization.test_tokenizer_files import VOCAB

if TYPE_CHECKING:
    from skdistilbert.tokenization.truncation import Side

WORDS = [word for word in VOCAB if word.isalpha()]


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(VOCAB)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("max_length", [None, 3, 4, 9, 16, 33])
def test_pairs_equal_those_of_tokenizers(max_length: int | None, side: Side) -> None:
    rng = random.Random(f"{max_length} {side}")
    ours = WordPieceTokenizer(VOCAB, truncation_side=side)
    theirs = reference_tokenizer(VOCAB, True, None, True)
    theirs.post_processor = BertProcessing(("[SEP]", VOCAB["[SEP]"]), ("[CLS]", VOCAB["[CLS]"]))
    if max_length is not None:
        theirs.enable_truncation(max_length, strategy="longest_first", direction=side)
    pairs = [(random_text(rng, WORDS), random_text(rng, WORDS)) for _ in range(300)] + [("", "")]
    encoded = encode_ragged(ours, iter(pairs), max_length=max_length, first_row=7)
    expected = theirs.encode_batch(pairs)
    assert encoded.token_type_ids is not None
    assert [ids.tolist() for ids in encoded.input_ids] == [each.ids for each in expected]
    assert [ids.tolist() for ids in encoded.token_type_ids] == [each.type_ids for each in expected]
    truncated_rows = [row for row, each in enumerate(expected, 7) if each.overflowing]
    assert encoded.truncated_rows == truncated_rows
    for pair, each in zip(pairs, expected, strict=True):
        aligned = ours.encode_with_offsets(
            *pair, max_length=max_length, truncation=max_length is not None
        )
        assert (aligned.input_ids, aligned.token_type_ids) == (each.ids, each.type_ids)
        assert (aligned.offsets, aligned.word_ids) == (each.offsets, each.word_ids)


def test_single_texts_have_no_token_types(tokenizer: WordPieceTokenizer) -> None:
    assert encode_ragged(tokenizer, ["one two", "one"], max_length=3).token_type_ids is None
    assert encode_ragged(tokenizer, []) == ([], [], None)


def test_pairs_without_special_tokens(tokenizer: WordPieceTokenizer) -> None:
    encoded = encode_ragged(tokenizer, [("one", "two one")], add_special_tokens=False)
    assert encoded.input_ids[0].tolist() == [VOCAB[word] for word in ("one", "two", "one")]
    assert encoded.token_type_ids is not None
    assert encoded.token_type_ids[0].tolist() == [0, 1, 1]


def test_errors_in_pairs_name_the_row(tokenizer: WordPieceTokenizer) -> None:
    with pytest.raises(TypeError, match="Row 1: a text must be a string, got 5"):
        encode_ragged(tokenizer, [("a", "b"), ("a", 5)])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="Row 3: .*lone surrogate"):
        encode_ragged(tokenizer, [("a", "b"), ("\ud800", "b")], first_row=2)
    with pytest.raises(ValueError, match=r"max_length must be at least 3, for \[CLS\] and \[SEP"):
        encode_ragged(tokenizer, [("a", "b")], max_length=2)


def test_a_padded_batch_has_token_types(tokenizer: WordPieceTokenizer) -> None:
    batch = tokenizer.encode_batch(["one", "two one"], ["two", "one"])
    np.testing.assert_array_equal(batch.token_type_ids, [[0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1]])
    input_ids, attention_mask = batch
    np.testing.assert_array_equal(attention_mask, [[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])
    for copy in (pickle.loads(pickle.dumps(batch)), type(batch)(*batch, batch.token_type_ids)):
        np.testing.assert_array_equal(copy.input_ids, input_ids)
        np.testing.assert_array_equal(copy.token_type_ids, batch.token_type_ids)


def test_token_types_of_single_texts_and_of_padding_are_0() -> None:
    tokenizer = WordPieceTokenizer(VOCAB, padding_side="left")
    assert not tokenizer.encode_batch(["one", "two one"]).token_type_ids.any()
    batch = tokenizer.encode_batch(["one", "two one"], ["two", "one"])
    assert batch.token_type_ids[0].tolist() == [0, 0, 0, 0, 1, 1]
