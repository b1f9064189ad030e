"""Losses of logits (num_labels, n_columns), with their derivatives.

Each gives the weighted sum over the columns; what it is to be divided by is up to the caller.
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
    """Of one class a column, `targets` (n_columns,): -log softmax(logits)[target]."""
    shifted = logits - np.maximum.reduce(logits, axis=0)
    log_normaliser = np.log(np.add.reduce(np.exp(shifted), axis=0))
    columns = np.arange(len(targets))
    losses = log_normaliser - shifted[targets, columns]
    d_logits = np.exp(shifted - log_normaliser)
    d_logits[targets, columns] -= 1
    d_logits *= weights
    return float(losses @ weights), d_logits


def binary_cross_entropy(logits: Array, targets: Array, weights: Array) -> tuple[float, Array]:
    """Of independent labels, `targets` (num_labels, n_columns) of 0 and 1; mean over labels."""
    # log(1 + exp(x)) - x * target, where neither end of exp overflows
    losses = np.logaddexp(0, logits) - logits * targets
    # 1 / (1 + exp(-x)) likewise
    d_logits = 0.5 * (1 + np.tanh(0.5 * logits)) - targets
    d_logits *= weights / len(logits)
    return float(np.add.reduce(losses, axis=0) @ weights) / len(logits), d_logits


def squared_error(logits: Array, targets: Array, weights: Array) -> tuple[float, Array]:
    """Of numbers, `targets` (num_labels, n_columns); mean over labels."""
    errors = logits - targets
    loss = float(np.add.reduce(errors * errors, axis=0) @ weights) / len(logits)
    errors *= 2 / len(logits) * weights
    return loss, errors
