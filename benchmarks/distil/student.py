"""The student: its initial weights, and one training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.checkpoints import random_weights
from benchmarks.distil.objective import Weights, pooled_loss, token_loss
from benchmarks.distil.teacher import components
from skdistilbert import DistilBertConfig, DistilBertModel
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.pooling import pool
from skdistilbert.nn.runtime import Workers, for_each, resolve_n_threads
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training import POOLING_BACKWARD, Network
from skdistilbert.nn.training.examples import balanced
from skdistilbert.nn.training.gradient_sum import GradientSum
from skdistilbert.nn.training.network import Inputs, backward, forward
from skdistilbert.nn.training.optimizer import AdamW
from skdistilbert.nn.training.parameter_vector import Parameters

if TYPE_CHECKING:
    from benchmarks.distil.teacher import Lessons
    from skdistilbert.nn.packing import IntArray, PackedBatch
    from skdistilbert.nn.weights import Array

# Root mean squares of the initial weights. Words are more important than positions.
WORD_SCALE, POSITION_SCALE, LINEAR_SCALE = 0.1, 0.02, 0.03


def new_student(config: DistilBertConfig, lessons: Lessons, positions: Array) -> DistilBertModel:
    """Return a model whose word embeddings are the teacher's features of each word.

    Parameters
    ----------
    config : DistilBertConfig
    lessons : Lessons
    positions : ndarray of shape (max_position_embeddings, teacher dim)
        The position embeddings of the teacher, whose components initialise the student's.
    """
    positions = positions @ components(positions, config.dim)
    weights = random_weights(config, LINEAR_SCALE)
    weights["embeddings.word_embeddings.weight"] = _scaled(lessons.words, WORD_SCALE)
    weights["embeddings.position_embeddings.weight"] = _scaled(positions, POSITION_SCALE)
    return DistilBertModel(config, weights)


def _scaled(x: Array, root_mean_square: float) -> Array:
    scaled: Array = x * (root_mean_square / np.sqrt(np.square(x).mean()))
    return scaled.astype(np.float32)


class Student:
    """A model in training.

    Parameters
    ----------
    model : DistilBertModel
        Its weights are copied.
    lessons : Lessons
    """

    def __init__(self, model: DistilBertModel, lessons: Lessons) -> None:
        encoder = model.encoder
        self.config, self._lessons = model.config, lessons
        self._weights = Weights()
        network = Network(
            encoder.embeddings,
            encoder.layers,
            FeatureHead(),
            encoder.n_heads,
            encoder.activation,
            pooling=None,  # the objective includes the states of all tokens
        )
        self.parameters = Parameters(network)
        self.optimizer = AdamW(self.parameters)
        self._gradient = GradientSum(self.parameters)

    def step(self, rows: IntArray, learning_rate: float) -> float:
        """Train on one batch of texts, and return the loss."""
        batches = balanced(self._lessons.texts, rows)
        self._prepare(batches)
        tapes = [Tape() for _ in batches]
        states: list[Array] = [np.empty(0)] * len(batches)

        def compute(index: int, _: Workers) -> None:
            inputs = Inputs(batches[index])
            states[index] = forward(self.parameters.network, inputs, tapes[index])

        def differentiate(index: int, _: Workers) -> None:
            inputs, tape = Inputs(batches[index]), tapes[index]
            for name, gradient in backward(self.parameters.network, d_states[index], inputs, tape):
                self._gradient.add(index, name, gradient)

        n_threads = resolve_n_threads(None)  # the result does not depend on it
        for_each(compute, range(len(batches)), n_threads)
        loss, d_states = self._objective(batches, states)
        self._gradient.start()
        self._gradient.expect(range(len(batches)))
        for_each(differentiate, range(len(batches)), n_threads)
        self._gradient.sum_up(n_threads)
        self.optimizer.step(self._gradient, learning_rate, n_threads)
        return loss

    def _prepare(self, batches: list[PackedBatch]) -> None:
        self.optimizer.prepare(
            {
                f"embeddings.{table}_embeddings": np.unique(
                    np.concatenate([getattr(batch, ids) for batch in batches])
                )
                for table, ids in (("word", "input_ids"), ("position", "position_ids"))
            }
        )

    def _objective(
        self, batches: list[PackedBatch], states: list[Array]
    ) -> tuple[float, list[Array]]:
        """Return the loss, and its derivatives with respect to the states of each packed batch."""
        targets = [self._targets(batch) for batch in batches]
        pooled, wanted = (
            np.concatenate([pool(x, b, "mean") for x, b in zip(xs, batches, strict=True)])
            for xs in (states, targets)
        )
        loss, d_pooled = pooled_loss(pooled, wanted, self._weights)
        n_tokens = sum(x.shape[1] for x in states)
        cuts = np.cumsum([len(batch.lengths) for batch in batches])[:-1]
        derivatives = []
        for x, y, batch, d in zip(states, targets, batches, np.split(d_pooled, cuts), strict=True):
            of_tokens, d_states = token_loss(x, y)
            share = self._weights.tokens * x.shape[1] / n_tokens
            loss += share * of_tokens
            d_states *= share
            d_states += POOLING_BACKWARD["mean"](np.ascontiguousarray(d.T), x, batch)
            derivatives.append(d_states)
        return loss, derivatives

    def _targets(self, batch: PackedBatch) -> Array:
        rows = self._lessons.states[self._lessons.texts.token_indices(batch.text_indices)]
        return np.ascontiguousarray(rows.T.astype(np.float32))

    def model(self) -> DistilBertModel:
        """Return a model with a copy of the current weights."""
        self.optimizer.finish()
        network = self.parameters.network
        assert network.embeddings is not None
        embeddings = network.embeddings
        weights = {
            "embeddings.word_embeddings.weight": embeddings.word_embeddings,
            "embeddings.position_embeddings.weight": embeddings.position_embeddings,
            **embeddings.layer_norm.tensors("embeddings.LayerNorm"),
        }
        for index, layer in enumerate(network.layers):
            weights |= layer.tensors(f"transformer.layer.{index}")
        return DistilBertModel(self.config, {k: array.copy() for k, array in weights.items()})
