"""Combine the results of the sentences that describe each class."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.text_encoder import check_finite
from skdistilbert.models import DistilBertForSequenceClassification
from skdistilbert.nn.dense import unit_length
from skdistilbert.tasks.entailment import entailment_logits
from skdistilbert.tasks.premises import PremiseReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.runtime import Precision

    FloatArray = NDArray[np.float32]


def class_embeddings(vectors: FloatArray, sentences: list[list[str]]) -> FloatArray:
    """Return the unit vector of each class, (n_classes, n_features).

    Parameters
    ----------
    vectors : ndarray of shape (n_sentences, n_features)
    sentences : list of lists of str
        The sentences of each class.
    """
    return unit_length(_sum_by_class(unit_length(vectors).T, sentences).T)


def entailment_by_class(
    encoder: TextEncoder,
    texts: list[str],
    sentences: list[list[str]],
    precision: Precision,
    progress_title: str,
    **options: Any,  # noqa: ANN401
) -> FloatArray:
    """Return the mean logit of entailment of the sentences of each class, (n_texts, n_classes).

    `classify` explains the options `max_length`, `long_text`, `stride` and `n_threads`.

    Raises
    ------
    CheckpointError
        If the checkpoint has no classification head.
    ValueError
        If an option is not valid, the head does not predict entailment, or a sentence leaves no
        room for a text.
    """
    directory, tokenizer = encoder.pretrained.directory, encoder.tokenizer
    if encoder.task_model is None:
        encoder.task_model = DistilBertForSequenceClassification.from_pretrained(directory)
    encoder.task_model.precision = precision
    reader = PremiseReader.from_options(encoder.task_model, tokenizer, **options)
    all_sentences = [*chain.from_iterable(sentences)]
    with showing_progress(len(texts), progress_title) as advance:
        logits = entailment_logits(reader, texts, all_sentences, advance)
    counts = np.array([len(few) for few in sentences], np.float32)
    means = _sum_by_class(logits, sentences) / counts
    return check_finite(means, directory) if texts else means


def _sum_by_class(columns: FloatArray, sentences: list[list[str]]) -> FloatArray:
    """Sum the columns of the sentences of each class: (n, n_sentences) -> (n, n_classes)."""
    starts = np.cumsum([0, *map(len, sentences[:-1])])
    sums: FloatArray = np.add.reduceat(columns, starts, axis=1)
    return sums
