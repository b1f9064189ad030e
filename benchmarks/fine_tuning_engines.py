"""The engines of fine_tuning.py: single steps and whole fits, in `skdistilbert` and in torch."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from benchmarks.checkpoints import find_minilm
from benchmarks.fine_tuning_tasks import MAX_LENGTH, READERS, text_ids, word_ids
from benchmarks.probability_scores import as_columns, probability_scores, scores_of_classifier
from skdistilbert import DistilBertClassifier, DistilBertTokenClassifier, WordPieceTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.fine_tuning_tasks import Task


CLASSES = ["a", "b", "c", "d", "e", "f"]
LEARNING_RATE = 5e-5
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class StepBatch:
    """The size of the batch of one step."""

    n_texts: int = 16
    n_tokens: int = 128

    def texts(self, tokenizer: WordPieceTokenizer) -> list[str]:
        """Return random words, one token each, with space for [CLS] and [SEP]."""
        words = [word for word in tokenizer.vocab if word.isascii() and word.isalpha()]
        shape = self.n_texts, self.n_tokens - 2
        return [" ".join(row) for row in np.random.default_rng(0).choice(words, shape)]

    def labels(self) -> list[str]:
        return [CLASSES[row % len(CLASSES)] for row in range(self.n_texts)]


class OurSteps:
    """`DistilBertClassifier.partial_fit` of all layers: one batch is one step."""

    def __init__(self, directory: str) -> None:
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)
        self.classifier = DistilBertClassifier(
            directory,
            pooling="mean",
            trainable_layers="all",
            batch_size=16,
            learning_rate_init=LEARNING_RATE,
            random_state=0,
            n_threads=int(os.environ["OMP_NUM_THREADS"]),
        )

    def run(self, batch: StepBatch) -> None:
        self.classifier.partial_fit(batch.texts(self.tokenizer), batch.labels(), CLASSES)


class TorchSteps:
    """The same step in torch."""

    def __init__(self, directory: str) -> None:
        import torch
        import transformers

        from benchmarks.fine_tuning_torch import Classifier, adamw

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)
        encoder = transformers.DistilBertModel.from_pretrained(directory)
        self.model = Classifier(encoder, len(CLASSES)).train()
        self.optimizer = adamw(self.model, LEARNING_RATE)

    def run(self, batch: StepBatch) -> None:
        import torch

        from benchmarks.fine_tuning_torch import pad, train_step

        ids = [self.tokenizer.encode(text) for text in batch.texts(self.tokenizer)]
        targets = torch.tensor([CLASSES.index(label) for label in batch.labels()])
        train_step(self.model, self.model(*pad(ids)), targets, self.optimizer)


@dataclass(frozen=True)
class Fit:
    """One fit on one task, with the hyperparameters that both engines use."""

    task: str
    data: Path
    layers: int | str
    epochs: int
    pooling: str
    seed: int
    n_threads: int
    batch_size: int = 16
    learning_rate: float = 1e-4

    def read(self) -> Task:
        return READERS[self.task](self.data)


class FitOurs:
    """An engine that returns the seconds of an epoch, or a named score of the last fit."""

    def run(self, fit: Fit | str) -> float:
        if isinstance(fit, str):
            return self.scores[fit]
        task = fit.read()
        kind: Any = DistilBertTokenClassifier
        if fit.task != "wnut17":
            kind = partial(DistilBertClassifier, pooling=fit.pooling)
        classifier = kind(
            find_minilm(),
            trainable_layers=fit.layers,
            max_length=MAX_LENGTH,
            max_iter=fit.epochs,
            batch_size=fit.batch_size,
            learning_rate_init=fit.learning_rate,
            alpha=WEIGHT_DECAY,
            random_state=fit.seed,
            n_threads=fit.n_threads,
        )
        start = time.perf_counter()
        classifier.fit(task.texts, task.labels)
        seconds = (time.perf_counter() - start) / classifier.n_iter_
        if fit.task == "wnut17":
            self.scores = {"score": classifier.score(task.test_texts, task.test_labels)}
        else:
            scores = scores_of_classifier(classifier, task.test_texts, task.test_labels)
            self.scores = as_columns("score", scores)
        return seconds


class FitTorch:
    """The same in torch."""

    def run(self, fit: Fit | str) -> float:
        from benchmarks.fine_tuning_torch import fit_and_predict

        if isinstance(fit, str):
            return self.scores[fit]
        task = fit.read()
        classes = np.unique(np.hstack(task.labels))
        encode: Any = word_ids if fit.task == "wnut17" else text_ids
        ids, targets, *_ = encode(task.texts, task.labels, classes)
        test_ids, _, *firsts = encode(task.test_texts, task.test_labels, classes)
        logits, seconds = fit_and_predict(fit, ids, targets, test_ids, len(classes))
        if firsts:
            predicted = [of_text.argmax(axis=1).tolist() for of_text in logits]
            self.scores = {"score": token_score(task, predicted, firsts[0], classes)}
        else:
            probabilities = softmax(np.concatenate(logits), axis=1)
            scores = probability_scores(task.test_labels, probabilities, classes)
            self.scores = as_columns("score", scores)
        return seconds


def token_score(
    task: Task, predicted: list[list[int]], firsts: list[dict[int, int]], classes: np.ndarray
) -> float:
    """Return the F1 of entities from the predicted class of each token."""
    from skdistilbert.tasks.label_schemes import entity_f1

    found = [
        [str(classes[of[first[word]]]) if word in first else "O" for word in range(len(words))]
        for of, first, words in zip(predicted, firsts, task.test_texts, strict=True)
    ]
    return entity_f1(task.test_labels, found)
