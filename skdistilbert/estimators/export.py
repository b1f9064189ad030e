"""Conversion of trained estimators to models with a task head."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.estimators.saved_labels import labels_to_json
from skdistilbert.exceptions import warn_user
from skdistilbert.models import (
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)
from skdistilbert.nn.heads import HEAD_ACTIVATIONS, LinearHead, SequenceClassificationHead
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.pooling import Pooling

# tanh(SMALL * x) is SMALL * x within rounding for all hidden states x.
SMALL = np.float32(2**-13)


def sequence_model(
    encoder: DistilBertModel,
    head: LinearHead | SequenceClassificationHead,
    pooling: Pooling | None,
    labels: NDArray[Any],
    problem_type: str,
    pools_windows: bool,
) -> DistilBertForSequenceClassification:
    """Return the model that joins an encoder and a head on pooled texts.

    Warns
    -----
    UserWarning
        If the head reads another pooling than "cls", as its logits differ in transformers. If the
        labels are neither strings, numbers nor booleans.
    """
    if pooling != "cls":
        warn_user(
            f"The head reads the features of pooling={pooling!r}, but transformers always passes "
            "the state of [CLS] to the head, so its logits will differ there. skdistilbert "
            "restores the head exactly. For transformers, train with pooling='cls'."
        )
    json_labels = labels_to_json(labels)
    if json_labels is None:
        warn_user(
            f"config.json cannot hold labels of type {labels.dtype}, such as {labels[0]!r:.99}. "
            "They are saved as strings, and from_pretrained will return strings. For the original "
            "labels, pickle the estimator."
        )
    if isinstance(head, LinearHead):
        head = _with_first_layer(head, encoder, pooling)
    (model_type,) = (key for key, x in HEAD_ACTIVATIONS.items() if x == head.activation)
    config = replace(
        encoder.config,
        model_type=model_type,
        id2label={index: str(label) for index, label in enumerate(labels)},
        problem_type=problem_type,
        sklearn_classes=json_labels,
        sklearn_pooling=pooling or "cls",
        sklearn_pools_windows=pools_windows,
    )
    return DistilBertForSequenceClassification(config, dict(encoder.weights) | head.tensors())


def _with_first_layer(
    head: LinearHead, encoder: DistilBertModel, pooling: Pooling | None
) -> SequenceClassificationHead:
    """Return a head with the two layers of transformers and the same logits.

    BERT's tanh is linear for small numbers, so its first layer makes the features small. ReLU is
    linear for positive numbers, so DistilBERT's first layer adds a bound of the features.
    """
    output, dim = head.classifier, encoder.config.dim
    activation = HEAD_ACTIVATIONS[encoder.config.model_type]
    identity = np.eye(dim, dtype=np.float32)
    # Features have the bound of hidden states, but this pooling multiplies means by the square
    # root of the number of tokens.
    grows = pooling == "mean_sqrt_len_tokens"
    growth = np.float32(np.sqrt(encoder.config.max_position_embeddings) if grows else 1)
    if activation == "tanh":
        small = SMALL / growth
        first = Linear(small * identity, np.zeros(dim, np.float32))
        last = Linear(output.weight / small, output.bias)
    else:
        bound = growth * _bound_of_states(encoder)  # (dim,)
        first = Linear(identity, bound)
        bias = output.bias - output.weight.astype(np.float64) @ bound
        last = Linear(output.weight, bias.astype(np.float32))
    return SequenceClassificationHead(first, last, activation)


def _bound_of_states(encoder: DistilBertModel) -> NDArray[np.float32]:
    """Return a bound of the absolute values of the last hidden states, (dim,)."""
    layers, embeddings = encoder.encoder.layers, encoder.encoder.embeddings
    norm = layers[-1].output_layer_norm if layers else embeddings.layer_norm
    bound = np.abs(norm.weight) * np.sqrt(encoder.config.dim) + np.abs(norm.bias)
    return np.asarray(bound, np.float32)


def is_regression(config: DistilBertConfig) -> bool:
    """Return whether a head on texts predicts numbers, by the rule of transformers."""
    if config.problem_type is None:
        return config.num_labels == 1
    return config.problem_type == "regression"


def token_model(
    encoder: DistilBertModel, head: LinearHead, labels: Iterable[str]
) -> DistilBertForTokenClassification:
    """Return the model that joins an encoder and a head on tokens."""
    id2label = dict(enumerate(map(str, labels)))
    config = replace(encoder.config, id2label=id2label, sklearn_classes=None)
    weights = dict(encoder.weights) | head.classifier.tensors("classifier")
    return DistilBertForTokenClassification(config, weights)
