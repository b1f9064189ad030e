from __future__ import annotations

import csv
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import BertWordPieceTokenizer

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization.vocab_training import train_vocab

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUESTS = Path(__file__).parents[2] / "examples" / "support_requests.csv"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LIMITS = {"min_frequency": 1, "limit_alphabet": 1000}


def read_requests() -> list[str]:
    with REQUESTS.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def recounted(words: Mapping[str, int], first: list[str], n_merges: int) -> list[str]:
    """Return the tokens after some merges, with all pairs counted again before each merge."""
    tokens = list(first)
    split = {word: [word[0], *(f"##{character}" for character in word[1:])] for word in words}
    for _ in range(n_merges):
        counts = count_pairs(words, split)
        if not counts:
            break
        left, right = min(counts, key=lambda pair: (-counts[pair], *map(tokens.index, pair)))
        new = left + right.removeprefix("##")
        if new not in tokens:
            tokens.append(new)
        for pieces in split.values():
            position = 0
            while position < len(pieces) - 1:
                if pieces[position : position + 2] == [left, right]:
                    pieces[position : position + 2] = [new]
                position += 1
    return tokens


def count_pairs(
    words: Mapping[str, int], split: Mapping[str, list[str]]
) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for word, pieces in split.items():
        for pair in pairwise(pieces):
            counts[pair] += words[word]
    return counts


@pytest.mark.parametrize("seed", range(20))
def test_counts_are_updated_as_if_all_pairs_were_counted_again(seed: int) -> None:
    rng = random.Random(seed)
    letters = "abcd"[: rng.randrange(1, 5)]
    words = Counter(
        "".join(rng.choices(letters, k=rng.randrange(1, 12))) for _ in range(rng.randrange(1, 60))
    )
    tokens = list(train_vocab(words, SPECIAL, vocab_size=10_000, **LIMITS))
    n_first = sum(len(token.removeprefix("##")) == 1 for token in tokens) + len(SPECIAL)
    assert tokens == recounted(words, tokens[:n_first], 10_000)
    for size in (n_first, n_first + 1, len(tokens) - 1):
        if n_first <= size <= len(tokens):
            assert [*train_vocab(words, SPECIAL, vocab_size=size, **LIMITS)] == tokens[:size]


@pytest.mark.parametrize("vocab_size", [200, 400, 5000])
def test_a_vocabulary_is_as_good_as_that_of_tokenizers(vocab_size: int) -> None:
    """The trainer of `tokenizers` breaks ties at random, so some tokens may differ."""
    requests = read_requests()
    texts, unseen = requests[::2], requests[1::2]
    peer = BertWordPieceTokenizer()
    peer.train_from_iterator(texts, vocab_size=vocab_size, show_progress=False)
    ours = WordPieceTokenizer.train(texts, vocab_size)
    theirs = WordPieceTokenizer(peer.get_vocab())
    assert abs(ours.vocab_size - theirs.vocab_size) <= 5
    assert len(ours.vocab.keys() - theirs.vocab.keys()) <= 0.1 * ours.vocab_size
    n_ours, n_theirs = (sum(len(t.tokenize(x)) for x in unseen) for t in (ours, theirs))
    assert n_ours <= 1.02 * n_theirs


def test_the_vocabulary_does_not_depend_on_the_order_of_texts() -> None:
    texts = read_requests()
    tokenizer = WordPieceTokenizer.train(texts, 300)
    assert tokenizer.vocab_size == 300
    assert list(tokenizer.vocab)[:5] == SPECIAL
    assert sorted(tokenizer.vocab.values()) == list(range(300))
    assert WordPieceTokenizer.train(iter(texts[::-1]), 300) == tokenizer


def test_words_are_counted_as_the_tokenizer_splits_texts() -> None:
    texts = ["Éa Éa [MASK] 東京", "[MASK]"]
    lower = WordPieceTokenizer.train(texts)
    assert set(lower.vocab) == {*SPECIAL, "e", "a", "##a", "ea", "東", "京"}
    cased = WordPieceTokenizer.train(
        texts, do_lower_case=False, tokenize_chinese_chars=False, mask_token="[M]"
    )
    first = [*SPECIAL[:4], "[M]"]
    chinese, mask = {"東", "京", "##京"}, {*"[]MASK", *(f"##{x}" for x in "ASK")}
    merged = {"Éa", "MA", "##SK", "MASK"}
    assert set(cased.vocab) == {*first, "É", "a", "##a", *chinese, *mask, *merged}
    assert cased.mask_token_id == 4


def test_words_that_cannot_be_split_are_ignored() -> None:
    texts = ["ab ab ab abz abz", f"{'xy' * 51} {'xy' * 51}"]
    tokenizer = WordPieceTokenizer.train(texts, limit_alphabet=2)
    assert list(tokenizer.vocab) == [*SPECIAL, "a", "b", "##b", "ab"]


def test_rare_pieces_need_a_low_min_frequency() -> None:
    texts = ["abc abc xyz"]
    assert "abc" in WordPieceTokenizer.train(texts).vocab
    assert "xyz" not in WordPieceTokenizer.train(texts).vocab
    assert "xyz" in WordPieceTokenizer.train(texts, min_frequency=1).vocab
    assert "abc" not in WordPieceTokenizer.train(texts, min_frequency=3).vocab


def test_a_trained_tokenizer_can_be_saved(tmp_path: Path) -> None:
    tokenizer = WordPieceTokenizer.train(read_requests(), 300, model_max_length=64)
    tokenizer.save_pretrained(tmp_path)
    assert WordPieceTokenizer.from_pretrained(tmp_path) == tokenizer


def test_a_column_may_be_an_array_or_a_frame() -> None:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    texts = ["play played", "played"]
    expected = WordPieceTokenizer.train(texts)
    frame = pandas.DataFrame({"text": texts})
    columns = (np.array(texts), frame["text"], frame, pyarrow.array(texts))
    for column in columns:
        assert WordPieceTokenizer.train(column) == expected
    with pytest.raises(TypeError, match="one column of a table"):
        WordPieceTokenizer.train(frame.assign(other=texts))


@pytest.mark.parametrize(
    ("texts", "params", "error", "message"),
    [
        ("a text", {}, TypeError, "texts must be an iterable of strings, .* got 'a text' of type"),
        (b"a text", {}, TypeError, "texts must be .* got b'a text' of type bytes"),
        ({"text": ["a"]}, {}, TypeError, "texts must be .* got {'text': .* of type dict"),
        (np.full((2, 2), "a"), {}, TypeError, "one column of a table"),
        (None, {}, TypeError, "texts must be .* got None of type NoneType"),
        (["a", None], {}, TypeError, "Row 1: a text must be a string, got None"),
        (["a", "\ud800"], {}, ValueError, "Row 1: it holds the lone surrogate"),
        ([" ", ""], {}, ValueError, "texts must contain at least one word"),
        (["ab"], {"vocab_size": 7}, ValueError, "vocab_size must be at least 8, .* got 7"),
        (["a"], {"vocab_size": 30.0}, ValueError, "vocab_size must be an integer .* got 30.0"),
        (["a"], {"min_frequency": 0}, ValueError, "min_frequency must be .* at least 1; got 0"),
        (["a"], {"limit_alphabet": True}, ValueError, "limit_alphabet must be .* got True"),
        (["a"], {"mask_token": None}, ValueError, "mask_token must be a string .* got None"),
        (["a"], {"lowercase": True}, TypeError, "lowercase"),
        (["a"], {"do_lower_case": "yes"}, TypeError, "do_lower_case must be True .* got 'yes'"),
    ],
)
def test_bad_input_is_explained(
    texts: Any,  # noqa: ANN401
    params: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        WordPieceTokenizer.train(texts, **params)
