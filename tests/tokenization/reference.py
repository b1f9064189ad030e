"""BERT's tokenizer of the Rust library `tokenizers`, and random texts to compare with it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from skdistilbert.tokenization import encode_ragged

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from skdistilbert import WordPieceTokenizer

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
OPTIONS = [
    (lowercase, strip_accents, chinese)
    for lowercase in (True, False)
    for strip_accents in (None, True, False)
    for chinese in (True, False)
]


def reference_tokenizer(
    vocab: Mapping[str, int], lowercase: bool, strip_accents: bool | None, chinese: bool
) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(dict(vocab), unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(
        clean_text=True,
        handle_chinese_chars=chinese,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL_TOKENS)
    return tokenizer


def as_options(lowercase: bool, strip_accents: bool | None, chinese: bool) -> dict[str, Any]:
    """Return the options of our tokenizer."""
    return {
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "tokenize_chinese_chars": chinese,
    }


def assert_same(ours: WordPieceTokenizer, reference: Tokenizer, texts: Sequence[str]) -> None:
    """Compare ids, offsets and words of each text, without [CLS] and [SEP]."""
    expected = reference.encode_batch(texts, add_special_tokens=False)
    ragged = encode_ragged(ours, texts, add_special_tokens=False).input_ids
    assert [ids.tolist() for ids in ragged] == [encoding.ids for encoding in expected]
    for text, encoding in zip(texts, expected, strict=True):
        got = ours.encode_with_offsets(text, add_special_tokens=False)
        assert ours.encode(text, add_special_tokens=False) == encoding.ids, ascii(text)
        assert got.input_ids == encoding.ids, ascii(text)
        assert got.offsets == encoding.offsets, ascii(text)
        assert got.word_ids == encoding.word_ids, ascii(text)


WHITESPACE = " \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000\u200b\u200d\u2060\ufeff"
BIDI = "\u200e\u200f\u202a\u202e\u2066\u2069"
SNIPPETS = ["[mask]", "[CLS", "##", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "e\u0301"]
MARKS = [chr(code) for code in range(0x110000) if unicodedata.combining(chr(code))]
# Blocks of characters: printable ASCII, Latin, Greek, Indic, Chinese, Hangul, musical, emoji.
BLOCKS = (
    (0x20, 0x7F),
    (0xA0, 0x250),
    (0x370, 0x400),
    (0x900, 0xE00),
    (0x4E00, 0xA000),
    (0xAC00, 0xD7A4),
    (0x1D150, 0x1D180),
    (0x1F300, 0x1F700),
    (0, 0xD800),
    (0xE000, 0x110000),
)


def random_text(rng: random.Random, words: Sequence[str]) -> str:
    """Return a mix of words, characters of all kinds, whitespace, marks and special tokens."""
    return "".join(_random_part(rng, words) for _ in range(rng.randrange(1, 14)))


def _random_part(rng: random.Random, words: Sequence[str]) -> str:
    kind = rng.randrange(8)
    if kind < 2:
        return rng.choice(words)
    if kind == 2:
        return rng.choice(WHITESPACE + BIDI)
    if kind == 3:
        return rng.choice(MARKS)
    if kind == 4:
        return rng.choice([*SPECIAL_TOKENS, *SNIPPETS])
    if kind == 5 and rng.random() < 0.2:
        return rng.choice("xz") * rng.choice([99, 100, 101])
    return chr(rng.randrange(*rng.choice(BLOCKS)))
