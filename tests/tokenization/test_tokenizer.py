from __future__ import annotations

import json
import pickle
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers.processors import BertProcessing, TemplateProcessing

from skdistilbert import CheckpointError, WordPieceTokenizer
from skdistilbert.tokenization import AddedToken, memo
from skdistilbert.tokenization.pretrained import read_vocab
from tests.conftest import DATA
from tests.tokenization.reference import OPTIONS, assert_same, random_text, reference_tokenizer

if TYPE_CHECKING:
    from pathlib import Path


VOCAB = read_vocab(DATA / "distilbert-tiny" / "vocab.txt")
WORDS = [word for word in VOCAB if word.isalpha()]


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer(VOCAB)


@pytest.mark.parametrize(("lowercase", "strip_accents", "chinese"), OPTIONS)
def test_random_texts_are_split_as_by_tokenizers(
    lowercase: bool, strip_accents: bool | None, chinese: bool
) -> None:
    rng = random.Random(f"{lowercase} {strip_accents} {chinese}")
    texts = [random_text(rng, WORDS) for _ in range(800)]
    ours = WordPieceTokenizer(VOCAB, lowercase, strip_accents, chinese)
    assert_same(ours, reference_tokenizer(VOCAB, lowercase, strip_accents, chinese), texts)


@pytest.mark.parametrize("pattern", ["a{0}b", "{0}{0}", "\u0301{0}\u0323"])
def test_every_seventh_code_point_is_treated_as_by_tokenizers(
    tokenizer: WordPieceTokenizer, pattern: str
) -> None:
    codes = [code for code in range(0, 0x110000, 7) if not 0xD800 <= code < 0xE000]
    texts = [pattern.format(chr(code)) for code in codes]
    assert_same(tokenizer, reference_tokenizer(VOCAB, True, None, True), texts)


def test_long_words(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("z" * 100) == ["z", *["##z"] * 99]
    assert tokenizer.tokenize("z" * 101) == ["[UNK]"]
    assert tokenizer.tokenize("z" * 100_000) == ["[UNK]"]


def test_words_of_the_vocabulary_may_be_too_long() -> None:
    vocab = VOCAB | {"y" * length: len(VOCAB) + length for length in range(90, 110)}
    texts = [f"{'y' * length} {'y' * length}Y." for length in range(85, 115)]
    ours = WordPieceTokenizer(vocab)
    assert_same(ours, reference_tokenizer(vocab, True, None, True), texts)


def test_special_tokens_in_a_text(tokenizer: WordPieceTokenizer) -> None:
    assert tokenizer.tokenize("a[MASK]b [mask]")[:4] == ["a", "[MASK]", "b", "["]
    careful = WordPieceTokenizer(VOCAB, split_special_tokens=True)
    assert "[MASK]" not in careful.tokenize("a[MASK]b")


def test_encode(tokenizer: WordPieceTokenizer) -> None:
    ids = tokenizer.encode("the one")
    assert ids == [VOCAB[token] for token in ("[CLS]", "the", "one", "[SEP]")]
    assert tokenizer.encode("the one", add_special_tokens=False) == ids[1:-1]
    assert tokenizer.encode("the one", max_length=3, truncation=True) == [*ids[:2], ids[-1]]
    assert tokenizer.encode("the one", max_length=6, padding="max_length") == [*ids, 0, 0]
    assert tokenizer.encode("the one", max_length=2) == ids  # nothing is cut unasked
    with pytest.raises(ValueError, match="no model_max_length: give max_length"):
        tokenizer.encode("the one", truncation=True)
    with pytest.raises(ValueError, match="max_length must be at least 2"):
        tokenizer.encode("the one", truncation=True, max_length=1)


def test_lengths_and_strategies_that_cannot_be(tokenizer: WordPieceTokenizer) -> None:
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
def test_pairs_are_cut_as_by_tokenizers(
    tokenizer: WordPieceTokenizer, strategy: str, max_length: int, lengths: tuple[int, int]
) -> None:
    first, second = (" ".join("a" * length) for length in lengths)
    reference = reference_tokenizer(VOCAB, True, None, True)
    reference.enable_truncation(max_length - 3, strategy=strategy)
    try:
        expected = reference.encode(first, second, add_special_tokens=False)
    except Exception:
        with pytest.raises(ValueError, match="can't cut"):
            tokenizer.encode_pair(
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
    assert got.input_ids == tokenizer.encode_pair(
        first,
        second,
        max_length=max_length,
        truncation=strategy,  # type: ignore[arg-type]
    )


def test_pairs(tokenizer: WordPieceTokenizer) -> None:
    encoding = tokenizer.encode_with_offsets("the one", "two")
    assert [tokenizer.ids_to_tokens[index] for index in encoding.input_ids] == [
        "[CLS]",
        "the",
        "one",
        "[SEP]",
        "two",
        "[SEP]",
    ]
    assert encoding.input_ids == tokenizer.encode_pair("the one", "two")
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1]
    assert encoding.special_tokens_mask == [1, 0, 0, 1, 0, 1]
    assert encoding.offsets == [(0, 0), (0, 3), (4, 7), (0, 0), (0, 3), (0, 0)]


def test_batches(tokenizer: WordPieceTokenizer) -> None:
    texts = ["the one", "", "a a a a"]
    batch = tokenizer.encode_batch(texts, max_length=5)
    assert batch.input_ids.dtype == batch.attention_mask.dtype == np.int64
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [1] * 5]
    ragged = tokenizer.encode_ragged(texts, max_length=5)
    assert ragged.truncated_rows == [2]
    assert {ids.dtype for ids in ragged.input_ids} == {np.dtype(np.int32)}
    for row, mask, ids in zip(*batch, ragged.input_ids, strict=True):
        assert row[mask == 1].tolist() == ids.tolist()
        assert not row[mask == 0].any()
    assert tokenizer.encode_batch([]).input_ids.shape == (0, 0)


@pytest.mark.parametrize("wrong", [None, float("nan"), 3, b"bytes", ["list"]])
def test_what_is_no_string_is_named_with_its_row(
    tokenizer: WordPieceTokenizer, wrong: object
) -> None:
    with pytest.raises(TypeError, match="Row 1: a text must be a string, got"):
        tokenizer.encode_ragged(["fine", wrong])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="must be a string"):
        tokenizer.encode_with_offsets(wrong)  # type: ignore[arg-type]


def test_lone_surrogates_are_named_with_their_row(tokenizer: WordPieceTokenizer) -> None:
    with pytest.raises(ValueError, match=r"Row 2: it holds the lone surrogate U\+D83D"):
        tokenizer.encode_batch(["a", "b", "x\ud83dy"])


def test_decode(tokenizer: WordPieceTokenizer) -> None:
    ids = tokenizer.encode("what would you do? it is there, too.")
    assert tokenizer.decode(ids) == "[CLS] what would you do? it is there, too. [SEP]"
    assert tokenizer.decode(ids, skip_special_tokens=True).startswith("what would you do?")
    ids = tokenizer.encode("i's", add_special_tokens=False)
    assert tokenizer.decode(ids) == "i ' s"
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=True) == "i's"
    assert WordPieceTokenizer(VOCAB, clean_up_tokenization_spaces=True).decode(ids) == "i's"
    with pytest.raises(ValueError, match="Token id 99999 is not in the vocabulary"):
        tokenizer.decode([99999])


def test_a_pickle_is_equal_and_holds_no_memory(tokenizer: WordPieceTokenizer) -> None:
    before = len(pickle.dumps(tokenizer))
    tokenizer.encode("".join(f"{number} " for number in range(5000)))
    assert len(pickle.dumps(tokenizer)) == before
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy == tokenizer
    assert hash(copy) == hash(tokenizer)
    assert copy.encode("the one") == tokenizer.encode("the one")
    assert copy != WordPieceTokenizer(VOCAB, do_lower_case=False)


@pytest.mark.parametrize("index", [-1, 2**31, 1.0, "1", None])
def test_ids_of_the_vocabulary_are_checked(index: Any) -> None:  # noqa: ANN401
    with pytest.raises(CheckpointError, match=r"has the id .*; ids are integers from 0"):
        WordPieceTokenizer(VOCAB | {"word": index})


def test_ids_of_the_vocabulary_may_be_numpys() -> None:
    ids = WordPieceTokenizer({token: np.int64(index) for token, index in VOCAB.items()})
    assert ids == WordPieceTokenizer(VOCAB)
    assert pickle.dumps(ids) == pickle.dumps(WordPieceTokenizer(VOCAB))


def test_repr(tokenizer: WordPieceTokenizer) -> None:
    assert repr(tokenizer).startswith("WordPieceTokenizer(vocab_size=1124, do_lower_case=True")


def test_what_is_remembered_is_bounded(
    tokenizer: WordPieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    memos = (
        tokenizer._text_ids,
        tokenizer._chunk_ids,
        tokenizer._chunk_pieces,
        tokenizer._wordpiece,
    )
    monkeypatch.setattr(memo, "MAX_CHARACTERS", 100 * (memo.CHARACTERS_BESIDE + 1))
    for number in range(1000):
        tokenizer.encode(f"{number} {'x' * 60}{number}")
        tokenizer.encode_with_offsets(f"x{number}y")
        assert all(0 < len(each) <= 100 for each in memos)
    tokenizer.encode_ragged(f"ragged{number}" for number in range(3000))
    tokenizer.encode(" ".join(f"long{number}" for number in range(3000)))
    assert all(0 < len(each) <= 100 for each in memos)
    for number in range(100):
        tokenizer.encode(f"{number} {'x' * 200}{number} {'x' * 2000}")
        assert sum(map(len, tokenizer._chunk_ids)) <= memo.MAX_CHARACTERS


def test_a_text_that_comes_again_has_the_same_ids_whatever_was_done_with_them(
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
def test_what_is_no_text_is_not_remembered(tokenizer: WordPieceTokenizer, text: object) -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="a text must be a string, got"):
            tokenizer.encode(text)  # type: ignore[arg-type]
    assert not tokenizer._text_ids


def test_single_characters_that_are_remembered_are_bounded(
    tokenizer: WordPieceTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skdistilbert.tokenization.normalization.MAX_CODE_POINTS", 100)
    tokenizer.encode("".join(map(chr, range(0x4E00, 0x4F00))))
    assert 0 < len(tokenizer._normalizer) <= 100


def test_threads_get_the_same_ids(tokenizer: WordPieceTokenizer) -> None:
    rng = random.Random(0)
    texts = [random_text(rng, WORDS) for _ in range(400)]
    expected = [tokenizer.encode(text) for text in texts]
    fresh = WordPieceTokenizer(VOCAB)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: [fresh.encode(text) for text in texts], range(8)):
            assert got == expected


def write(directory: Path, **files: object) -> Path:
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    return tmp_path


def test_from_pretrained_with_a_vocabulary_only(directory: Path) -> None:
    assert WordPieceTokenizer.from_pretrained(directory) == WordPieceTokenizer(VOCAB)


def test_cased_models_are_not_lowercased(directory: Path) -> None:
    write(directory, tokenizer_config={"do_lower_case": False, "model_max_length": 256})
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    assert tokenizer.tokenize("The") != ["the"]
    assert tokenizer.model_max_length == 256
    assert WordPieceTokenizer.from_pretrained(directory, do_lower_case=True).tokenize("The") == [
        "the"
    ]


def test_special_tokens_map_and_tokens_written_as_objects(directory: Path) -> None:
    write(
        directory,
        special_tokens_map={"mask_token": "there", "cls_token": {"content": "new"}},
        tokenizer_config={"model_max_length": 10**30},
    )
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    assert (tokenizer.mask_token, tokenizer.cls_token) == ("there", "new")
    assert tokenizer.model_max_length is None


AROUND = BertProcessing(("[SEP]", VOCAB["[SEP]"]), ("[CLS]", VOCAB["[CLS]"]))


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("normalizer", "clean_text", False),
        ("model", "continuing_subword_prefix", "@@"),
        ("model", "max_input_chars_per_word", 10),
        ("model", "unk_token", "[PAD]"),
        (None, "post_processor", None),
        (None, "post_processor", {"type": "BertProcessing", "cls": ["a", 1], "sep": ["[SEP]", 2]}),
        (None, "post_processor", {"type": "TemplateProcessing", "single": [{"Sequence": {}}]}),
        (None, "post_processor", {"type": "Sequence", "processors": []}),
    ],
)
def test_what_a_tokenizer_json_may_not_say(
    tmp_path: Path,
    part: str | None,
    field: str,
    value: object,
) -> None:
    reference = reference_tokenizer(VOCAB, False, True, False)
    reference.post_processor = AROUND
    said = json.loads(reference.to_str())
    (said[part] if part else said)[field] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(said))
    with pytest.raises(CheckpointError, match=rf"tokenizer\.json: .*{field} must"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_template_around_texts(tmp_path: Path) -> None:
    reference = reference_tokenizer(VOCAB, False, True, False)
    special = [(token, VOCAB[token]) for token in ("[CLS]", "[SEP]")]
    reference.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    reference.save(str(tmp_path / "tokenizer.json"))
    ours = WordPieceTokenizer.from_pretrained(tmp_path)
    assert ours.encode("the time") == reference.encode("the time").ids


@pytest.mark.parametrize("name", ["BertJapaneseTokenizer", "RobertaTokenizer", ["BertTokenizer"]])
def test_a_vocabulary_of_another_tokenizer_is_refused(tmp_path: Path, name: object) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": name}))
    with pytest.raises(
        CheckpointError, match="tokenizer_class is .* only BERT's tokenizer can be"
    ):
        WordPieceTokenizer.from_pretrained(tmp_path)
    config.write_text(json.dumps({"tokenizer_class": "ElectraTokenizerFast"}))
    assert WordPieceTokenizer.from_pretrained(tmp_path).vocab == VOCAB


def test_older_names_of_the_maximal_length(tmp_path: Path) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"max_len": 8}))
    assert WordPieceTokenizer.from_pretrained(tmp_path).model_max_length == 8
    for name, length in (("distilbert", 16), ("bert", 24)):
        settings = json.dumps({"max_seq_length": length})
        (tmp_path / f"sentence_{name}_config.json").write_text(settings)
        assert WordPieceTokenizer.from_pretrained(tmp_path).model_max_length == length


def test_tokenizer_json_alone(tmp_path: Path) -> None:
    reference = reference_tokenizer(VOCAB, False, True, False)
    reference.post_processor = AROUND
    reference.enable_truncation(3)
    reference.enable_padding()
    reference.save(str(tmp_path / "tokenizer.json"))
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert not tokenizer.do_lower_case
    assert tokenizer.strip_accents
    assert not tokenizer.tokenize_chinese_chars
    assert len(tokenizer.encode("the one two time")) == 6


def test_missing_or_malformed_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"vocab\.txt does not exist"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("")
    with pytest.raises(CheckpointError, match="is empty"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(CheckpointError, match=r"no '\[UNK\]', which is the unk_token"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="is not UTF-8"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not valid JSON"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_vocabulary_with_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes("\r\n".join(VOCAB).encode())
    assert WordPieceTokenizer.from_pretrained(tmp_path).vocab == VOCAB


def test_tokens_are_special_by_their_names_whatever_they_are_declared_as(tmp_path: Path) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    declared = {"4": {"content": "[MASK]", "lstrip": True}, "1": {"content": "[UNK]"}}
    config = {"added_tokens_decoder": declared}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.added_tokens == (AddedToken("[MASK]", 4, special=True, lstrip=True),)
    assert tokenizer.ids_to_tokens[4] == "[MASK]"
    assert tokenizer.encode("[MASK]")[1:-1] == [4]
    assert 4 not in tokenizer.encode("[mask]")


@pytest.mark.parametrize("name", ["padding_side", "truncation_side"])
def test_sides_but_the_right_are_refused(tmp_path: Path, name: str) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({name: "right"}))
    assert WordPieceTokenizer.from_pretrained(tmp_path).vocab == VOCAB
    config.write_text(json.dumps({name: "left"}))
    with pytest.raises(CheckpointError, match=rf"config.json: {name} must be 'right'.*got 'left'"):
        WordPieceTokenizer.from_pretrained(tmp_path)
