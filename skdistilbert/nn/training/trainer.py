"""The trainer: one optimisation step, and the logits of the network in training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.runtime import choose_product, for_each, resolve_n_threads, warm_up
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training.gradient_sum import GradientSum
from skdistilbert.nn.training.network import backward, forward
from skdistilbert.nn.training.optimizer import AdamW
from skdistilbert.nn.training.parameter_vector import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.tape import DropoutRates
    from skdistilbert.nn.training.examples import Examples, Piece
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.nn.training.network import Network
    from skdistilbert.nn.weights import Array

# Number of texts whose logits are computed together.
TEXTS_PER_BATCH = 128
# Number of pieces of a batch whose gradients are in memory together: 1 GB for the 66M model.
PIECES_AT_ONCE = 8
# Every training reads more tokens than this, so the product may be chosen before the first step.
MIN_TOKENS = 1000


class Trainer:
    """A network in training: its parameters, the optimiser and the loss.

    Parameters
    ----------
    network : Network
        Initial weights, which are copied.
    loss : callable
        One of `skdistilbert.nn.training.losses`.
    rates : DropoutRates
    seed : int
        Seed of the dropout masks, which also depend on the step and the piece of the batch.
    weight_decay : float
    n_threads : int or None
        Number of threads; the result does not depend on it.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        rates: DropoutRates,
        seed: int,
        weight_decay: float,
        n_threads: int | None,
    ) -> None:
        self.parameters = Parameters(network)
        self.optimizer = AdamW(self.parameters, weight_decay)
        self._gradient = GradientSum(self.parameters)
        self._loss, self._rates, self._seed = loss, rates, seed
        self._n_threads = n_threads
        warm_up(resolve_n_threads(n_threads))
        choose_product(MIN_TOKENS * self.parameters.vector.size)

    @property
    def network(self) -> Network:
        """The network with its current weights."""
        return self.parameters.network

    def batches(self, examples: Examples, batch_size: int, rng: RandomState) -> list[IntArray]:
        """Return the texts of each batch of an epoch, in random order."""
        order = rng.permutation(len(examples))
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

    def step(self, pieces: list[Piece], learning_rate: float) -> float:
        """Update the weights on one batch and return the sum of the losses of its columns.

        Raises
        ------
        ValueError
            If the gradient is not finite. The weights are unchanged then.
        """
        self._prepare_rows(pieces)
        self._gradient.start()
        loss = self._differentiate(pieces)
        n_threads = resolve_n_threads(self._n_threads)
        self.optimizer.step(self._gradient, learning_rate, n_threads)
        return loss

    def _differentiate(self, pieces: list[Piece]) -> float:
        """Sum up the gradients of the pieces and return the sum of the losses of their columns."""
        losses = np.zeros(len(pieces))
        n_columns = sum(int(np.count_nonzero(piece.weights)) for piece in pieces)

        def differentiate(index: int, _: Workers) -> None:
            piece = pieces[index]
            logits, tape = self._forward(piece, index)
            losses[index], d_logits = self._loss(logits, piece.targets, piece.weights)
            d_logits /= max(1, n_columns)
            self._backward(piece, index, d_logits, tape)

        self._sum_gradients(differentiate, len(pieces))
        return float(losses.sum())

    def _forward(self, piece: Piece, index: int) -> tuple[Array, Tape]:
        tape = Tape(self._rates, self._seed, (self.optimizer.n_steps, index))
        return forward(self.network, piece.inputs, tape), tape

    def _backward(self, piece: Piece, index: int, d_logits: Array, tape: Tape) -> None:
        for name, gradient in backward(self.network, d_logits, piece.inputs, tape):
            self._gradient.add(index, name, gradient)

    def _sum_gradients(self, differentiate: Callable[[int, Workers], None], n_pieces: int) -> None:
        """Sum up the gradients that `differentiate` adds for each piece."""
        n_threads = resolve_n_threads(self._n_threads)
        for start in range(0, n_pieces, PIECES_AT_ONCE):
            at_once = range(n_pieces)[start : start + PIECES_AT_ONCE]
            self._gradient.expect(at_once)
            self._for_each(differentiate, at_once)
            self._gradient.sum_up(n_threads)

    def _prepare_rows(self, pieces: list[Piece]) -> None:
        if self.network.embeddings is None:
            return
        batches = [piece.inputs.batch for piece in pieces if piece.inputs.batch is not None]
        ids, positions = (
            np.unique(np.concatenate([getattr(batch, name) for batch in batches]))
            for name in ("input_ids", "position_ids")
        )
        self.optimizer.prepare(
            {"embeddings.word_embeddings": ids, "embeddings.position_embeddings": positions}
        )

    def logits(self, examples: Examples) -> Array:
        """Return the logits without dropout: (num_labels, n_columns)."""
        self.optimizer.finish()
        head = self.network.head
        assert not isinstance(head, FeatureHead)
        num_labels = len(head.classifier.bias)
        logits = np.empty((num_labels, examples.weights.size), self.parameters.vector.dtype)
        for start in range(0, len(examples), TEXTS_PER_BATCH):
            rows = np.arange(start, min(start + TEXTS_PER_BATCH, len(examples)))
            pieces = examples.pieces(rows)
            self._for_each(partial(_fill_logits, logits, self.network, pieces), range(len(pieces)))
        return logits

    def _for_each(self, function: Callable[[int, Workers], None], pieces: range) -> None:
        # Several workers on one piece would round differently from one worker.
        n_threads = resolve_n_threads(self._n_threads) if len(pieces) > 1 else 1
        for_each(function, pieces, n_threads)


def _fill_logits(
    logits: Array, network: Network, pieces: list[Piece], index: int, _: Workers
) -> None:
    piece = pieces[index]
    logits[:, piece.columns] = forward(network, piece.inputs)
