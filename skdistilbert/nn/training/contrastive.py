"""Contrastive training: the loss compares all texts of a batch with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.nn.training.class_batches import class_batches
from skdistilbert.nn.training.trainer import Trainer

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.nn.packing import BoolArray, IntArray
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.training.examples import Examples, Piece
    from skdistilbert.nn.weights import Array

# Divisor of the cosines in `supervised_contrastive_loss`; lower values stress the closest texts.
TEMPERATURE = 0.1


def cosine_loss(units: Array, similar: BoolArray) -> tuple[float, Array]:
    """Return the loss of the cosines of all pairs of texts, and its derivative.

    The loss is half the mean of `(cosine - 1)^2` over the pairs of similar texts, plus half the
    mean of `cosine^2` over the other pairs, as in SetFit (Tunstall et al., 2022) with all pairs of
    the batch.

    Parameters
    ----------
    units : ndarray of shape (n_texts, dim)
        Rows of unit length.
    similar : bool ndarray of shape (n_texts, n_texts)
        Symmetric; the diagonal is ignored.
    """
    errors = units @ units.T - similar
    np.fill_diagonal(errors, 0)
    n_similar = int(np.count_nonzero(similar & ~np.eye(len(similar), dtype=bool)))
    n_others = len(similar) * (len(similar) - 1) - n_similar
    shares = np.where(similar, 1 / max(1, n_similar), 1 / max(1, n_others))
    d_cosines = errors * shares.astype(units.dtype)
    return 0.5 * float(np.vdot(errors, d_cosines)), 2 * d_cosines @ units


def supervised_contrastive_loss(units: Array, similar: BoolArray) -> tuple[float, Array]:
    """Return the supervised contrastive loss (Khosla et al., 2020) and its derivative.

    The cosines of a text with all other texts are divided by `TEMPERATURE`. The loss of the text
    is the cross-entropy between the softmax of these quotients and equal shares of the similar
    texts. The result is the mean over all texts that have a similar text. `cosine_loss` explains
    the parameters.
    """
    logits = units @ units.T / units.dtype.type(TEMPERATURE)
    np.fill_diagonal(logits, -np.inf)
    partners = similar & ~np.eye(len(similar), dtype=bool)
    n_partners = np.count_nonzero(partners, axis=1, keepdims=True)
    has_partners = n_partners > 0
    shares = (partners / np.maximum(1, n_partners)).astype(units.dtype)
    logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
    logits -= np.log(np.add.reduce(np.exp(logits), axis=1, keepdims=True))
    n_anchors = max(1, int(np.count_nonzero(has_partners)))
    d_cosines = (np.exp(logits) * has_partners - shares) / (n_anchors * TEMPERATURE)
    d_cosines = d_cosines.astype(units.dtype)
    np.fill_diagonal(logits, 0)
    return -float(np.vdot(shares, logits)) / n_anchors, (d_cosines + d_cosines.T) @ units


def share_a_label(targets: NDArray[Any]) -> BoolArray:
    """Return which texts share a label, (n_texts, n_texts).

    The targets are class indices (n_texts,) or indicators (n_labels, n_texts).
    """
    if targets.ndim == 1:
        return np.asarray(targets[:, None] == targets)
    return np.asarray(targets.T @ targets > 0)


class ContrastiveTrainer(Trainer):
    """A trainer whose loss compares the features of all texts of a batch.

    The records of the forward passes of all pieces are in memory together. `loss` is the mean over
    pairs rather than the sum over columns.
    """

    def batches(self, examples: Examples, batch_size: int, rng: RandomState) -> list[IntArray]:
        """Return batches with several classes, and several texts of each."""
        return class_batches(examples.targets, batch_size, rng)

    def _differentiate(self, pieces: list[Piece]) -> float:
        passes: list[tuple[Array, Tape]] = [None] * len(pieces)  # type: ignore[list-item]

        def run_forward(index: int, _: Workers) -> None:
            passes[index] = self._forward(pieces[index], index)

        self._for_each(run_forward, range(len(pieces)))
        features = np.hstack([columns for columns, _ in passes])
        targets = np.concatenate([piece.targets for piece in pieces], axis=-1)
        weights = np.concatenate([piece.weights for piece in pieces])
        loss, d_features = self._loss(features, targets, weights)
        ends = np.cumsum([piece.weights.size for piece in pieces])
        parts = np.split(d_features, ends[:-1], axis=1)

        def run_backward(index: int, _: Workers) -> None:
            d_columns = np.ascontiguousarray(parts[index])
            self._backward(pieces[index], index, d_columns, passes[index][1])

        self._sum_gradients(run_backward, len(pieces))
        return loss * weights.size


class WindowTrainer(ContrastiveTrainer):
    """A contrastive trainer that reads one random window of each text of a batch.

    All texts therefore have the same weight, for any number of windows.

    Parameters
    ----------
    text_rows : int ndarray of shape (n_windows,)
        The row of each window's text, ascending.
    *arguments
        Those of `Trainer`.
    """

    def __init__(self, text_rows: IntArray, *arguments: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments)
        self._counts = np.bincount(text_rows)  # windows of each text
        self._starts = np.cumsum(self._counts) - self._counts

    def batches(self, examples: Examples, batch_size: int, rng: RandomState) -> list[IntArray]:
        """Return the windows of each batch."""
        targets = examples.targets[..., self._starts]
        return [
            self._starts[texts] + rng.randint(self._counts[texts])
            for texts in class_batches(targets, batch_size, rng)
        ]
