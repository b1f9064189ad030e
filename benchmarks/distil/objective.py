"""The objective of the distillation: hidden states of tokens and similarities of texts.

All functions return a loss and its derivative with respect to their first argument. Pooled
features have the shape (n_texts, dim), hidden states of tokens (dim, n_tokens).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from skdistilbert.nn.weights import Array


class Weights(NamedTuple):
    """The weights of the parts of the objective."""

    tokens: float = 1.0
    cosine: float = 2.0
    similarity: float = 20.0
    contrast: float = 0.2


TEMPERATURE = 0.05  # divides the cosines in the contrast loss


def token_loss(states: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean squared error of hidden states (Jiao et al., 2020, TinyBERT)."""
    errors = states - targets
    loss = float(np.vdot(errors, errors)) / errors.size
    errors *= 2 / errors.size
    return loss, errors


def pooled_loss(pooled: Array, targets: Array, weights: Weights) -> tuple[float, Array]:
    """Return the weighted sum of the cosine, similarity and contrast losses."""
    lengths = np.linalg.norm(pooled, axis=1, keepdims=True)
    units = pooled / lengths
    target_units = targets / np.linalg.norm(targets, axis=1, keepdims=True)
    parts = (
        (weights.cosine, _cosine_loss(units, target_units)),
        (weights.similarity, _similarity_loss(units, target_units)),
        (weights.contrast, _contrast_loss(units, target_units)),
    )
    loss = sum(weight * value for weight, (value, _) in parts)
    d_units: Array = sum(weight * d_part for weight, (_, d_part) in parts)
    # The loss depends on the direction of a feature only: remove the radial part.
    d_units -= units * np.add.reduce(d_units * units, axis=1, keepdims=True)
    return loss, d_units / lengths


def _cosine_loss(units: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean of 1 - cosine with the teacher's feature."""
    n_texts = len(units)
    return 1 - float(np.vdot(units, targets)) / n_texts, targets / -n_texts


def _similarity_loss(units: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean squared error of the cosines of all pairs of texts."""
    errors = units @ units.T - targets @ targets.T
    n_pairs = errors.size
    return float(np.vdot(errors, errors)) / n_pairs, (4 / n_pairs) * (errors @ units)


def _contrast_loss(units: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean cross-entropy of the teacher's and the student's nearest texts."""
    n_texts = len(units)
    near = _softmax_of_others(targets @ targets.T)
    log_likeness = _log_softmax_of_others(units @ targets.T)
    loss = -float(np.vdot(near, log_likeness)) / n_texts
    d_logits = np.exp(log_likeness) - near
    return loss, (d_logits / (TEMPERATURE * n_texts)) @ targets


def _log_softmax_of_others(cosines: Array) -> Array:
    logits = cosines / TEMPERATURE
    np.fill_diagonal(logits, -1e4)  # a text is not its own neighbour
    logits -= logits.max(axis=1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logits


def _softmax_of_others(cosines: Array) -> Array:
    near: Array = np.exp(_log_softmax_of_others(cosines))
    return near
