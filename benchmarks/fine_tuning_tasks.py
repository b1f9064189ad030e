"""The data sets of fine_tuning.py, as texts and as token ids."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.checkpoints import find_minilm
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_LENGTH = 128


class Task(NamedTuple):
    """Texts and labels for training and for testing."""

    texts: list[Any]  # str, or lists of words
    labels: list[Any]  # str, or lists of labels
    test_texts: list[Any]
    test_labels: list[Any]


def read_trec(directory: Path) -> Task:
    def read(name: str) -> tuple[list[str], list[str]]:
        lines = (directory / name).read_text("latin-1").splitlines()
        labels, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
        return list(texts), [label.split(":")[0] for label in labels]

    return Task(*read("train.txt"), *read("test.txt"))


def read_banking77(directory: Path) -> Task:
    def read(name: str) -> tuple[list[str], list[str]]:
        with (directory / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row["text"] for row in rows], [row["category"] for row in rows]

    return Task(*read("train.csv"), *read("test.csv"))


def read_wnut17(directory: Path) -> Task:
    def read(name: str) -> tuple[list[list[str]], list[list[str]]]:
        texts: list[list[str]] = [[]]
        labels: list[list[str]] = [[]]
        for line in (directory / name).read_text("utf-8").splitlines():
            word, _, label = line.strip().partition("\t")
            if word and label:
                texts[-1].append(word)
                labels[-1].append(label.strip())
            elif texts[-1]:
                texts.append([])
                labels.append([])
        return [words for words in texts if words], [of for of in labels if of]

    return Task(*read("wnut17train.conll"), *read("emerging.test.annotated"))


READERS: dict[str, Callable[[Path], Task]] = {
    "trec": read_trec,
    "banking77": read_banking77,
    "wnut17": read_wnut17,
}


def text_ids(
    texts: list[str], labels: list[str], classes: np.ndarray
) -> tuple[list[list[int]], list[int]]:
    """Return the token ids and the class index of each text."""
    tokenizer = WordPieceTokenizer.from_pretrained(find_minilm())
    ids = [tokenizer.encode(text, max_length=MAX_LENGTH, truncation=True) for text in texts]
    return ids, np.searchsorted(classes, labels).tolist()


def word_ids(
    texts: list[list[str]], labels: list[list[str]], classes: np.ndarray
) -> tuple[list[list[int]], list[list[int]], list[dict[int, int]]]:
    """Return token ids and class indices of words.

    The class of a word is at its first token; all other tokens have -100. The third value maps
    each word of a text to its first token.
    """
    from skdistilbert.tokenization import encode_words  # absent in older checkouts

    tokenizer = WordPieceTokenizer.from_pretrained(find_minilm())
    ids, targets, first_tokens = [], [], []
    for words, of_words in zip(texts, labels, strict=True):
        encoding = encode_words(tokenizer, words, max_length=MAX_LENGTH, truncation=True)
        tokens = [-1 if word is None else word for word in encoding.word_ids]
        first = {word: index for index, word in reversed([*enumerate(tokens)]) if word >= 0}
        target = np.full(len(tokens), -100)
        target[[*first.values()]] = np.searchsorted(classes, [of_words[word] for word in first])
        ids.append(encoding.input_ids)
        targets.append(target.tolist())
        first_tokens.append(first)
    return ids, targets, first_tokens
