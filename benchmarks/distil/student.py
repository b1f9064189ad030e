"""The student: how it starts, one step of its learning, and its checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.distil.objective import Weights, pooled_loss, token_loss
from benchmarks.distil.teacher import components
from skdistilbert import DistilBertConfig, DistilBertModel
from skdistilbert.nn.pooling import pool
from skdistilbert.nn.threads import effective_n_threads, for_each
from skdistilbert.nn.training.dropout import Dropout
from skdistilbert.nn.training.examples import balanced
from skdistilbert.nn.training.gradient_sum import GradientSum
from skdistilbert.nn.training.heads import FeatureHead
from skdistilbert.nn.training.network import Inputs, Network, backward, forward
from skdistilbert.nn.training.optimizer import AdamW
from skdistilbert.nn.training.parameters import Parameters
from skdistilbert.nn.training.pooling import mean_backward

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.distil.teacher import Lessons
    from skdistilbert.nn.packing import IntArray, PackedBatch
    from skdistilbert.nn.training.network import Tape
    from skdistilbert.nn.weights import Array

# Root mean squares at the start. Words count for more than where they stand.
WORD_SCALE, POSITION_SCALE, LINEAR_SCALE = 0.1, 0.02, 0.03


def new_student(config: DistilBertConfig, lessons: Lessons, positions: Array) -> DistilBertModel:
    """Start near the teacher: each word is what the teacher makes of it alone.

    Parameters
    ----------
    config : DistilBertConfig
    lessons : Lessons
    positions : ndarray of shape (max_position_embeddings, dim of the teacher)
        The teacher's position embeddings, whose components become the student's.
    """
    rng = np.random.default_rng(0)
    dim, hidden_dim = config.dim, config.hidden_dim
    weights = {
        "embeddings.word_embeddings.weight": _scaled(lessons.words, WORD_SCALE),
        "embeddings.position_embeddings.weight": _scaled(
            positions @ components(positions, dim), POSITION_SCALE
        ),
    } | _new_norm("embeddings.LayerNorm", dim)
    shapes = {f"attention.{x}_lin": (dim, dim) for x in ("q", "k", "v", "out")}
    shapes |= {"ffn.lin1": (hidden_dim, dim), "ffn.lin2": (dim, hidden_dim)}
    for index in range(config.n_layers):
        layer = f"transformer.layer.{index}"
        for name, shape in shapes.items():
            matrix = rng.normal(0, LINEAR_SCALE, shape).astype(np.float32)
            weights[f"{layer}.{name}.weight"] = matrix
            weights[f"{layer}.{name}.bias"] = np.zeros(shape[0], np.float32)
        weights |= _new_norm(f"{layer}.sa_layer_norm", dim)
        weights |= _new_norm(f"{layer}.output_layer_norm", dim)
    return DistilBertModel(config, weights)


def _scaled(x: Array, root_mean_square: float) -> Array:
    scaled: Array = x * (root_mean_square / np.sqrt(np.square(x).mean()))
    return scaled.astype(np.float32)


def _new_norm(name: str, dim: int) -> dict[str, Array]:
    return {f"{name}.weight": np.ones(dim, np.float32), f"{name}.bias": np.zeros(dim, np.float32)}


class Student:
    """A model in training.

    Parameters
    ----------
    model : DistilBertModel
        Its weights are copied.
    lessons : Lessons
    weights : Weights
        Of the parts of the objective.
    n_threads : int, default: as many as BLAS may use
        The result does not depend on it.
    """

    def __init__(
        self,
        model: DistilBertModel,
        lessons: Lessons,
        weights: Weights | None = None,
        n_threads: int | None = None,
    ) -> None:
        encoder = model.encoder
        self.config, self._lessons = model.config, lessons
        self._weights = weights or Weights()
        network = Network(
            encoder.embeddings,
            encoder.layers,
            FeatureHead(),
            encoder.n_heads,
            encoder.activation,
            pooling=None,  # the tokens' states are learnt, too
        )
        self.parameters = Parameters(network)
        self.optimizer = AdamW(self.parameters)
        self._gradient = GradientSum(self.parameters)
        self._n_threads = n_threads

    def step(self, rows: IntArray, learning_rate: float) -> float:
        """Learn from one batch of texts; gives the loss."""
        batches = balanced(self._lessons.texts, rows)
        self._prepare(batches)
        tapes: list[Tape | None] = [None] * len(batches)
        states: list[Array] = [np.empty(0)] * len(batches)

        def compute(index: int) -> None:
            inputs = Inputs(batches[index])
            states[index], tapes[index] = forward(self.parameters.network, inputs, Dropout.none())

        def differentiate(index: int) -> None:
            tape = tapes[index]
            assert tape is not None
            for name, gradient in backward(self.parameters.network, d_states[index], tape):
                self._gradient.add(index, name, gradient)

        n_threads = effective_n_threads(self._n_threads)
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
        """Give the loss, and its derivatives with respect to the states of each packed batch."""
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
            d_states += mean_backward(np.ascontiguousarray(d.T), x, batch)
            derivatives.append(d_states)
        return loss, derivatives

    def _targets(self, batch: PackedBatch) -> Array:
        rows = self._lessons.states[self._lessons.texts.tokens_of(batch.text_indices)]
        return np.ascontiguousarray(rows.T.astype(np.float32))

    def model(self) -> DistilBertModel:
        """Give the student of now."""
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

    def save(self, file: Path) -> None:
        """Write what `go_on_from` reads, at once or not at all."""
        state = self.optimizer.state()
        new = file.with_suffix(".new.npz")
        np.savez(new, vector=self.parameters.vector, **self.parameters.tables, **state)
        new.replace(file)

    def go_on_from(self, file: Path) -> int:
        """Take over all from a file; gives the number of steps done."""
        with np.load(file, allow_pickle=False) as state:
            self.parameters.vector[:] = state["vector"]
            for name, table in self.parameters.tables.items():
                table[:] = state[name]
            self.optimizer.go_on_from(state)
        return self.optimizer.n_steps
