"""Train a vocabulary of word pieces by byte-pair encoding (Sennrich et al., 2016).

A word starts as its characters, of which all but the first have the prefix "##". Then the most
frequent pair of neighbouring pieces becomes a new piece, until the vocabulary is full. The trainer
of the Rust library `tokenizers` has the same rules, but it breaks ties at random. Here the pair
with the older pieces wins, so that the same texts always have the same vocabulary.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.number_checks import check_at_least
from skdistilbert.tokenization.declared_tokens import DEFAULT_TOKENS
from skdistilbert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Pair = tuple[int, int]

# BERT's vocabularies start with the special tokens in this order; the id of [PAD] is 0.
ORDER = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")


def first_tokens(params: Mapping[str, Any]) -> list[str]:
    """Return the special tokens of a tokenizer's parameters in BERT's order."""
    tokens = {name: params.get(name, DEFAULT_TOKENS[name]) for name in ORDER}
    for name, token in tokens.items():
        if not isinstance(token, str) or not token:
            raise ValueError(f"{name} must be a string that is not empty; got {token!r:.99}.")
    return list(tokens.values())


def count_words(texts: Iterable[str], words_of: Callable[[str], Iterable[str]]) -> Counter[str]:
    """Return how often each word occurs in texts; errors name the row of a text."""
    counts: Counter[str] = Counter()
    for row, text in enumerate(_rows(texts)):
        try:
            counts.update(words_of(text))
        except (TypeError, ValueError) as error:
            raise type(error)(f"Row {row}: {error}") from None
    if not counts:
        raise ValueError("texts must contain at least one word to train a vocabulary; got none.")
    return counts


def _rows(texts: Iterable[str]) -> Iterable[str]:
    """Return the texts of an iterable, or of an array or frame with one column."""
    if hasattr(texts, "__array__"):  # The elements of an Arrow array are not strings.
        column = texts if isinstance(texts, np.ndarray) else np.asarray(texts, dtype=object)
        if column.ndim == 1 or column.shape[1:] == (1,):
            return column.ravel()
    elif isinstance(texts, Iterable) and not isinstance(texts, str | bytes | Mapping):
        return texts
    raise TypeError(
        "texts must be an iterable of strings, such as a list or one column of a table, "
        f"frame['text']; got {texts!r:.99} of type {type(texts).__name__}. For one text, pass "
        "[text]."
    )


def train_vocab(
    word_counts: Mapping[str, int],
    special_tokens: Iterable[str],
    *,
    vocab_size: int,
    min_frequency: int,
    limit_alphabet: int,
) -> dict[str, int]:
    """Return a vocabulary for words with these counts, in the order in which pieces were added.

    Words that `WordPiece` cannot split are ignored: words of more than 100 characters, and words
    with a character outside of the alphabet.

    Parameters
    ----------
    word_counts : mapping of str to int
        Normalised words.
    special_tokens : iterable of str
        The first tokens of the vocabulary.
    vocab_size : int
        Maximum number of tokens.
    min_frequency : int
        Minimum count of a pair that becomes a new piece.
    limit_alphabet : int
        Maximum number of characters; the most frequent ones are kept.

    Raises
    ------
    ValueError
        If a number is not an integer of at least 1, or if the special tokens and the characters
        are more than `vocab_size`.
    """
    check_at_least("vocab_size", vocab_size, 1)
    check_at_least("min_frequency", min_frequency, 1)
    check_at_least("limit_alphabet", limit_alphabet, 1)
    counts = {word: n for word, n in word_counts.items() if len(word) <= MAX_WORD_LENGTH}
    alphabet = set(_ranked_characters(counts.items())[:limit_alphabet])
    counts = {word: n for word, n in counts.items() if alphabet.issuperset(word)}
    # The order decides ties. In `tokenizers` it is random; frequent characters tend to come first.
    continuations = _ranked_characters((word[1:], n) for word, n in counts.items())
    following = (f"{CONTINUATION}{character}" for character in continuations)
    tokens = dict.fromkeys([*special_tokens, *sorted(alphabet), *following])
    if len(tokens) > vocab_size:
        raise ValueError(
            f"vocab_size must be at least {len(tokens)}, for the special tokens, {len(alphabet)} "
            f"characters and {len(continuations)} characters after {CONTINUATION!r}; got "
            f"{vocab_size}. Increase vocab_size, or set limit_alphabet below {len(alphabet)}."
        )
    vocab = {token: index for index, token in enumerate(tokens)}
    words = [[vocab[piece] for piece in _characters(word)] for word in counts]
    _merge_pairs(vocab, _SplitWords(words, list(counts.values())), vocab_size, min_frequency)
    return vocab


def _ranked_characters(counts: Iterable[tuple[str, int]]) -> list[str]:
    """Return the characters of words with counts, the most frequent ones first."""
    totals: Counter[str] = Counter()
    for text, n in counts:
        for character in text:
            totals[character] += n
    return sorted(totals, key=lambda character: (-totals[character], character))


def _characters(word: str) -> list[str]:
    return [word[0], *(f"{CONTINUATION}{character}" for character in word[1:])]


def _merge_pairs(
    vocab: dict[str, int], words: _SplitWords, vocab_size: int, min_frequency: int
) -> None:
    """Merge the most frequent pairs, and add the new pieces to the vocabulary."""
    tokens = list(vocab)
    while len(vocab) < vocab_size:
        pair, count = words.most_frequent_pair()
        if count < min_frequency:
            return
        left, right = (tokens[index] for index in pair)
        token = left + right.removeprefix(CONTINUATION)
        if token not in vocab:  # Other pairs may have formed the same piece.
            vocab[token] = len(tokens)
            tokens.append(token)
        words.merge(pair, vocab[token])


class _SplitWords:
    """Words as ids of their pieces, with the counts of neighbouring pieces.

    A merge changes only the counts of pairs next to it. The words with a pair are indexed.

    Parameters
    ----------
    words : list of lists of int
        Changed by `merge`.
    frequencies : list of int
        How often each word occurs.
    """

    def __init__(self, words: list[list[int]], frequencies: Sequence[int]) -> None:
        self._words, self._frequencies = words, frequencies
        self._counts: defaultdict[Pair, int] = defaultdict(int)
        self._rows: defaultdict[Pair, set[int]] = defaultdict(set)  # words that have had the pair
        for row, word in enumerate(words):
            for pair in pairwise(word):
                self._add(pair, row)
        # Counts in the queue may be too high. They are corrected when they are the highest.
        self._queue = [(-count, pair) for pair, count in self._counts.items()]
        heapify(self._queue)

    def _add(self, pair: Pair, row: int) -> None:
        self._counts[pair] += self._frequencies[row]
        self._rows[pair].add(row)

    def most_frequent_pair(self) -> tuple[Pair, int]:
        """Return a pair and its count, which is 0 if no pairs are left."""
        while self._queue:
            queued, pair = heappop(self._queue)
            count = self._counts[pair]
            if count == -queued:
                return pair, count
            if 0 < count < -queued:
                heappush(self._queue, (-count, pair))
        return (0, 0), 0

    def merge(self, pair: Pair, piece: int) -> None:
        """Replace a pair by one piece in all words."""
        added: set[Pair] = set()
        for row in self._rows.pop(pair):
            added |= self._merge_in_word(row, pair, piece)
        del self._counts[pair]
        for each in added:
            heappush(self._queue, (-self._counts[each], each))

    def _merge_in_word(self, row: int, pair: Pair, piece: int) -> set[Pair]:
        """Replace a pair in a word, and return the pairs with the new piece."""
        word, (left, right), added = self._words[row], pair, set()
        position = -1
        while (position := _find(word, pair, position + 1)) >= 0:
            word[position : position + 2] = [piece]
            if position:
                before = word[position - 1]
                self._replace((before, left), (before, piece), row)
                added.add((before, piece))
            if position + 1 < len(word):
                after = word[position + 1]
                self._replace((right, after), (piece, after), row)
                added.add((piece, after))
        return added

    def _replace(self, old: Pair, new: Pair, row: int) -> None:
        self._counts[old] -= self._frequencies[row]
        self._add(new, row)


def _find(word: list[int], pair: Pair, start: int) -> int:
    """Return the first position of a pair from `start` on, or -1."""
    left, right = pair
    for position in range(start, len(word) - 1):
        if word[position] == left and word[position + 1] == right:
            return position
    return -1
