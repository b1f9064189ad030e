from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers.processors import BertProcessing

from skdistilbert import WordPieceTokenizer
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
    got = TOKENIZER.encode_windows(
        *texts,
        max_length=max_length,
        stride=options["stride"],
        truncation=options["strategy"],
        add_special_tokens=special,
    )
    assert [fields(window) for window in got] == [
        reference_fields(window) for window in [expected, *expected.overflowing]
    ]


def test_windows_cut_the_last_text_by_default() -> None:
    pair = TOKENIZER.encode_windows("a b", "the one " * 9, max_length=12, stride=3)
    assert pair == TOKENIZER.encode_windows(
        "a b", "the one " * 9, max_length=12, stride=3, truncation="only_second"
    )
    assert all(window.input_ids[:4] == pair[0].input_ids[:4] for window in pair)
    single = TOKENIZER.encode_windows("the one " * 9, max_length=7)
    assert [len(window) for window in single] == [7, 7, 7, 5]
    assert len(TOKENIZER.encode_windows("", max_length=7)) == 1


def test_impossible_windows_raise_an_error(reference: Tokenizer) -> None:
    with pytest.raises(ValueError, match=r"room for 4 tokens .* overlap by stride=4"):
        TOKENIZER.encode_windows("a", max_length=6, stride=4)
    reference.enable_truncation(9, stride=4, strategy="only_second")
    with pytest.raises(BaseException, match="must be strictly less than"):
        reference.encode("a b c", "the one two time")
    with pytest.raises(ValueError, match=r"room for 3 tokens .* overlap by stride=4"):
        TOKENIZER.encode_windows("a b c", "the one two time", max_length=9, stride=4)
    with pytest.raises(ValueError, match="room for 0 tokens"):
        TOKENIZER.encode_windows("a b c d e f g h", "the one", max_length=9)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        TOKENIZER.encode_windows("a", max_length=6, stride=-1)
    with pytest.raises(ValueError, match="'only_second' needs a text_pair"):
        TOKENIZER.encode_windows("a", max_length=6, truncation="only_second")
    with pytest.raises(ValueError, match="must be 'only_first' or 'only_second'"):
        TOKENIZER.encode_windows("a", max_length=6, truncation="longest_first")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 2"):
        TOKENIZER.encode_windows("a", max_length=1)


@pytest.mark.parametrize("seed", range(20))
def test_words_are_encoded_as_by_tokenizers(reference: Tokenizer, seed: int) -> None:
    rng = random.Random(seed)
    words = [random_text(rng, WORDS) for _ in range(rng.randrange(9))]
    words += rng.sample(["", "one-two", "New York", " x", "a[MASK]b", "\u200b", "a"], 4)
    expected = reference.encode(words, is_pretokenized=True)
    assert fields(TOKENIZER.encode_words(words)) == reference_fields(expected)
    plain = TOKENIZER.encode_words(words, add_special_tokens=False)
    assert plain.input_ids == expected.ids[1:-1]
    reference.enable_truncation(7)
    expected = reference.encode(words, is_pretokenized=True)
    cut = TOKENIZER.encode_words(words, max_length=7, truncation=True)
    assert fields(cut) == reference_fields(expected)


def test_invalid_words_raise_an_error() -> None:
    assert len(TOKENIZER.encode_words([])) == 2
    with pytest.raises(TypeError, match="iterable of words, got the string 'a b'"):
        TOKENIZER.encode_words("a b")
    with pytest.raises(TypeError, match="Word 1: a text must be a string, got None"):
        TOKENIZER.encode_words(["a", None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"Word 0: it holds the lone surrogate U\+D83D"):
        TOKENIZER.encode_words(["\ud83d"])


@pytest.mark.parametrize("texts", [("the", "one"), ("", "one"), ("the", ""), ("", ""), ("one",)])
def test_pairs_with_an_empty_text_equal_those_of_tokenizers(
    reference: Tokenizer, texts: tuple[str, ...]
) -> None:
    encoding = TOKENIZER.encode_with_offsets(*texts)
    assert fields(encoding) == reference_fields(reference.encode(*texts))
