"""Losses of logits (num_labels, n_columns) and their derivatives.

Each loss returns its sum over the columns, weighted by `weights` (n_columns,), and the derivative
of this sum with respect to the logits. The caller divides by the number of columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from skdistilbert.nn.weights import Array

    Loss = Callable[[Array, Any, Array], tuple[float, Array]]


def cross_entropy(
    logits: Array, targets: NDArray[np.integer], weights: Array
) -> tuple[float, Array]:
    """Return the loss -log softmax(logits)[target] of one class per column, and its derivative.

    `targets` are class indices, (n_columns,).
    """
    shifted = logits - np.maximum.reduce(logits, axis=0)
    log_normaliser = np.log(np.add.reduce(np.exp(shifted), axis=0))
    columns = np.arange(len(targets))
    losses = log_normaliser - shifted[targets, columns]
    d_logits = np.exp(shifted - log_normaliser)
    d_logits[targets, columns] -= 1
    d_logits *= weights
    return float(losses @ weights), d_logits


def binary_cross_entropy(logits: Array, targets: Array, weights: Array) -> tuple[float, Array]:
    """Return the mean binary cross-entropy of independent labels, and its derivative.

    `targets` are 0 or 1, of shape (num_labels, n_columns).
    """
    # log(1 + exp(x)) - x * target, without overflow of exp
    losses = np.logaddexp(0, logits) - logits * targets
    # 1 / (1 + exp(-x)) - target, without overflow of exp
    d_logits = 0.5 * (1 + np.tanh(0.5 * logits)) - targets
    d_logits *= weights / len(logits)
    return float(np.add.reduce(losses, axis=0) @ weights) / len(logits), d_logits


def squared_error(logits: Array, targets: Array, weights: Array) -> tuple[float, Array]:
    """Return the squared error of numbers, averaged over labels, and its derivative.

    `targets` are numbers, (num_labels, n_columns).
    """
    errors = logits - targets
    loss = float(np.add.reduce(errors * errors, axis=0) @ weights) / len(logits)
    errors *= 2 / len(logits) * weights
    return loss, errors
