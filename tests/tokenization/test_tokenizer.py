from __future__ import annotations

import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tokenizers.processors import BertProcessing

from skdistilbert import CheckpointError, WordPieceTokenizer
from skdistilbert.tokenization import (
    AddedToken,
    bounded_cache,
    encode_ragged,
    normalization,
    unicode_tables,
)
from skdistilbert.tokenization.vocab_file import read_vocab
from tests.conftest import DATA
from tests.tokenization.reference import (
    OPTIONS,
    as_options,
    assert_same,
    random_text,
    reference_tokenizer,
)

VOCAB = read_vocab(DATA / "distilbert-tiny" / "vocab.txt")
WORDS = [word for word in VOCAB if word.isalpha()]


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(VOCAB)


def borders_of_tables() -> set[int]:
    """Return the first and the last code point of each range, and their neighbours."""
    found = [table for name, table in vars(unicode_tables).items() if name.isupper()]
    ranges = [entry[:2] for table in found if not isinstance(table, dict) for entry in table]
    assert len(ranges) > 1000
    return {border + step for pair in ranges for border in pair for step in (-1, 0, 1)}


@pytest.mark.parametrize(("lowercase", "strip_accents", "chinese"), OPTIONS)
def test_random_texts_are_tokenised_as_by_tokenizers(
    lowercase: bool, strip_accents: bool | None, chinese: bool
) -> None:
    rng = random.Random(f"{lowercase} {strip_accents} {chinese}")
    texts = [random_text(rng, WORDS) for _ in range(800)]
    ours = WordPieceTokenizer(VOCAB, **as_options(lowercase, strip_accents, chinese))
    assert_same(ours, reference_tokenizer(VOCAB, lowercase, strip_accents, chinese), texts)


@pytest.mark.parametrize("pattern", ["a{0}b", "{0}{0}", "\u0301{0}\u0323"])
def test_code_points_are_tokenised_as_by_tokenizers(
    tokenizer: WordPieceTokenizer, pattern: str
) -> None:
    codes = borders_of_tables() | {*range(0, 0x110000, 97)}
    codes &= {*range(0xD800), *range(0xE000, 0x110000)}
    texts = [pattern.format(chr(code)) for code in codes]
    assert_same(tokenizer, reference_tokenizer(VOCAB, True, None, True), texts)


def test_words_of_more_than_100_characters_are_unknown(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("z" * 100) == ["z", *["##z"] * 99]
    assert tokenizer.tokenize("z" * 101) == ["[UNK]"]
    assert tokenizer.tokenize("z" * 100_000) == ["[UNK]"]


def test_long_words_are_unknown_even_if_the_vocabulary_contains_them() -> None:
    vocab = VOCAB | {"y" * length: len(VOCAB) + length for length in range(90, 110)}
    texts = [f"{'y' * length} {'y' * length}Y." for length in range(85, 115)]
    ours = WordPieceTokenizer(vocab)
    assert_same(ours, reference_tokenizer(vocab, True, None, True), texts)


def test_special_tokens_in_a_text_are_found_unless_split(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("a[MASK]b [mask]")[:4] == ["a", "[MASK]", "b", "["]
    careful = WordPieceTokenizer(VOCAB, split_special_tokens=True)
    assert "[MASK]" not in careful.tokenize("a[MASK]b")


def test_encode_adds_special_tokens_truncates_and_pads(tokenizer: WordPieceTokenizer) -> None:
    ids = tokenizer.encode("the one")
    assert ids == [VOCAB[token] for token in ("[CLS]", "the", "one", "[SEP]")]
    assert tokenizer.encode("the one", add_special_tokens=False) == ids[1:-1]
    assert tokenizer.encode("the one", max_length=3, truncation=True) == [*ids[:2], ids[-1]]
    assert tokenizer.encode("the one", max_length=6, padding="max_length") == [*ids, 0, 0]
    assert tokenizer.encode("the one", max_length=2) == ids  # no truncation by default
    with pytest.raises(ValueError, match="no model_max_length. Pass max_length"):
        tokenizer.encode("the one", truncation=True)
    with pytest.raises(ValueError, match="max_length must be at least 2"):
        tokenizer.encode("the one", truncation=True, max_length=1)


def test_invalid_lengths_and_strategies_raise_an_error(tokenizer: WordPieceTokenizer) -> None:
    ids = tokenizer.encode("the one")
    assert (
        tokenizer.encode("the one", padding="max_length", max_length=1) == ids
    )  # as transformers
    for wrong in (-1, 2.5, "5"):
        for options in ({"padding": "max_length"}, {"truncation": True}):
            with pytest.raises(ValueError, match=r"max_length must be an integer of at least 0"):
                tokenizer.encode("the one", max_length=wrong, **options)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"max_length must be an integer of at least 0"):
            tokenizer.encode_batch(["the one"], max_length=wrong)  # type: ignore[arg-type]
    assert (
        tokenizer.encode("the one", max_length=np.int64(3), truncation="only_first")[1:2]
        == ids[1:2]
    )
    assert tokenizer.encode("the one", padding="longest") == ids
    with pytest.raises(ValueError, match=r"padding must be one of .* got 'max_len'"):
        tokenizer.encode("the one", padding="max_len", max_length=9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"truncation must be one of .* got 'first'"):
        tokenizer.encode("the one", truncation="first", max_length=9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'only_second' needs a text_pair"):
        tokenizer.encode("the one", truncation="only_second", max_length=9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'only_second' needs a text_pair"):
        tokenizer.encode_with_offsets("the one", truncation="only_second", max_length=9)


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("max_length", range(6, 24, 3))
@pytest.mark.parametrize("lengths", [(4, 12), (12, 4), (9, 8), (10, 10)])
def test_pairs_are_truncated_as_by_tokenizers(
    tokenizer: WordPieceTokenizer, strategy: str, max_length: int, lengths: tuple[int, int]
) -> None:
    first, second = (" ".join("a" * length) for length in lengths)
    reference = reference_tokenizer(VOCAB, True, None, True)
    reference.enable_truncation(max_length - 3, strategy=strategy)
    try:
        expected = reference.encode(first, second, add_special_tokens=False)
    except Exception:
        with pytest.raises(ValueError, match="can't cut"):
            tokenizer.encode(
                first,
                second,
                max_length=max_length,
                truncation=strategy,  # type: ignore[arg-type]
            )
        return
    got = tokenizer.encode_with_offsets(
        first,
        second,
        max_length=max_length,
        truncation=strategy,  # type: ignore[arg-type]
    )
    assert got.sequence_ids.count(0) == expected.sequence_ids.count(0)
    assert got.sequence_ids.count(1) == expected.sequence_ids.count(1)
    assert got.input_ids == tokenizer.encode(
        first,
        second,
        max_length=max_length,
        truncation=strategy,  # type: ignore[arg-type]
    )


def test_pairs_are_joined_with_separators(tokenizer: WordPieceTokenizer) -> None:
    encoding = tokenizer.encode_with_offsets("the one", "two")
    assert [tokenizer.ids_to_tokens[index] for index in encoding.input_ids] == [
        "[CLS]",
        "the",
        "one",
        "[SEP]",
        "two",
        "[SEP]",
    ]
    assert encoding.input_ids == tokenizer.encode("the one", "two")
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1]
    assert encoding.special_tokens_mask == [1, 0, 0, 1, 0, 1]
    assert encoding.offsets == [(0, 0), (0, 3), (4, 7), (0, 0), (0, 3), (0, 0)]


def test_batches_are_padded_and_truncated(tokenizer: WordPieceTokenizer) -> None:
    texts = ["the one", "", "a a a a"]
    batch = tokenizer.encode_batch(texts, max_length=5)
    assert batch.input_ids.dtype == batch.attention_mask.dtype == np.int64
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1] * 5]
    ragged = encode_ragged(tokenizer, texts, max_length=5)
    assert ragged.truncated_rows == [2]
    assert {ids.dtype for ids in ragged.input_ids} == {np.dtype(np.int32)}
    for row, mask, ids in zip(*batch, ragged.input_ids, strict=True):
        assert row[mask == 1].tolist() == ids.tolist()
        assert not row[mask == 0].any()
    assert tokenizer.encode_batch([]).input_ids.shape == (0, 0)


@pytest.mark.parametrize("wrong", [None, float("nan"), 3, b"bytes", ["list"]])
def test_errors_name_the_row_of_a_text_that_is_not_a_string(
    tokenizer: WordPieceTokenizer, wrong: object
) -> None:
    with pytest.raises(TypeError, match="Row 1: a text must be a string, got"):
        encode_ragged(tokenizer, ["fine", wrong])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="must be a string"):
        tokenizer.encode_with_offsets(wrong)  # type: ignore[arg-type]


def test_errors_name_the_row_of_a_lone_surrogate(tokenizer: WordPieceTokenizer) -> None:
    with pytest.raises(ValueError, match=r"Row 2: it holds the lone surrogate U\+D83D"):
        tokenizer.encode_batch(["a", "b", "x\ud83dy"])


def test_decode_returns_text(tokenizer: WordPieceTokenizer) -> None:
    ids = tokenizer.encode("what would you do? it is there, too.")
    assert tokenizer.decode(ids) == "[CLS] what would you do? it is there, too. [SEP]"
    assert tokenizer.decode(ids, skip_special_tokens=True).startswith("what would you do?")
    ids = tokenizer.encode("i's", add_special_tokens=False)
    assert tokenizer.decode(ids) == "i ' s"
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=True) == "i's"
    assert WordPieceTokenizer(VOCAB, clean_up_tokenization_spaces=True).decode(ids) == "i's"
    for single in (VOCAB["the"], np.int64(VOCAB["the"])):
        assert tokenizer.decode(single) == "the"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Token id 99999 is not in the vocabulary"):
        tokenizer.decode([99999])


def test_a_pickle_is_equal_and_contains_no_caches(tokenizer: WordPieceTokenizer) -> None:
    before = len(pickle.dumps(tokenizer))
    tokenizer.encode("".join(f"{number} " for number in range(5000)))
    assert len(pickle.dumps(tokenizer)) == before
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy == tokenizer
    assert hash(copy) == hash(tokenizer)
    assert copy.encode("the one") == tokenizer.encode("the one")
    assert copy != WordPieceTokenizer(VOCAB, do_lower_case=False)


@pytest.mark.parametrize("index", [-1, 2**31, 1.0, "1", None])
def test_invalid_ids_of_the_vocabulary_raise_an_error(index: Any) -> None:  # noqa: ANN401
    with pytest.raises(CheckpointError, match=r"has the id .*; ids are integers from 0"):
        WordPieceTokenizer(VOCAB | {"word": index})


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"do_lower_case": None}, TypeError, "do_lower_case must be True or False; got None"),
        ({"strip_accents": 0}, TypeError, "strip_accents must be True, False or None; got 0"),
        ({"tokenize_chinese_chars": 1}, TypeError, "tokenize_chinese_chars must be .* got 1"),
        ({"split_special_tokens": "no"}, TypeError, "split_special_tokens must be .* got 'no'"),
        ({"clean_up_tokenization_spaces": []}, TypeError, "must be True or False; got []"),
        ({"unk_token": 3}, TypeError, "unk_token must be a string; got 3"),
        ({"mask_token": None}, TypeError, "mask_token must be a string; got None"),
        ({"added_tokens": "[A]"}, TypeError, r"added_tokens must be a list .* got '\[A\]'"),
        ({"added_tokens": ["[A]"]}, TypeError, r"must be a list of AddedToken; got \['\[A\]'\]"),
        ({"model_max_length": "8"}, ValueError, "model_max_length must be .* least 2; got '8'"),
        ({"model_max_length": True}, ValueError, "model_max_length must be .* got True"),
        ({"model_max_length": 1}, ValueError, "model_max_length must be .* got 1"),
        ({"padding_side": "top"}, ValueError, "padding_side must be 'right' or 'left'; got 'top'"),
        ({"truncation_side": None}, ValueError, "truncation_side must be .* got None"),
        ({"vocab_file": ["a"]}, TypeError, r"vocab_file must be the path .* got \['a'\]"),
        ({"vocab_file": {1: 0}}, TypeError, "vocab_file must be .* got {1: 0}"),
    ],
)
def test_wrong_types_are_explained(
    params: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("[]", r"\[\]")):
        WordPieceTokenizer(**{"vocab_file": VOCAB, **params})


def test_ids_of_the_vocabulary_may_be_numpy_integers() -> None:
    ids = WordPieceTokenizer({token: np.int64(index) for token, index in VOCAB.items()})
    assert ids == WordPieceTokenizer(VOCAB)
    assert pickle.dumps(ids) == pickle.dumps(WordPieceTokenizer(VOCAB))


def test_repr_shows_the_options(tokenizer: WordPieceTokenizer) -> None:
    assert repr(tokenizer).startswith("WordPieceTokenizer(vocab_size=1124, do_lower_case=True")


def test_results_do_not_depend_on_full_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    texts = [random_text(rng, WORDS) for _ in range(200)] * 2
    monkeypatch.setattr(bounded_cache, "MAX_BYTES", 2000)
    monkeypatch.setattr(normalization, "MAX_CODE_POINTS", 20)
    assert_same(WordPieceTokenizer(VOCAB), reference_tokenizer(VOCAB, True, None, True), texts)


def test_there_are_three_encoding_methods() -> None:
    public = {name for name in dir(WordPieceTokenizer) if not name.startswith("_")}
    methods = {name for name in public if callable(getattr(WordPieceTokenizer, name))}
    encoding = {"encode", "encode_batch", "encode_with_offsets"}
    others = {"tokenize", "decode", "train", "from_pretrained", "save_pretrained"}
    assert methods == encoding | others
    with pytest.raises(TypeError, match="positional"):
        WordPieceTokenizer(VOCAB, False)  # type: ignore[misc]


def test_batches_of_pairs_are_encoded_as_single_pairs(tokenizer: WordPieceTokenizer) -> None:
    texts, pairs = ["the one", "a a a a a"], ["two", "there"]
    ids, mask = tokenizer.encode_batch(texts, pairs, max_length=7)
    expected = [
        tokenizer.encode(*pair, max_length=7, truncation=True)
        for pair in zip(texts, pairs, strict=True)
    ]
    for row, row_mask, row_ids in zip(ids, mask, expected, strict=True):
        assert row[row_mask == 1].tolist() == row_ids
    assert tokenizer.encode_batch([], []).input_ids.shape == (0, 0)
    with pytest.raises(ValueError, match="must have the same length; got 2 and 1"):
        tokenizer.encode_batch(texts, ["two"])
    with pytest.raises(TypeError, match="Row 1: a text must be a string, got None"):
        tokenizer.encode_batch(texts, ["two", None])  # type: ignore[list-item]


@pytest.mark.parametrize("strategy", ["longest_first", "only_first", "only_second"])
@pytest.mark.parametrize("max_length", [3, 5, 8, 11])
def test_left_sides_equal_those_of_tokenizers(strategy: str, max_length: int) -> None:
    ours = WordPieceTokenizer(VOCAB, padding_side="left", truncation_side="left")
    reference = reference_tokenizer(VOCAB, True, None, True)
    reference.post_processor = BertProcessing(("[SEP]", VOCAB["[SEP]"]), ("[CLS]", VOCAB["[CLS]"]))
    reference.enable_truncation(max_length, strategy=strategy, direction="left")
    reference.enable_padding(direction="left", length=max_length)
    pair = "the one two there a", "what would you do too then"
    try:
        expected = reference.encode(*pair)
    except Exception:
        with pytest.raises(ValueError, match="can't cut"):
            ours.encode(*pair, max_length=max_length, truncation=strategy)  # type: ignore[arg-type]
        return
    assert (
        ours.encode(
            *pair,
            max_length=max_length,
            truncation=strategy,  # type: ignore[arg-type]
            padding="max_length",
        )
        == expected.ids
    )
    got = ours.encode_with_offsets(*pair, max_length=max_length, truncation=strategy)  # type: ignore[arg-type]
    assert got.offsets == [
        span for span, mask in zip(expected.offsets, expected.attention_mask, strict=True) if mask
    ]
    texts = ["the one two there a", "a", ""]
    if strategy != "only_second":
        reference.enable_padding(direction="left")
        batch = ours.encode_batch(texts, max_length=max_length)
        theirs = reference.encode_batch(texts)
        assert batch.input_ids.tolist() == [each.ids for each in theirs]
        assert batch.attention_mask.tolist() == [each.attention_mask for each in theirs]


def test_a_pair_without_room_is_empty_whatever_the_strategy(
    tokenizer: WordPieceTokenizer,
) -> None:
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    for strategy in ("longest_first", "only_first", "only_second"):
        ids = tokenizer.encode("the one", "a a", truncation=strategy, max_length=3)  # type: ignore[arg-type]
        assert ids == [cls, sep, sep]


def test_tokens_include_the_whitespace_that_an_added_token_strips() -> None:
    added = [
        AddedToken("<m>", 1124, lstrip=True, rstrip=True),
        AddedToken("NEW", 1125, special=True, normalized=True),
        AddedToken("", 1126),
    ]
    tokenizer = WordPieceTokenizer(VOCAB, added_tokens=added)
    # The tokens of transformers' BertTokenizer with the same added tokens.
    assert tokenizer.tokenize("the <m> the") == ["the", " <m> ", "the"]
    assert tokenizer.tokenize("the  <m>the new") == ["the", "  <m>", "the", "new"]
    assert tokenizer.vocab_size == len(VOCAB) + 2


def test_changing_returned_ids_does_not_change_later_results(
    tokenizer: WordPieceTokenizer,
) -> None:
    text = "The one [MASK] and the other."
    ids = tokenizer.encode(text)
    expected = ids.copy()
    ids.clear()
    assert tokenizer.encode(text) == expected
    assert tokenizer.encode(text, add_special_tokens=False) == expected[1:-1]
    cut = tokenizer.encode(text, max_length=4, truncation=True)
    assert cut == [*expected[:3], expected[-1]]
    assert tokenizer.encode(text) == expected
    assert WordPieceTokenizer(VOCAB, split_special_tokens=True).encode(text) != expected


@pytest.mark.parametrize("text", [None, float("nan"), ["the"], b"the"])
def test_a_text_that_is_not_a_string_raises_an_error_each_time(
    tokenizer: WordPieceTokenizer, text: object
) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="a text must be a string, got"):
            tokenizer.encode(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("max_bytes", [2000, 2**25])
def test_threads_return_the_same_results(
    tokenizer: WordPieceTokenizer, monkeypatch: pytest.MonkeyPatch, max_bytes: int
) -> None:
    rng = random.Random(0)
    texts = [random_text(rng, WORDS) for _ in range(400)]
    expected = [tokenizer.encode_with_offsets(text) for text in texts]
    monkeypatch.setattr(bounded_cache, "MAX_BYTES", max_bytes)
    shared = WordPieceTokenizer(VOCAB)

    def encode_all(_: int) -> None:
        ragged = encode_ragged(shared, texts).input_ids
        assert [ids.tolist() for ids in ragged] == [each.input_ids for each in expected]
        assert [shared.encode_with_offsets(text) for text in texts] == expected

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(encode_all, range(8)))
