from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.training.gradient_sum import GradientSum
from skdistilbert.nn.training.gradients import EmbeddingsGradient, RowGradient
from skdistilbert.nn.training.loop import warm_up_and_decay
from skdistilbert.nn.training.optimizer import AdamW
from skdistilbert.nn.training.parameter_vector import Parameters, map_arrays
from tests.nn.training.test_gradients import a_network

if TYPE_CHECKING:
    from skdistilbert.nn.training.network import PartGradient

N_STEPS = 400


def random_gradients(parameters: Parameters, rng: np.random.Generator) -> dict[str, PartGradient]:
    """Return gradients of every part; of few or no rows of the tables."""
    gradients: dict[str, PartGradient] = {}
    for name, part in parameters.network.parts().items():
        noise = map_arrays(part, name, lambda _, x: rng.normal(size=x.shape).astype(x.dtype))
        gradients[name] = noise  # type: ignore[assignment]
    embeddings = gradients["embeddings"]
    rows = np.flatnonzero(rng.random(20) < 0.02)
    values = rng.normal(size=(len(rows), 8)).astype(embeddings.layer_norm.bias.dtype)
    gradients["embeddings"] = EmbeddingsGradient(
        RowGradient(rows, values), RowGradient(rows[:0], values[:0]), embeddings.layer_norm
    )
    return gradients


def summed(gradient: GradientSum, parts: dict[str, PartGradient]) -> GradientSum:
    gradient.start()
    gradient.expect([0])
    for name, part in parts.items():
        gradient.add(0, name, part)
    gradient.sum_up(n_threads=1)
    return gradient


def learning_rate(step: int) -> float:
    return 0.01 * warm_up_and_decay(step, N_STEPS)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("max_norm", [1.0, 1e9])
def test_steps_equal_those_of_torch(max_norm: float) -> None:
    torch = pytest.importorskip("torch")
    parameters = Parameters(a_network(dtype=np.float32))
    optimizer = AdamW(parameters, weight_decay=0.1, max_norm=max_norm)
    arrays = {**parameters.views, **parameters.tables}
    theirs = {name: torch.nn.Parameter(torch.from_numpy(x.copy())) for name, x in arrays.items()}
    decaying = [theirs[name] for name, x in parameters.views.items() if x.ndim > 1]
    others = [
        theirs[name] for name, x in arrays.items() if x.ndim == 1 or name not in parameters.views
    ]
    reference = torch.optim.AdamW(
        [{"params": decaying}, {"params": others, "weight_decay": 0.0}], weight_decay=0.1
    )
    # Weight decay of tables is off, because torch would also decay rows that are not read.
    for table in optimizer._tables.values():
        step = table.step
        table.step = lambda g, u, _, step=step: step(g, u, 0.0)  # type: ignore[method-assign]
    gradient, rng = GradientSum(parameters), np.random.default_rng(0)
    for step in range(N_STEPS):
        optimizer.prepare({"embeddings.word_embeddings": np.arange(0, 20, 3)})
        summed(gradient, random_gradients(parameters, rng))
        for name, view in parameters.views_of(gradient.vector).items():
            theirs[name].grad = torch.from_numpy(view.copy())
        for name, rows in gradient.tables.items():
            theirs[name].grad = torch.zeros_like(theirs[name])
            theirs[name].grad[rows.rows] = torch.from_numpy(rows.values.copy())
        norm = torch.nn.utils.clip_grad_norm_(theirs.values(), max_norm)
        for group in reference.param_groups:
            group["lr"] = learning_rate(step)
        reference.step()
        np.testing.assert_allclose(gradient.norm, norm.item(), rtol=1e-5)
        optimizer.step(gradient, learning_rate(step), n_threads=1)
    optimizer.finish()
    for name, array in arrays.items():
        np.testing.assert_allclose(
            array, theirs[name].detach().numpy(), rtol=1e-4, atol=2e-5, err_msg=name
        )


def test_rows_that_are_never_read_do_not_change() -> None:
    parameters = Parameters(a_network())
    before = {name: table.copy() for name, table in parameters.tables.items()}
    optimizer, gradient = AdamW(parameters), GradientSum(parameters)
    parts = random_gradients(parameters, np.random.default_rng(0))
    norm = parts["embeddings"].layer_norm
    read = RowGradient(np.array([3, 7]), np.ones((2, 8)))
    none = RowGradient(np.array([], int), np.ones((0, 8)))
    for words in (read, none, none):
        parts["embeddings"] = EmbeddingsGradient(words, none, norm)
        optimizer.step(summed(gradient, parts), 0.1, n_threads=1)
    optimizer.finish()
    words = parameters.tables["embeddings.word_embeddings"]
    changed = (words != before["embeddings.word_embeddings"]).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [3, 7]
    positions = parameters.tables["embeddings.position_embeddings"]
    np.testing.assert_array_equal(positions, before["embeddings.position_embeddings"])


def test_updating_unread_rows_early_does_not_change_the_result() -> None:
    once, often = (Parameters(a_network()) for _ in range(2))
    optimizers = AdamW(once), AdamW(often)
    rng = np.random.default_rng(0)
    for _ in range(50):
        parts = random_gradients(once, rng)
        for parameters, optimizer in zip((once, often), optimizers, strict=True):
            gradient = summed(GradientSum(parameters), parts)
            optimizer.step(gradient, 0.01, n_threads=1)
        optimizers[1].finish()
    optimizers[0].finish()
    for name, table in once.tables.items():
        np.testing.assert_allclose(table, often.tables[name], atol=1e-5)


def test_weight_decay_applies_to_matrices_only() -> None:
    parameters = Parameters(a_network())
    before = {name: view.copy() for name, view in parameters.views.items()}
    parts = random_gradients(parameters, np.random.default_rng(0))
    gradient = summed(GradientSum(parameters), parts)
    AdamW(parameters, weight_decay=0.5, max_norm=0).step(gradient, 0.1, n_threads=1)
    for name, view in parameters.views.items():
        np.testing.assert_allclose(view, before[name] * (0.95 if view.ndim > 1 else 1))
