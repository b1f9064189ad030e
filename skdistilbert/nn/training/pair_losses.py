"""Training on pairs of texts that the same encoder reads separately."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.training.contrastive import ContrastiveTrainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.weights import Array

    PairLoss = Callable[[Array, Array, Array], tuple[float, Array, Array]]

# Factor of the cosines in `in_batch_negatives`, as in sentence-transformers.
SCALE = 20


def similarity_error(first: Array, second: Array, targets: Array) -> tuple[float, Array, Array]:
    """Return the mean squared error of the cosines of pairs, and its derivatives.

    This is ``CosineSimilarityLoss`` of sentence-transformers.

    Parameters
    ----------
    first, second : ndarray of shape (n_pairs, dim)
        Rows of unit length.
    targets : ndarray of shape (n_pairs,)
        The cosine that each pair should have.
    """
    errors = np.einsum("ij,ij->i", first, second) - targets
    d_cosines = (2 / len(errors) * errors).astype(first.dtype)[:, None]
    return float(np.mean(errors**2)), d_cosines * second, d_cosines * first


def in_batch_negatives(first: Array, second: Array, _: Array) -> tuple[float, Array, Array]:
    """Return the cross-entropy of finding each text's partner in the batch, and its derivatives.

    This is ``MultipleNegativesRankingLoss`` of sentence-transformers. `similarity_error` explains
    the parameters.
    """
    logits = SCALE * first @ second.T
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    logits -= np.log(np.add.reduce(np.exp(logits), axis=1, keepdims=True))
    d_logits = (np.exp(logits) - np.eye(len(logits), dtype=first.dtype)) * (SCALE / len(logits))
    return -float(np.mean(np.diagonal(logits))), d_logits @ second, d_logits.T @ first


def compare_pairs(units: Array, targets: Array, loss: PairLoss) -> tuple[float, Array]:
    """Return the loss of a batch whose texts are in any order, and its derivative.

    Parameters
    ----------
    units : ndarray of shape (2 * n_pairs, dim)
    targets : ndarray of shape (2, 2 * n_pairs)
        The row of each text among all texts, and the target of its pair.
    loss : callable
    """
    first, second = np.split(np.argsort(targets[0]), 2)
    value, d_first, d_second = loss(units[first], units[second], targets[1, first])
    d_units = np.empty_like(units)
    d_units[first], d_units[second] = d_first, d_second
    return value, d_units


class PairTrainer(ContrastiveTrainer):
    """A trainer on pairs: all first texts are in the rows before all second texts."""

    def batches(self, examples: Examples, batch_size: int, rng: RandomState) -> list[IntArray]:
        """Return both texts of the pairs of each batch; all batches are about equally large."""
        n_pairs = len(examples) // 2
        parts = np.array_split(rng.permutation(n_pairs), ceil(n_pairs / batch_size))
        return [np.concatenate([rows, rows + n_pairs]) for rows in parts]
