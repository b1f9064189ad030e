"""Comparisons with transformers, whose own files and rules the tokenizer follows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from skdistilbert import WordPieceTokenizer
from tests.tokenization.reference import OPTIONS, random_text
from tests.tokenization.test_saving import ADDED, VOCAB

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
def test_what_is_saved_is_the_same_in_transformers(
    tmp_path: Path, options: tuple[bool, bool | None, bool], with_added_tokens: bool
) -> None:
    added = ADDED if with_added_tokens else []
    ours = WordPieceTokenizer(VOCAB, *options, added_tokens=added, model_max_length=777)
    ours.save_pretrained(tmp_path / "tokenizer")
    theirs = transformers_tokenizer(tmp_path / "tokenizer")
    assert theirs.model_max_length == 777
    for text in texts(200, *(token.content for token in added), " [user] ", "new "):
        assert ours.encode(text) == theirs.encode(text), ascii(text)
