"""The heads that train, and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.functional import linear
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.training.activations import relu_and_derivative
from skdistilbert.nn.training.dropout import undrop
from skdistilbert.nn.training.functional import linear_backward

if TYPE_CHECKING:
    from skdistilbert.nn.training.dropout import Dropout, Mask
    from skdistilbert.nn.weights import Array, Linear


@dataclass(frozen=True, slots=True)
class TokenClassificationHead:
    """A linear layer on each token."""

    classifier: Linear  # (num_labels, dim)


@dataclass(frozen=True, slots=True)
class FeatureHead:
    """No weights: what it is given, pooled texts or tokens, is what is learnt."""


Head = SequenceClassificationHead | TokenClassificationHead | FeatureHead


class HeadTape(NamedTuple):
    """What the derivative of a head reads."""

    x: Array  # (dim, n_columns), what the head was given
    hidden: Array  # (dim, n_columns), what its output layer was given
    activation_derivative: Array  # (dim, n_columns)
    mask: Mask | None


def head_forward(x: Array, head: Head, dropout: Dropout) -> tuple[Array, HeadTape]:
    """Logits, (num_labels, n_columns), of pooled texts or of tokens."""
    if isinstance(head, FeatureHead):
        return x, HeadTape(x, x, np.ones_like(x), None)
    if isinstance(head, SequenceClassificationHead):
        hidden = linear(x, head.pre_classifier)
        derivative = relu_and_derivative(hidden)
    else:
        hidden, derivative = x.copy(), np.ones_like(x)
    mask = dropout.drop_head(hidden)
    return linear(hidden, head.classifier), HeadTape(x, hidden, derivative, mask)


def head_backward(d_logits: Array, tape: HeadTape, head: Head) -> tuple[Array, Head]:
    """Give the derivatives with respect to what the head was given and to its weights."""
    if isinstance(head, FeatureHead):
        return d_logits, head
    d_hidden, d_classifier = linear_backward(d_logits, tape.hidden, head.classifier)
    undrop(d_hidden, tape.mask)
    if not isinstance(head, SequenceClassificationHead):
        return d_hidden, TokenClassificationHead(d_classifier.arrays())
    d_hidden *= tape.activation_derivative
    d_x, d_pre_classifier = linear_backward(d_hidden, tape.x, head.pre_classifier)
    return d_x, SequenceClassificationHead(d_pre_classifier.arrays(), d_classifier.arrays())
