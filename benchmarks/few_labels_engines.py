"""The methods of few_labels.py."""

from __future__ import annotations

import os
import tempfile
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from benchmarks.bundled_model import frozen_classifier
from skdistilbert import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertZeroShotClassifier,
)

if TYPE_CHECKING:
    from pathlib import Path

TFIDF, FROZEN, FROZEN_CV, DEFAULT, TUNED, CONTRASTIVE, ZERO_SHOT, SETFIT = METHODS = (
    "TF-IDF + LR",
    "frozen + LR",
    "frozen + LR, cross-validated C",
    "DistilBertClassifier()",
    "fine-tuned",
    "contrastive + LR",
    "zero-shot",
    "SetFit",
)
# Descriptions of the classes of TREC-6, which are numbers; those of Banking77 are words.
TREC_CLASSES = {
    "2": ["abbreviation", "what an abbreviation stands for"],
    "0": ["definition", "description", "reason", "how something is done"],
    "1": ["thing", "animal, food, product, word or work of art"],
    "3": ["person", "group of people"],
    "4": ["place", "city, country or mountain"],
    "5": ["number", "date", "amount, distance or duration"],
}


class LabelledTexts(NamedTuple):
    """Texts for one fit, and texts for testing."""

    texts: list[str]
    labels: list[str]
    test_texts: list[str]
    test_labels: list[str]
    seed: int


class FitMethod:
    """An engine that fits a method, writes its probabilities and returns the seconds of `fit`."""

    def __init__(self, method: str, model: str) -> None:
        self.method, self.model = method, model

    def run(self, work: tuple[LabelledTexts, Path]) -> float:
        texts, output = work
        classifier = self._classifier(texts)
        start = time.perf_counter()
        classifier.fit(texts.texts, texts.labels)
        seconds = time.perf_counter() - start
        np.save(output, classifier.predict_proba(texts.test_texts))
        return seconds

    def _classifier(self, texts: LabelledTexts) -> Any:  # noqa: ANN401
        model, seed = self.model, texts.seed
        if self.method == TFIDF:
            return frozen_classifier(None)
        if self.method == DEFAULT:
            return DistilBertClassifier(model, random_state=seed)
        if self.method == TUNED:
            return DistilBertClassifier(model, trainable_layers="all", random_state=seed)
        if self.method == ZERO_SHOT:
            known = set(texts.labels) <= set(TREC_CLASSES)
            return DistilBertZeroShotClassifier(model, classes=TREC_CLASSES if known else None)
        embedder = (
            DistilBertContrastiveEmbedder(model, random_state=seed)
            if self.method == CONTRASTIVE
            else DistilBertEmbedder(model, normalize=True)
        )
        head: Any = LogisticRegression(C=10, max_iter=1000)
        if self.method == FROZEN_CV:
            head = GridSearchCV(head, {"C": np.logspace(0, 3, 7)}, scoring="neg_log_loss")
        return make_pipeline(embedder, head)


class FitSetFit:
    """The same for SetFit (Tunstall et al., 2022) with torch; loading the model is not timed."""

    def __init__(self, model: str) -> None:
        import torch
        from transformers.utils import logging

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        logging.disable_progress_bar()
        self.model = model

    def run(self, work: tuple[LabelledTexts, Path]) -> float:
        from setfit import SetFitModel

        texts, output = work
        model = SetFitModel.from_pretrained(self.model)
        with tempfile.TemporaryDirectory() as directory:
            start = time.perf_counter()
            self._train(model, texts, directory)
            seconds = time.perf_counter() - start
        np.save(output, model.predict_proba(texts.test_texts, as_numpy=True))
        return seconds

    def _train(self, model: Any, texts: LabelledTexts, directory: str) -> None:  # noqa: ANN401
        from datasets import Dataset
        from setfit import Trainer, TrainingArguments

        arguments = TrainingArguments(
            output_dir=directory,
            max_steps=setfit_steps(texts.labels),
            seed=texts.seed,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        targets = np.unique(texts.labels, return_inverse=True)[1].tolist()
        data = Dataset.from_dict({"text": texts.texts, "label": targets})
        Trainer(model, arguments, train_dataset=data).train()


def setfit_steps(labels: list[str]) -> int:
    """Return the steps of one epoch: all pairs of different classes, and as many of equal ones."""
    sizes = np.unique(labels, return_counts=True)[1]
    n_different = (sizes.sum() ** 2 - np.sum(sizes**2)) // 2
    return int(-(-2 * n_different // 16))
