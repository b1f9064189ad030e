from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import AddedToken
from tests.conftest import DATA
from tests.tokenization.reference import OPTIONS

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
def test_what_is_saved_is_read_back(
    tmp_path: Path, options: tuple[bool, bool | None, bool]
) -> None:
    tokenizer = WordPieceTokenizer(
        VOCAB, *options, split_special_tokens=True, added_tokens=ADDED, model_max_length=77
    )
    tokenizer.save_pretrained(tmp_path / "new" / "tokenizer")
    assert WordPieceTokenizer.from_pretrained(tmp_path / "new" / "tokenizer") == tokenizer


def test_other_files_stay_and_those_that_would_be_read_before_go(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "special_tokens_map.json", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    TOKENIZER.save_pretrained(tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"config.json", "vocab.txt", "tokenizer_config.json"}
    assert (tmp_path / "config.json").read_text() == "{}"
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "DistilBertTokenizer"


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
def test_what_files_cannot_hold_is_refused(
    tmp_path: Path, tokens: dict[str, int], added: list[AddedToken], message: str
) -> None:
    tokenizer = WordPieceTokenizer(VOCAB | tokens, added_tokens=added)
    with pytest.raises(ValueError, match=message):
        tokenizer.save_pretrained(tmp_path / "tokenizer")
    assert not (tmp_path / "tokenizer").exists()
