"""Training on pairs: the losses, their derivatives, and the batches."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import DropoutRates
from skdistilbert.nn.training.examples import Examples
from skdistilbert.nn.training.pair_losses import (
    PairTrainer,
    compare_pairs,
    in_batch_negatives,
    similarity_error,
)
from tests.nn.training.test_gradients import TEXTS, a_network

RNG = np.random.default_rng
LOSSES = pytest.mark.parametrize("loss", [similarity_error, in_batch_negatives])


def some_pairs(dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Return the features of five pairs in mixed order, and their targets."""
    order = RNG(1).permutation(10)
    units = unit_length(RNG(0).normal(size=(10, 4)).astype(dtype))
    return units, np.array([np.arange(10.0), np.tile(np.linspace(0, 1, 5), 2)])[:, order]


@LOSSES
def test_derivatives_equal_finite_differences(loss: Any) -> None:  # noqa: ANN401
    units, targets = some_pairs()
    direction, step = RNG(2).normal(size=units.shape), 1e-6
    _, d_units = compare_pairs(units, targets, loss)
    above, below = (
        compare_pairs(units + sign * step * direction, targets, loss)[0] for sign in (1, -1)
    )
    expected = (above - below) / (2 * step)
    assert np.sum(d_units * direction) == pytest.approx(expected, rel=1e-6)


def test_perfect_pairs_have_no_loss() -> None:
    units = np.eye(4, dtype=np.float32)
    loss, d_first, d_second = similarity_error(units, units, np.ones(4))
    assert loss == 0
    assert not d_first.any()
    assert not d_second.any()
    loss, d_first, _ = in_batch_negatives(units, units, np.ones(4))
    assert loss < 1e-7
    assert d_first.dtype == np.float32


def a_trainer(n_threads: int = 1) -> PairTrainer:
    def loss(pooled: Any, targets: Any, _: Any) -> tuple[float, Any]:  # noqa: ANN401
        value, d_units = compare_pairs(pooled.T, targets, in_batch_negatives)
        return value, d_units.T

    network = dataclasses.replace(a_network("mean"), head=FeatureHead())
    return PairTrainer(network, loss, DropoutRates(), 0, 0.01, n_threads)


def test_batches_have_both_texts_of_each_pair() -> None:
    texts, targets = Ragged.from_lists([[1]] * 22), np.array([np.arange(22), np.zeros(22)])
    examples = Examples(texts, None, targets, np.ones(22, np.float32))
    batches = a_trainer().batches(examples, 4, np.random.RandomState(0))
    assert [len(batch) for batch in batches] == [8, 8, 6]
    for batch in batches:
        first, second = np.split(batch, 2)
        np.testing.assert_array_equal(second, first + 11)
    assert sorted(np.concatenate(batches).tolist()) == [*range(22)]


def test_training_brings_pairs_together() -> None:
    targets = np.array([np.arange(6), np.zeros(6)])
    examples = Examples(Ragged.from_lists(TEXTS), None, targets, np.ones(6, np.float32))
    trainer = a_trainer(n_threads=2)
    losses = [trainer.step(examples.pieces(np.arange(6)), 0.01) for _ in range(40)]
    assert losses[-1] < losses[0] / 5


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@LOSSES
def test_losses_equal_those_of_sentence_transformers(loss: Any) -> None:  # noqa: ANN401
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("sentence_transformers.sentence_transformer.losses")
    units, targets = some_pairs(np.float32)
    rows = np.argsort(targets[0])
    both = [torch.tensor(units[half], requires_grad=True) for half in np.split(rows, 2)]
    similarities = torch.tensor(targets[1, rows[:5]], dtype=torch.float32)
    if loss is similarity_error:
        peer = losses.CosineSimilarityLoss(model=None)
    else:
        peer = losses.MultipleNegativesRankingLoss(model=None)
    expected = peer.compute_loss_from_embeddings(both, similarities)
    expected.backward()
    value, d_units = compare_pairs(units, targets, loss)
    assert value == pytest.approx(expected.item(), abs=1e-5)
    # The cosine of torch also has a derivative along the vectors, which is orthogonal to ours.
    tangents = d_units - np.sum(d_units * units, axis=1, keepdims=True) * units
    gradients = np.concatenate([half.grad.numpy() for half in both])
    gradients -= np.sum(gradients * units[rows], axis=1, keepdims=True) * units[rows]
    np.testing.assert_allclose(tangents[rows], gradients, atol=1e-5)
