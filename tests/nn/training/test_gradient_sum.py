from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training.gradient_sum import GradientSum
from skdistilbert.nn.training.network import Inputs, Network, backward, forward
from skdistilbert.nn.training.parameter_vector import Parameters
from tests.nn.training.test_gradients import TEXTS, a_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.nn.training.network import PartGradient

WEIGHTS = np.random.default_rng(0).normal(size=(3, len(TEXTS)))


def parts_of(network: Network, texts: list[int]) -> Iterator[tuple[str, PartGradient]]:
    """Return the gradient of a weighted sum of the logits of some texts, part by part."""
    (batch,) = Ragged.from_lists(TEXTS).batches(1, np.array(texts))
    inputs, tape = Inputs(batch), Tape()
    logits = forward(network, inputs, tape)
    d_logits = WEIGHTS[:, batch.text_indices].astype(logits.dtype)
    return backward(network, d_logits, inputs, tape)


def summed(
    network: Network, order: list[list[int]], n_threads: int = 1, at_once: int = 3
) -> GradientSum:
    """Sum the gradients of pieces, each with some of the texts."""
    gradient = GradientSum(Parameters(network))
    pieces = sorted(order)
    gradient.start()
    for index, texts in enumerate(order):
        if index % at_once == 0:
            gradient.expect([pieces.index(piece) for piece in order[index : index + at_once]])
        for name, part in parts_of(network, texts):
            gradient.add(pieces.index(texts), name, part)
        if (index + 1) % at_once == 0 or index + 1 == len(order):
            gradient.sum_up(n_threads)
    return gradient


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_pieces_sum_to_the_gradient_of_the_batch(pooling: str, at_once: int) -> None:
    network = a_network(pooling)
    expected = summed(network, [[0, 1, 2, 3, 4, 5]])
    got = summed(network, [[0, 1, 2], [3, 4], [5]], at_once=at_once)
    np.testing.assert_allclose(got.norm, expected.norm)
    np.testing.assert_allclose(got.vector, expected.vector, atol=1e-12)
    for name, table in expected.tables.items():
        np.testing.assert_array_equal(got.tables[name].rows, table.rows)
        np.testing.assert_allclose(got.tables[name].values, table.values, atol=1e-12)


def test_a_piece_ahead_of_others_sums_the_delivered_parts() -> None:
    network = a_network()
    expected = summed(network, [[0, 1, 2], [3, 4, 5]])
    gradient = GradientSum(Parameters(network))
    gradient.start()
    gradient.expect([0, 1])
    for parts in zip(*(parts_of(network, texts) for texts in ([0, 1, 2], [3, 4, 5])), strict=True):
        for piece, (name, part) in enumerate(parts):
            gradient.add(piece, name, part)
    # The first piece was ahead after each part except the last one, the embeddings.
    assert "embeddings.word_embeddings" not in gradient.tables
    n_matrices = Parameters(network).n_decaying
    np.testing.assert_array_equal(gradient.vector[:n_matrices], expected.vector[:n_matrices])
    gradient.sum_up(n_threads=1)
    assert gradient.norm == expected.norm
    np.testing.assert_array_equal(gradient.vector, expected.vector)


def test_the_norm_covers_vector_and_tables() -> None:
    gradient = summed(a_network(), [[0, 1, 2], [3, 4, 5]])
    arrays = [gradient.vector, *(table.values.ravel() for table in gradient.tables.values())]
    np.testing.assert_allclose(gradient.norm, np.linalg.norm(np.concatenate(arrays)))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_and_order_of_pieces_do_not_change_the_sum(n_threads: int) -> None:
    network = a_network(dtype=np.float32)
    expected = summed(network, [[0, 1], [2, 3], [4, 5]])
    got = summed(network, [[4, 5], [0, 1], [2, 3]], n_threads)
    assert got.norm == expected.norm
    np.testing.assert_array_equal(got.vector, expected.vector)
    for name, table in expected.tables.items():
        np.testing.assert_array_equal(got.tables[name].values, table.values, err_msg=name)
