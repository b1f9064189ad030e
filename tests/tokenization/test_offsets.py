from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers.processors import BertProcessing

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import encode_words
from skdistilbert.tokenization.truncation import windows
from tests.conftest import DATA
from tests.tokenization.reference import random_text, reference_tokenizer

if TYPE_CHECKING:
    from tokenizers import Encoding as ReferenceEncoding
    from tokenizers import Tokenizer

    from skdistilbert.tokenization import Encoding

TOKENIZER = WordPieceTokenizer(DATA / "distilbert-tiny" / "vocab.txt")
VOCAB = TOKENIZER.vocab
WORDS = [word for word in VOCAB if word.isalpha()]
FIELDS = {
    "input_ids": "ids",
    "offsets": "offsets",
    "word_ids": "word_ids",
    "sequence_ids": "sequence_ids",
    "token_type_ids": "type_ids",
    "special_tokens_mask": "special_tokens_mask",
}


@pytest.fixture
def reference() -> Tokenizer:
    tokenizer = reference_tokenizer(VOCAB, True, None, True)
    tokenizer.post_processor = BertProcessing(("[SEP]", VOCAB["[SEP]"]), ("[CLS]", VOCAB["[CLS]"]))
    return tokenizer


def fields(encoding: Encoding) -> dict[str, Any]:
    return {name: getattr(encoding, name) for name in FIELDS}


def reference_fields(encoding: ReferenceEncoding) -> dict[str, Any]:
    return {ours: getattr(encoding, theirs) for ours, theirs in FIELDS.items()}


@pytest.mark.parametrize("seed", range(40))
def test_windows_equal_those_of_tokenizers(reference: Tokenizer, seed: int) -> None:
    rng = random.Random(seed)
    texts = [random_text(rng, WORDS)]
    if rng.random() < 0.7:
        texts.append(" ".join(random_text(rng, WORDS) for _ in range(8)))
    cut = rng.randrange(len(texts))
    n_whole = sum(len(TOKENIZER.tokenize(text)) for row, text in enumerate(texts) if row != cut)
    room, special = rng.randrange(1, 40), rng.random() < 0.8
    max_length = n_whole + room + (len(texts) + 1) * special
    options = {"stride": rng.randrange(room), "strategy": ("only_first", "only_second")[cut]}
    reference.enable_truncation(max_length, **options)
    expected = reference.encode(*texts, add_special_tokens=special)
    whole = [TOKENIZER.encode_with_offsets(text, add_special_tokens=False) for text in texts]
    tokens = list(zip(whole[cut].input_ids, whole[cut].offsets, strict=True))
    got = [tokens[start:stop] for start, stop in windows(len(tokens), room, options["stride"])]
    assert got == [
        [
            (index, span)
            for index, span, sequence in zip(
                window.ids, window.offsets, window.sequence_ids, strict=True
            )
            if sequence == cut
        ]
        for window in [expected, *expected.overflowing]
    ]


def test_impossible_windows_raise_an_error() -> None:
    with pytest.raises(ValueError, match=r"room for 4 tokens .* overlap by stride=4"):
        list(windows(9, 4, 4))
    with pytest.raises(ValueError, match="room for 0 tokens"):
        list(windows(9, -2, 0))
    with pytest.raises(ValueError, match="stride must be an integer of at least 0; got -1"):
        list(windows(9, 4, -1))
    assert list(windows(4, 4, 4)) == [(0, 4)]  # One window has no overlap.


@pytest.mark.parametrize("seed", range(20))
def test_words_are_encoded_as_by_tokenizers(reference: Tokenizer, seed: int) -> None:
    rng = random.Random(seed)
    words = [random_text(rng, WORDS) for _ in range(rng.randrange(9))]
    words += rng.sample(["", "one-two", "New York", " x", "a[MASK]b", "\u200b", "a"], 4)
    expected = reference.encode(words, is_pretokenized=True)
    assert fields(encode_words(TOKENIZER, words)) == reference_fields(expected)
    plain = encode_words(TOKENIZER, words, add_special_tokens=False)
    assert plain.input_ids == expected.ids[1:-1]
    reference.enable_truncation(7)
    expected = reference.encode(words, is_pretokenized=True)
    cut = encode_words(TOKENIZER, words, max_length=7, truncation=True)
    assert fields(cut) == reference_fields(expected)


def test_invalid_words_raise_an_error() -> None:
    assert len(encode_words(TOKENIZER, [])) == 2
    with pytest.raises(TypeError, match="iterable of words; got the string 'a b'"):
        encode_words(TOKENIZER, "a b")
    with pytest.raises(TypeError, match="Word 1: a text must be a string, got None"):
        encode_words(TOKENIZER, ["a", None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"Word 0: it holds the lone surrogate U\+D83D"):
        encode_words(TOKENIZER, ["\ud83d"])


@pytest.mark.parametrize("texts", [("the", "one"), ("", "one"), ("the", ""), ("", ""), ("one",)])
def test_pairs_with_an_empty_text_equal_those_of_tokenizers(
    reference: Tokenizer, texts: tuple[str, ...]
) -> None:
    encoding = TOKENIZER.encode_with_offsets(*texts)
    assert fields(encoding) == reference_fields(reference.encode(*texts))
