from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from tokenizers.processors import BertProcessing, TemplateProcessing

from skdistilbert import CheckpointError, WordPieceTokenizer
from skdistilbert.tokenization import AddedToken
from tests.conftest import DATA
from tests.tokenization.reference import OPTIONS, as_options, reference_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER = WordPieceTokenizer(DATA / "distilbert-tiny" / "vocab.txt")
VOCAB = TOKENIZER.vocab
ADDED = [
    AddedToken("[user]", 1124, special=True, lstrip=True),
    AddedToken("<tag>", 1125, single_word=True, normalized=False),
    AddedToken("New", 1126, rstrip=True, normalized=True),
    AddedToken("[MASK]", VOCAB["[MASK]"], special=True, rstrip=True),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_saved_tokenizer_loads_as_an_equal_one(
    tmp_path: Path, options: tuple[bool, bool | None, bool]
) -> None:
    tokenizer = WordPieceTokenizer(
        VOCAB,
        **as_options(*options),
        split_special_tokens=True,
        added_tokens=ADDED,
        model_max_length=77,
    )
    tokenizer.save_pretrained(tmp_path / "new" / "tokenizer")
    assert WordPieceTokenizer.from_pretrained(tmp_path / "new" / "tokenizer") == tokenizer


def test_saving_keeps_other_files_and_deletes_those_with_precedence(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "special_tokens_map.json", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    TOKENIZER.save_pretrained(tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"config.json", "vocab.txt", "tokenizer_config.json"}
    assert (tmp_path / "config.json").read_text() == "{}"
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "DistilBertTokenizer"


def test_a_tokenizer_beside_a_bert_returns_token_types_in_transformers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    TOKENIZER.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "BertTokenizer"


@pytest.mark.parametrize(
    ("tokens", "added", "message"),
    [
        ({"<far>": 2000}, [], "'<far>' has the id 2000, but would be read back as 1124"),
        ({}, [AddedToken("<far>", 2000)], "'<far>' has the id 2000"),
        ({"<twice>": 1}, [], "would be read back as"),
        ({"two\nlines": 1124}, [], r"'two\\nlines' can't be saved: vocab.txt has a token a line"),
        ({"end\u3000": 1124}, [], "can't be saved"),
    ],
)
def test_tokens_that_files_cannot_store_raise_an_error(
    tmp_path: Path, tokens: dict[str, int], added: list[AddedToken], message: str
) -> None:
    tokenizer = WordPieceTokenizer(VOCAB | tokens, added_tokens=added)
    with pytest.raises(ValueError, match=message):
        tokenizer.save_pretrained(tmp_path / "tokenizer")
    assert not (tmp_path / "tokenizer").exists()


def write(directory: Path, **files: object) -> Path:
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    return tmp_path


def test_a_vocabulary_is_sufficient(directory: Path) -> None:
    assert WordPieceTokenizer.from_pretrained(directory) == WordPieceTokenizer(VOCAB)


def test_cased_models_are_not_lowercased(directory: Path) -> None:
    write(directory, tokenizer_config={"do_lower_case": False, "model_max_length": 256})
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    assert tokenizer.tokenize("The") != ["the"]
    assert tokenizer.model_max_length == 256
    assert WordPieceTokenizer.from_pretrained(directory, do_lower_case=True).tokenize("The") == [
        "the"
    ]


def test_special_tokens_map_may_contain_strings_and_objects(directory: Path) -> None:
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
def test_unsupported_parts_of_tokenizer_json_raise_an_error(
    tmp_path: Path,
    part: str | None,
    field: str,
    value: object,
) -> None:
    reference = reference_tokenizer(VOCAB, False, True, False)
    reference.post_processor = AROUND
    content = json.loads(reference.to_str())
    (content[part] if part else content)[field] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=rf"tokenizer\.json: .*{field} must"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_tokenizer_json_may_contain_a_template(tmp_path: Path) -> None:
    reference = reference_tokenizer(VOCAB, False, True, False)
    special = [(token, VOCAB[token]) for token in ("[CLS]", "[SEP]")]
    reference.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    reference.save(str(tmp_path / "tokenizer.json"))
    ours = WordPieceTokenizer.from_pretrained(tmp_path)
    assert ours.encode("the time") == reference.encode("the time").ids


@pytest.mark.parametrize("name", ["BertJapaneseTokenizer", "RobertaTokenizer", ["BertTokenizer"]])
def test_a_vocabulary_of_another_tokenizer_raises_an_error(tmp_path: Path, name: object) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"tokenizer_class": name}))
    with pytest.raises(
        CheckpointError, match="tokenizer_class is .* only BERT's tokenizer can be"
    ):
        WordPieceTokenizer.from_pretrained(tmp_path)
    config.write_text(json.dumps({"tokenizer_class": "ElectraTokenizerFast"}))
    assert WordPieceTokenizer.from_pretrained(tmp_path).vocab == VOCAB


def test_older_names_of_the_maximum_length_are_read(tmp_path: Path) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"max_len": 8}))
    assert WordPieceTokenizer.from_pretrained(tmp_path).model_max_length == 8
    for name, length in (("distilbert", 16), ("bert", 24)):
        settings = json.dumps({"max_seq_length": length})
        (tmp_path / f"sentence_{name}_config.json").write_text(settings)
        assert WordPieceTokenizer.from_pretrained(tmp_path).model_max_length == length


def test_tokenizer_json_is_sufficient(tmp_path: Path) -> None:
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


def test_errors_name_missing_and_malformed_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"vocab\.txt does not exist"):
        WordPieceTokenizer.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="is a directory.*Use WordPieceTokenizer.from_pretr"):
        WordPieceTokenizer(tmp_path)
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


def test_a_vocabulary_may_have_windows_line_ends(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_bytes("\r\n".join(VOCAB).encode())
    assert WordPieceTokenizer.from_pretrained(tmp_path).vocab == VOCAB


def test_tokens_with_a_role_are_special_even_if_declared_otherwise(tmp_path: Path) -> None:
    shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", tmp_path)
    declared = {"4": {"content": "[MASK]", "lstrip": True}, "1": {"content": "[UNK]"}}
    config = {"added_tokens_decoder": declared}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.added_tokens == (AddedToken("[MASK]", 4, special=True, lstrip=True),)
    assert tokenizer.ids_to_tokens[4] == "[MASK]"
    assert tokenizer.encode("[MASK]")[1:-1] == [4]
    assert 4 not in tokenizer.encode("[mask]")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xef\xbb\xbf[PAD]\n[UNK]\n", "is a byte-order mark. Save the file as UTF-8 without it"),
        ("[PAD]\n[UNK]\n".encode("utf-16"), "is UTF-16, which is not UTF-8"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git-lfs pointer. Run"),
        (b'{"model": {\n"vocab": {}}}\n', "is JSON. .* name it tokenizer.json"),
        (b"<!DOCTYPE html>\n<html>\n</html>\n", "is a web page. Download the file itself"),
    ],
)
def test_other_files_in_place_of_the_vocabulary_are_recognised(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(
        CheckpointError, match=rf"must have one token per line in UTF-8.*{message}"
    ):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_vocabulary_may_lack_tokens_for_masks_and_padding(tmp_path: Path) -> None:
    lines = [token for token in VOCAB if token not in ("[MASK]", "[PAD]")]
    (tmp_path / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    config = {"additional_special_tokens": ["<a>"]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    assert tokenizer.mask_token_id is None
    assert tokenizer.pad_token_id is None
    # transformers gives new ids to [PAD] and [MASK] before that of <a>.
    assert tokenizer.encode("the <a>", add_special_tokens=False)[-1] == len(lines) + 2
    assert "[MASK]" not in tokenizer.tokenize("[MASK]")
    assert tokenizer.encode_batch(["the", "one"]).input_ids.shape == (2, 3)
    with pytest.raises(
        ValueError, match=r"no '\[PAD\]', so texts cannot be padded; pass pad_token"
    ):
        tokenizer.encode_batch(["the", "the one"])


def test_sides_are_saved(tmp_path: Path) -> None:
    tokenizer = WordPieceTokenizer(VOCAB, padding_side="left", truncation_side="left")
    tokenizer.save_pretrained(tmp_path / "saved")
    assert WordPieceTokenizer.from_pretrained(tmp_path / "saved") == tokenizer
