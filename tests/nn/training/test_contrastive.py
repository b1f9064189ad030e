"""Contrastive training: the loss of all pairs, its derivative, and the batches."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from skdistilbert.nn.dense import DENSE_ACTIVATIONS, dense, normalize_features, unit_length
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import DropoutRates, Tape
from skdistilbert.nn.training import examples as examples_module
from skdistilbert.nn.training.class_batches import class_batches
from skdistilbert.nn.training.contrastive import (
    TEMPERATURE,
    ContrastiveTrainer,
    WindowTrainer,
    cosine_loss,
    share_a_label,
    supervised_contrastive_loss,
)
from skdistilbert.nn.training.dense_backward import (
    dense_backward,
    normalize_features_backward,
    unit_length_backward,
)
from skdistilbert.nn.training.examples import Examples
from tests.nn.training.test_gradients import (
    RATES,
    TEXTS,
    a_network,
    arrays,
    check_gradients,
    hugging_face_names,
    loss_and_gradients,
    torch_config,
)

CLASSES = np.array([0, 1, 2, 0, 1, 0])
RNG = np.random.default_rng


def pooled_loss(pooled: Any, targets: Any, _: Any) -> tuple[float, Any]:  # noqa: ANN401
    tape = Tape()
    loss, d_units = cosine_loss(unit_length(pooled.T, tape), share_a_label(targets))
    return loss, unit_length_backward(d_units, tape).T


def loss_by_definition(units: np.ndarray, similar: np.ndarray) -> float:
    """Average over the pairs one by one."""
    squares: dict[bool, list[float]] = {True: [], False: []}
    for first in range(len(units)):
        for second in range(len(units)):
            if first != second:
                same = bool(similar[first, second])
                squares[same].append((units[first] @ units[second] - same) ** 2)
    return sum(float(np.mean(found)) / 2 for found in squares.values() if found)


def supcon_by_definition(units: np.ndarray, similar: np.ndarray) -> float:
    """Average the cross-entropies of the texts that have a similar one."""
    losses = []
    for row, unit in enumerate(units):
        others = np.delete(np.arange(len(units)), row)
        scores = np.exp(units[others] @ unit / TEMPERATURE)
        found = similar[row, others]
        if found.any():
            losses.append(-np.log(scores / scores.sum())[found].mean())
    return float(np.mean(losses)) if losses else 0.0


@pytest.mark.parametrize("classes", [CLASSES, np.arange(6), np.zeros(6, int)], ids=str)
@pytest.mark.parametrize(
    ("loss", "definition"),
    [
        (cosine_loss, loss_by_definition),
        (supervised_contrastive_loss, supcon_by_definition),
    ],
)
def test_losses_follow_their_definitions(classes: np.ndarray, loss: Any, definition: Any) -> None:  # noqa: ANN401
    units = unit_length(RNG(0).normal(size=(6, 4)))
    similar = share_a_label(classes)
    value, d_units = loss(units, similar)
    assert value == pytest.approx(definition(units, similar))
    direction, step = RNG(1).normal(size=units.shape), 1e-6
    above, below = (loss(units + sign * step * direction, similar)[0] for sign in (1, -1))
    expected = (above - below) / (2 * step)
    assert np.sum(d_units * direction) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_identical_texts_do_not_overflow() -> None:
    units = np.ones((4, 1), np.float32)
    for similar in (np.eye(4, dtype=bool), np.ones((4, 4), bool)):
        for loss in (cosine_loss, supervised_contrastive_loss):
            value, d_units = loss(units, similar)
            assert np.isfinite(value)
            assert np.isfinite(d_units).all()


def test_texts_that_share_a_label_are_similar() -> None:
    indicators = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], np.float32)
    similar = share_a_label(indicators)
    expected = [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(similar, np.array(expected, bool))
    np.testing.assert_array_equal(share_a_label(np.array([0, 1, 0]))[0], [True, False, True])


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_gradients_equal_finite_differences(pooling: str) -> None:
    network = dataclasses.replace(a_network(pooling), head=FeatureHead())
    check_gradients(network, pooled_loss, CLASSES, RATES)


@pytest.mark.parametrize("name", DENSE_ACTIVATIONS)
def test_gradients_of_modules_equal_finite_differences(name: str) -> None:
    rng, tape = RNG(0), Tape()
    x, d_out, direction = rng.normal(size=(3, 5, 4))
    tensors = {"linear.weight": rng.normal(size=(4, 4)), "linear.bias": rng.normal(size=4)}
    scale = {"norm.weight": rng.normal(size=4), "norm.bias": rng.normal(size=4)}

    def forward(x: np.ndarray, tape: Tape | None = None) -> np.ndarray:
        return unit_length(normalize_features(dense(x, tensors, name, tape), scale, tape), tape)

    forward(x, tape)
    d_x = normalize_features_backward(unit_length_backward(d_out, tape), scale, tape)
    d_x = dense_backward(d_x, tensors, tape)
    step = 1e-6
    above, below = (np.sum(d_out * forward(x + sign * step * direction)) for sign in (1, -1))
    assert np.sum(d_x * direction) == pytest.approx((above - below) / (2 * step), rel=1e-5)


def a_trainer(n_threads: int = 1) -> ContrastiveTrainer:
    network = dataclasses.replace(a_network("mean", dtype=np.float32), head=FeatureHead())
    return ContrastiveTrainer(network, pooled_loss, RATES, 0, 0.01, n_threads)


def some_examples(classes: np.ndarray = CLASSES) -> Examples:
    return Examples(Ragged.from_lists(TEXTS), None, classes, np.ones(6, np.float32))


def test_pieces_and_threads_do_not_change_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for n_threads, size in ((1, 512), (1, 4), (2, 4)):
        monkeypatch.setattr(examples_module, "TOKENS_PER_PIECE", size)
        network = dataclasses.replace(a_network("mean"), head=FeatureHead())
        trainer = ContrastiveTrainer(network, pooled_loss, DropoutRates(), 0, 0.01, n_threads)
        loss = trainer.step(some_examples().pieces(np.arange(6)), 0.01)
        found.append((loss, trainer.parameters.vector))
    for loss, vector in found[1:]:
        assert loss == pytest.approx(found[0][0])
        np.testing.assert_allclose(vector, found[0][1], atol=1e-8)
    np.testing.assert_array_equal(found[2][1], found[1][1])


def test_training_separates_the_classes() -> None:
    trainer, examples = a_trainer(), some_examples()
    losses = [trainer.step(examples.pieces(np.arange(6)), 0.01) for _ in range(60)]
    assert losses[-1] < losses[0] / 5


def test_batches_have_several_classes_and_texts_of_each() -> None:
    classes = np.repeat(np.arange(10), [100, 50, 20, 2, 2, 2, 2, 2, 2, 1])
    batches = class_batches(classes, 16, np.random.RandomState(0))
    assert len(batches) == 12
    drawn = np.zeros(10)
    for batch in batches:
        sizes = np.bincount(classes[batch], minlength=10)
        assert len(batch) == len(set(batch.tolist())) <= 16
        assert set(sizes[:9].tolist()) <= {0, 2}
        assert np.count_nonzero(sizes) == 8
        drawn += sizes
    assert drawn[0] <= drawn[3] + 2  # a frequent class is not drawn more often


def test_a_batch_that_is_large_enough_has_all_texts() -> None:
    (batch,) = class_batches(CLASSES, 12, np.random.RandomState(0))
    assert sorted(batch.tolist()) == [*range(6)]


def test_a_batch_has_one_random_window_of_each_of_its_texts() -> None:
    rows = np.repeat(np.arange(6), [1, 5, 2, 1, 30, 3])
    trainer = WindowTrainer(rows, a_network(), pooled_loss, RATES, 0, 0.0, 1)
    tokens = Ragged.from_lists([[1, 2]] * len(rows))
    examples = Examples(tokens, None, CLASSES[rows], np.ones(len(rows), np.float32))
    rng = np.random.RandomState(0)
    batches = [batch for _ in range(200) for batch in trainer.batches(examples, 6, rng)]
    assert all(len({*rows[batch].tolist()}) == len(batch) for batch in batches)
    drawn = np.concatenate(batches)
    assert {*drawn.tolist()} == {*range(len(rows))}
    texts = np.bincount(rows[drawn])
    assert texts[[1, 4]] == pytest.approx(texts[1], rel=0.05)  # both texts of a class


def test_batches_of_a_hundred_classes_and_of_single_texts() -> None:
    classes = np.repeat(np.arange(100), 3)
    batches = class_batches(classes, 8, np.random.RandomState(0))
    assert all(np.bincount(classes[batch]).max() == 2 for batch in batches)
    assert len({*np.concatenate(batches).tolist()}) > 250
    (batch,) = class_batches(np.array([0, 0, 1]), 8, np.random.RandomState(0))
    assert sorted(batch.tolist()) == [0, 1, 2]


def test_batches_of_indicators_include_texts_without_labels() -> None:
    indicators = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0]], np.float32)
    (batch,) = class_batches(indicators, 9, np.random.RandomState(0))
    assert sorted(batch.tolist()) == [*range(6)]


def test_the_random_state_determines_the_batches() -> None:
    first, same, other = (
        np.concatenate(class_batches(np.arange(90) % 5, 10, np.random.RandomState(seed)))
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_gradients_equal_those_of_torch(pooling: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    whole = a_network(pooling, dtype=np.float32)
    network = dataclasses.replace(whole, head=FeatureHead())
    value, gradients = loss_and_gradients(network, pooled_loss, CLASSES)
    model = transformers.DistilBertModel(torch_config(transformers))
    names = {key: key.removeprefix("distilbert.") for key in hugging_face_names(gradients)}
    weights = hugging_face_names(arrays(network))
    model.load_state_dict({names[key]: torch.from_numpy(x) for key, x in weights.items()})
    states = [model(torch.tensor([text])).last_hidden_state[0] for text in TEXTS]
    pool = {"mean": lambda x: x.mean(0), "cls": lambda x: x[0], "max": lambda x: x.max(0).values}
    order = np.argsort([-len(text) for text in TEXTS], kind="stable")
    units = torch.nn.functional.normalize(torch.stack([pool[pooling](states[i]) for i in order]))
    similar = torch.from_numpy(share_a_label(CLASSES))
    others = ~torch.eye(6, dtype=torch.bool)
    cosines = units @ units.T
    loss = ((cosines - 1)[similar & others] ** 2).mean() / 2 + (cosines[~similar] ** 2).mean() / 2
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-5)
    parameters = dict(model.named_parameters())
    for key, gradient in hugging_face_names(gradients).items():
        expected = parameters[names[key]].grad.numpy()
        scale = 1 if key.endswith("k_lin.bias") else np.abs(expected).max()
        assert np.abs(gradient - expected).max() <= 1e-4 * scale, key
