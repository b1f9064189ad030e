from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import tokenizers

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import AddedToken
from tests.conftest import DATA
from tests.tokenization.reference import (
    OPTIONS,
    SPECIAL_TOKENS,
    as_options,
    assert_same,
    random_text,
    reference_tokenizer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

VOCAB = WordPieceTokenizer(DATA / "distilbert-tiny" / "vocab.txt").vocab
WORDS = [word for word in VOCAB if word.isalpha()]
CONTENTS = [
    *(
        "<u>",
        "<u>x",
        "the",
        "New",
        "new york",
        "NEW",
        "\u00c9lan",
        "i",
        "\u4e2d",
        "\u0130",
        "x\u0301",
    ),
    *(" y", "z ", "the one", "[MASK]x", "K]", "##s", "_", "\ud55c", "MASK"),
]
NEIGHBOURS = [
    " ",
    "\x1f",
    "\x85",
    "_",
    "\u200b",
    "\u200d",
    "\u0301",
    "\u0903",
    "a",
    "9",
    "-",
    "\u4e2d",
]


def random_tokens(rng: random.Random) -> list[AddedToken]:
    index = len(VOCAB)
    tokens = []
    for content in rng.sample(CONTENTS, rng.randrange(1, 8)):
        flags = [rng.random() < 0.4 for _ in range(5)]
        tokens.append(AddedToken(content, VOCAB.get(content, index), *flags))
        index += content not in VOCAB
    return tokens


def reference_with(
    tokens: Sequence[AddedToken], options: tuple[bool, bool | None, bool]
) -> tokenizers.Tokenizer:
    reference = reference_tokenizer(VOCAB, *options)
    flags = ("special", "lstrip", "rstrip", "single_word", "normalized")
    reference.add_tokens(
        [
            tokenizers.AddedToken(token.content, **{flag: getattr(token, flag) for flag in flags})
            for token in tokens
        ]
    )
    return reference


@pytest.mark.parametrize("seed", range(60))
def test_added_tokens_are_found_as_by_tokenizers(seed: int) -> None:
    rng = random.Random(seed)
    options = rng.choice(OPTIONS)
    tokens, split = random_tokens(rng), rng.random() < 0.3
    ours = WordPieceTokenizer(
        VOCAB, **as_options(*options), added_tokens=tokens, split_special_tokens=split
    )
    reference = reference_with(tokens, options)
    reference.encode_special_tokens = split
    contents = [token.content for token in tokens]
    contents += [content.upper() for content in contents]
    words = [*contents, *contents, *NEIGHBOURS, *NEIGHBOURS, *rng.sample(WORDS, 4), "new"]
    assert_same(ours, reference, [random_text(rng, words) for _ in range(150)])


def test_flags_in_examples() -> None:
    added = [
        AddedToken("<u>", 5000, lstrip=True),
        AddedToken("<r>", 5001, rstrip=True),
        AddedToken("lone", 5002, single_word=True),
        AddedToken("<long>", 5003),
        AddedToken("<long>er", 5004),
    ]
    tokenizer = WordPieceTokenizer(VOCAB, added_tokens=added)
    encoding = tokenizer.encode_with_offsets("a  <U> b <r>  c", add_special_tokens=False)
    assert encoding.offsets == [(0, 1), (1, 6), (7, 8), (9, 14), (14, 15)]
    assert tokenizer.encode("Lone slone lone_ <long>er", add_special_tokens=False)[0] == 5002
    assert tokenizer.encode("<long>er", add_special_tokens=False) == [5004]
    assert 5002 not in tokenizer.encode("slone lone_ lone9", add_special_tokens=False)


@pytest.mark.parametrize("side", ["{0}<w>", "<w>{0}", "{0}<l>", "<r>{0}"])
def test_adjoining_characters_are_classified_as_by_tokenizers(side: str) -> None:
    tokens = [
        AddedToken("<w>", 1124, single_word=True, normalized=False),
        AddedToken("<l>", 1125, lstrip=True, normalized=False),
        AddedToken("<r>", 1126, rstrip=True, normalized=False),
    ]
    codes = [*range(0x3100), *range(0x3100, 0x110000, 97)]
    texts = [side.format(chr(code)) for code in codes if not 0xD800 <= code < 0xE000]
    ours = WordPieceTokenizer(VOCAB, added_tokens=tokens)
    assert_same(ours, reference_with(tokens, (True, None, True)), texts)


def test_only_special_tokens_are_not_normalized_by_default() -> None:
    assert not AddedToken("[USER]", 1124, special=True).normalized
    assert AddedToken("user", 1124).normalized
    assert repr(AddedToken("a", 9, normalized=False)) == "AddedToken('a', 9, normalized=False)"
    assert (
        repr(AddedToken("a", 9, True, lstrip=True))
        == "AddedToken('a', 9, special=True, lstrip=True)"
    )
    tokenizer = WordPieceTokenizer(VOCAB, split_special_tokens=True)
    for token in SPECIAL_TOKENS:
        assert token not in tokenizer.tokenize(f"a{token}b")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([AddedToken("the", 1124)], f"has the id {VOCAB['the']} in the vocabulary"),
        ([AddedToken("<a>", 1)], r"has the id of '\[UNK\]'"),
        ([AddedToken("<a>", 1124), AddedToken("<b>", 1124)], "has the id of '<a>'"),
    ],
)
def test_ids_in_use_raise_an_error(tokens: list[AddedToken], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(VOCAB, added_tokens=tokens)


def test_whitespace_tokens_after_a_token_that_includes_the_whitespace_are_skipped() -> None:
    added = [
        AddedToken("<r>", 1124, rstrip=True, normalized=False),
        AddedToken(" ", 1125, lstrip=True, normalized=False),
    ]
    tokenizer = WordPieceTokenizer(VOCAB, added_tokens=added)
    encoding = tokenizer.encode_with_offsets("a<r>  a", add_special_tokens=False)
    assert encoding.offsets == [(0, 1), (1, 6), (6, 7)]
