"""Trained estimators as models with a task head, as transformers has them, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from skdistilbert.models import (
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.heads import SequenceClassificationHead, TokenClassificationHead
    from skdistilbert.nn.pooling import Pooling


def sequence_model(
    encoder: DistilBertModel,
    head: SequenceClassificationHead,
    pooling: Pooling | None,
    labels: Iterable[object],
    problem_type: str,
) -> DistilBertForSequenceClassification:
    """Join an encoder and a head on pooled texts.

    Raises
    ------
    ValueError
        If the head reads anything but [CLS], as it would give other logits in transformers.
    """
    if pooling != "cls":
        raise ValueError(
            f"transformers' head reads the state of [CLS], this one was trained on pooling="
            f"{pooling!r}: its logits would be others there. Train with pooling='cls', pickle the "
            "estimator, or write its encoder alone with to_embedder."
        )
    config = replace(
        encoder.config,
        id2label={index: str(label) for index, label in enumerate(labels)},
        problem_type=problem_type,
    )
    return DistilBertForSequenceClassification(config, dict(encoder.weights) | head.tensors())


def is_regression(config: DistilBertConfig) -> bool:
    """Tell whether a head on texts learns numbers, by transformers' rule."""
    if config.problem_type is None:
        return config.num_labels == 1
    return config.problem_type == "regression"


def token_model(
    encoder: DistilBertModel, head: TokenClassificationHead, labels: Iterable[str]
) -> DistilBertForTokenClassification:
    """Join an encoder and a head on tokens."""
    config = replace(encoder.config, id2label=dict(enumerate(map(str, labels))))
    weights = dict(encoder.weights) | head.classifier.tensors("classifier")
    return DistilBertForTokenClassification(config, weights)
