"""Compare the tokenizer with transformers, whose file formats and rules it follows."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import decoders
from tokenizers.processors import BertProcessing

from skdistilbert import WordPieceTokenizer, load_model
from tests.conftest import DATA
from tests.tokenization.reference import OPTIONS, as_options, random_text, reference_tokenizer
from tests.tokenization.test_tokenizer_files import ADDED, VOCAB

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]
WORDS = [word for word in VOCAB if word.isalpha()]


def transformers_tokenizer(directory: Path) -> Any:  # noqa: ANN401
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(directory)


def texts(n_texts: int, *more: str) -> list[str]:
    rng = random.Random(0)
    words = [*WORDS, *more, "The", "caf\u00e9"]
    return [random_text(rng, words) for _ in range(n_texts)]


@pytest.mark.parametrize("with_added_tokens", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
def test_transformers_loads_a_saved_tokenizer_as_the_same(
    tmp_path: Path, options: tuple[bool, bool | None, bool], with_added_tokens: bool
) -> None:
    added = ADDED if with_added_tokens else []
    ours = WordPieceTokenizer(
        VOCAB, **as_options(*options), added_tokens=added, model_max_length=777
    )
    ours.save_pretrained(tmp_path / "tokenizer")
    theirs = transformers_tokenizer(tmp_path / "tokenizer")
    assert theirs.model_max_length == 777
    for text in texts(200, *(token.content for token in added), " [user] ", "new "):
        assert ours.encode(text) == theirs.encode(text), ascii(text)


def flags(content: str, **chosen: bool) -> dict[str, Any]:
    names = ("lstrip", "rstrip", "single_word", "normalized", "special")
    return {"content": content} | {name: chosen.get(name, False) for name in names}


BERT = {"model_type": "distilbert"}
CASED = {"do_lower_case": False}
DECLARED = {
    "4": flags("[MASK]", special=True, lstrip=True),
    "1124": flags("<tag>", normalized=True),
    "2000": flags("[user]", special=True, rstrip=True),
    "9": flags("the", single_word=True),
}
# Files except vocab.txt, by name. `backend` holds options and added tokens of tokenizer.json.
FORMS: dict[str, dict[str, Any]] = {
    "vocabulary only": {"config": BERT},
    "cased": {"config": BERT, "tokenizer_config": CASED},
    "all options": {
        "config": BERT,
        "tokenizer_config": CASED | {"strip_accents": True, "tokenize_chinese_chars": False},
    },
    "a class": {"tokenizer_config": CASED | {"tokenizer_class": "DistilBertTokenizer"}},
    "a Fast class": {"config": BERT, "tokenizer_config": {"tokenizer_class": "BertTokenizerFast"}},
    "declared tokens": {"config": BERT, "tokenizer_config": {"added_tokens_decoder": DECLARED}},
    "declared tokens with a role": {
        "config": BERT,
        "tokenizer_config": {
            "unk_token": "[UNK]",
            "added_tokens_decoder": {
                "1": {"content": "[UNK]"},
                "3": {"content": "[SEP]", "special": False, "normalized": True},
                "4": {"content": "[MASK]", "special": False, "lstrip": True},
            },
        },
    },
    "declared tokens of a cased model": {
        "config": BERT,
        "tokenizer_config": CASED | {"added_tokens_decoder": DECLARED},
    },
    "declared and older tokens": {
        "config": BERT,
        "tokenizer_config": {"added_tokens_decoder": DECLARED},
        "special_tokens_map": {"mask_token": "there"},
        "added_tokens": {"<old>": 1124},
    },
    "older tokens": {
        "config": BERT,
        "tokenizer_config": {"mask_token": "one", "cls_token": "[CLS]"},
        "special_tokens_map": {
            "mask_token": flags("there", lstrip=True),
            "additional_special_tokens": ["[user]", "<tag>"],
        },
        "added_tokens": {"<old>": 1126, "[user]": 1124, "<tag>": 1125},
    },
    "listed tokens": {
        "config": BERT,
        "tokenizer_config": {
            "additional_special_tokens": ["[user]", "new"],
            "bos_token": "<tag>",
            "user_token": "<old>",
            "eos_token": None,
        },
    },
    "only tokenizer.json": {"backend": ((False, True, False), ["<tag>", "The"])},
    "tokenizer.json of another class": {
        "config": BERT,
        "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True},
        "backend": ((False, None, True), ["<tag>"]),
    },
    "tokenizer.json of a BERT model": {
        "config": BERT,
        "backend": ((False, True, False), ["<tag>", "The"]),
    },
    "tokenizer.json with a configuration": {
        "config": BERT,
        "tokenizer_config": CASED | {"tokenizer_class": "BertTokenizer"},
        "backend": ((True, True, False), ["<tag>", "The"]),
    },
    "tokenizer.json and declared tokens": {
        "config": BERT,
        "tokenizer_config": CASED | {"added_tokens_decoder": DECLARED},
        "backend": ((True, True, False), ["<old>"]),
    },
}


def write_form(directory: Path, *, vocab: bool, **files: Any) -> None:  # noqa: ANN401
    if vocab or "backend" not in files:
        shutil.copy(DATA / "distilbert-tiny" / "vocab.txt", directory)
    if "backend" in files:
        options, added = files.pop("backend")
        reference = reference_tokenizer(VOCAB, *options)
        reference.add_tokens(added)
        reference.post_processor = BertProcessing(
            ("[SEP]", VOCAB["[SEP]"]), ("[CLS]", VOCAB["[CLS]"])
        )
        reference.decoder = decoders.WordPiece()
        reference.enable_truncation(3)
        reference.enable_padding(length=100)
        reference.save(str(directory / "tokenizer.json"))
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))


@pytest.mark.parametrize("vocab", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_directory_loads_as_in_transformers(tmp_path: Path, form: str, vocab: bool) -> None:
    write_form(tmp_path, vocab=vocab, **FORMS[form])
    ours, theirs = WordPieceTokenizer.from_pretrained(tmp_path), transformers_tokenizer(tmp_path)
    tokens = [
        "<tag>",
        "<TAG>",
        "[user]",
        "[USER]",
        "<old>",
        "The",
        "the",
        "[MASK]",
        "[mask]",
        "there",
        "new",
    ]
    for text in texts(300, *tokens, *(f" {token} " for token in tokens)):
        ids = theirs.encode(text)
        assert ours.encode(text) == ids, ascii(text)
        for skip in (False, True):
            decoded = theirs.decode(ids, skip_special_tokens=skip)
            assert ours.decode(ids, skip_special_tokens=skip) == decoded
    assert len(theirs) == ours.vocab_size
    for index, token in ours.ids_to_tokens.items():
        assert theirs.convert_ids_to_tokens(index) == token
    ours.save_pretrained(tmp_path / "saved")
    assert WordPieceTokenizer.from_pretrained(tmp_path / "saved") == ours


@pytest.mark.parametrize("clean_up", [None, False, True])
@pytest.mark.parametrize("configured", [False, True])
def test_decode_cleans_up_as_in_transformers(
    tmp_path: Path, configured: bool, clean_up: bool | None
) -> None:
    config = {"clean_up_tokenization_spaces": configured, "tokenizer_class": "BertTokenizer"}
    write_form(tmp_path, vocab=True, tokenizer_config=config)
    ours, theirs = WordPieceTokenizer.from_pretrained(tmp_path), transformers_tokenizer(tmp_path)
    parts = [
        "i",
        "do",
        "not",
        "n't",
        "n",
        "'",
        "t",
        "'s",
        "s",
        "m",
        "ve",
        "re",
        ".",
        ",",
        "!",
        "##s",
    ]
    parts += ["[SEP]", "?", "[MASK]"]
    rng = random.Random(0)
    for _ in range(500):
        tokens = rng.choices([part for part in parts if part in VOCAB], k=rng.randrange(12))
        ids = [VOCAB[token] for token in tokens]
        options = {
            "clean_up_tokenization_spaces": clean_up,
            "skip_special_tokens": rng.random() < 0.5,
        }
        assert ours.decode(ids, **options) == theirs.decode(ids, **options), tokens


@pytest.mark.parametrize("options", OPTIONS)
def test_lower_case_follows_the_configuration_of_sentence_transformers(
    tmp_path: Path, options: tuple[bool, bool | None, bool]
) -> None:
    modules = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    load_model(DATA / "distilbert-tiny").save_pretrained(
        tmp_path, WordPieceTokenizer(VOCAB, **as_options(*options))
    )
    settings = {"max_seq_length": 20, "do_lower_case": True}
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps(settings))
    theirs = modules.Transformer.load(str(tmp_path)).tokenizer
    ours = WordPieceTokenizer.from_pretrained(tmp_path)
    assert ours.model_max_length == theirs.model_max_length == 20
    codes = [code for code in range(0x3000) if not 0xD800 <= code < 0xE000]
    for text in [*texts(300), *(f"a{chr(code)}b" for code in codes)]:
        assert ours.encode(text) == theirs.encode(text), ascii(text)
