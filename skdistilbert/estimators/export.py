"""Conversion of trained estimators to models with a task head."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from skdistilbert.estimators.saved_labels import labels_to_json
from skdistilbert.models import (
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)
from skdistilbert.nn.heads import HEAD_ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.heads import SequenceClassificationHead, TokenClassificationHead
    from skdistilbert.nn.pooling import Pooling


def sequence_model(
    encoder: DistilBertModel,
    head: SequenceClassificationHead,
    pooling: Pooling | None,
    labels: NDArray[Any],
    problem_type: str,
) -> DistilBertForSequenceClassification:
    """Return the model that joins an encoder and a head on pooled texts.

    Raises
    ------
    ValueError
        If the head was trained with another pooling than "cls", as its logits would differ in
        transformers.
    """
    if pooling != "cls":
        raise ValueError(
            "save_pretrained needs a head that was trained with pooling='cls', as the head of "
            f"transformers reads the state of [CLS]; this head was trained with {pooling=}. Train "
            "with pooling='cls', pickle the estimator, or write only its encoder with to_embedder."
        )
    (model_type,) = (key for key, x in HEAD_ACTIVATIONS.items() if x == head.activation)
    config = replace(
        encoder.config,
        model_type=model_type,
        id2label={index: str(label) for index, label in enumerate(labels)},
        problem_type=problem_type,
        sklearn_classes=labels_to_json(labels),
    )
    return DistilBertForSequenceClassification(config, dict(encoder.weights) | head.tensors())


def is_regression(config: DistilBertConfig) -> bool:
    """Return whether a head on texts predicts numbers, by the rule of transformers."""
    if config.problem_type is None:
        return config.num_labels == 1
    return config.problem_type == "regression"


def token_model(
    encoder: DistilBertModel, head: TokenClassificationHead, labels: Iterable[str]
) -> DistilBertForTokenClassification:
    """Return the model that joins an encoder and a head on tokens."""
    id2label = dict(enumerate(map(str, labels)))
    config = replace(encoder.config, id2label=id2label, sklearn_classes=None)
    weights = dict(encoder.weights) | head.classifier.tensors("classifier")
    return DistilBertForTokenClassification(config, weights)
