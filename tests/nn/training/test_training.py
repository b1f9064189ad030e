"""Examples, training steps and epochs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from skdistilbert.nn.encoder import encode
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import DropoutRates, Tape
from skdistilbert.nn.training import examples as examples_module
from skdistilbert.nn.training import frozen
from skdistilbert.nn.training import trainer as trainer_module
from skdistilbert.nn.training.examples import Examples, balanced
from skdistilbert.nn.training.frozen import frozen_states
from skdistilbert.nn.training.loop import History, Observer, Plan, train, warm_up_and_decay
from skdistilbert.nn.training.losses import cross_entropy
from skdistilbert.nn.training.trainer import Trainer
from skdistilbert.nn.weights import Encoder
from tests.nn.training.test_gradients import (
    RATES,
    TEXTS,
    a_network,
    arrays,
    hugging_face_names,
    torch_config,
)

PLAN = Plan(
    max_iter=30,
    batch_size=3,
    learning_rate=0.01,
    schedule=warm_up_and_decay,
    tol=1e-4,
    n_iter_no_change=10,
)
TARGETS = np.array([0, 1, 2, 0, 1, 2])


def a_trainer(network: Any = None, rates: DropoutRates = RATES, n_threads: int = 1) -> Trainer:  # noqa: ANN401
    network = network or a_network(dtype=np.float32)
    return Trainer(network, cross_entropy, rates, seed=0, weight_decay=0.01, n_threads=n_threads)


def some_examples(**changes: Any) -> Examples:  # noqa: ANN401
    examples = Examples(Ragged.from_lists(TEXTS), None, TARGETS, np.ones(6, np.float32))
    return dataclasses.replace(examples, **changes)


def fit(trainer: Trainer, examples: Examples, **options: Any) -> History:  # noqa: ANN401
    plan = options.pop("plan", PLAN)
    return train(trainer, examples, plan, np.random.RandomState(0), **options)


def test_a_dropout_of_1_keeps_nothing() -> None:
    x = np.ones((3, 5), np.float32)
    Tape(DropoutRates(1.0)).drop(x, 1.0)
    assert not x.any()


def test_pieces_contain_all_texts_and_are_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples_module, "TOKENS_PER_PIECE", 64)
    lengths = np.random.default_rng(0).integers(1, 20, 60)
    texts = Ragged.from_lists([[1] * length for length in lengths])
    batches = balanced(texts, np.arange(10, 60))
    assert len(batches) % 2 == 0
    tokens = [len(batch.input_ids) for batch in batches]
    assert max(tokens) - min(tokens) <= 20
    assert sorted(np.concatenate([batch.text_indices for batch in batches])) == [*range(10, 60)]
    assert all((np.diff(batch.lengths) <= 0).all() for batch in batches)


def test_a_single_text_is_one_piece() -> None:
    assert len(some_examples().pieces(np.array([2]))) == 1


def test_threads_do_not_change_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examples_module, "TOKENS_PER_PIECE", 4)
    vectors = []
    for n_threads in (1, 2, 4):
        trainer = a_trainer(n_threads=n_threads)
        fit(trainer, some_examples())
        vectors.append(trainer.parameters.vector)
    np.testing.assert_array_equal(vectors[1], vectors[0])
    np.testing.assert_array_equal(vectors[2], vectors[0])


def test_the_number_of_pieces_in_memory_does_not_change_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examples_module, "TOKENS_PER_PIECE", 3)
    pieces = some_examples().pieces(np.arange(6))
    assert len(pieces) >= 4
    vectors = []
    for at_once in (2, len(pieces)):
        monkeypatch.setattr(trainer_module, "PIECES_AT_ONCE", at_once)
        trainer = a_trainer(a_network())
        trainer.step(pieces, 0.01)
        vectors.append(trainer.parameters.vector)
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-10)


@pytest.mark.parametrize("pooling", ["cls", "mean", None])
def test_training_fits_few_examples(pooling: str | None) -> None:
    network = a_network(pooling, dtype=np.float32)
    examples = some_examples()
    if pooling is None:  # the target of a token is its parity
        parities = examples.texts.input_ids % 2  # type: ignore[union-attr]
        weights = np.ones(len(parities), np.float32)
        examples = some_examples(targets=parities, weights=weights, by_token=True)
    trainer = a_trainer(network, DropoutRates())
    history = fit(trainer, examples, plan=PLAN._replace(max_iter=150, n_iter_no_change=150))
    assert history.losses[-1] < history.losses[0] / 5
    logits = trainer.logits(examples)
    np.testing.assert_array_equal(logits.argmax(axis=0), examples.targets)


def test_columns_without_weight_have_no_effect() -> None:
    weights = np.array([1, 1, 1, 1, 1, 0], np.float32)
    vectors = []
    for last in (0, 2):
        targets = np.array([0, 1, 2, 0, 1, last])
        trainer = a_trainer(rates=DropoutRates())
        fit(trainer, some_examples(targets=targets, weights=weights))
        vectors.append(trainer.parameters.vector)
    np.testing.assert_array_equal(*vectors)


@pytest.mark.parametrize("limit", [0, 2**30])
def test_frozen_states_equal_those_of_the_encoder(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "MAX_BYTES_IN_MEMORY", limit)
    whole = a_network(dtype=np.float32)
    encoder = Encoder(whole.embeddings, whole.layers, 2, "gelu")  # type: ignore[arg-type]
    texts = Ragged.from_lists(TEXTS)
    states = frozen_states(encoder, texts, 2)
    assert isinstance(states, np.memmap) == (limit == 0)
    (batch,) = texts.batches(1)
    expected = encode(encoder, batch).T
    np.testing.assert_allclose(
        states[texts.token_indices(batch.text_indices)], expected, atol=1e-5
    )
    assert frozen_states(encoder, texts, 0).shape == states.shape


def test_training_on_states_equals_training_above_frozen_layers() -> None:
    whole = a_network(dtype=np.float32)
    texts = Ragged.from_lists(TEXTS)
    encoder = Encoder(whole.embeddings, whole.layers, 2, "gelu")  # type: ignore[arg-type]
    states = frozen_states(encoder, texts, 1)
    top = dataclasses.replace(whole, embeddings=None, layers=whole.layers[1:])
    trainer = a_trainer(top)
    expected = a_trainer(whole).logits(some_examples())
    np.testing.assert_allclose(trainer.logits(some_examples(states=states)), expected, atol=1e-5)
    history = fit(trainer, some_examples(states=states))
    assert history.losses[-1] < history.losses[0]


def test_the_weights_with_the_best_score_are_restored() -> None:
    trainer = a_trainer()
    scores, vectors = iter([0.1, 0.9, 0.5, 0.9]), []

    def score() -> float:
        vectors.append(trainer.parameters.vector.copy())
        return next(scores)

    class Stop(Observer):
        def end_epoch(self, history: History) -> bool:
            return len(history.losses) == 4

    history = fit(trainer, some_examples(), score=score, observer=Stop())
    assert history.scores == [0.1, 0.9, 0.5, 0.9]
    np.testing.assert_array_equal(trainer.parameters.vector, vectors[1])


def test_training_stops_without_improvement() -> None:
    history = fit(a_trainer(), some_examples(), score=lambda: 0.5)
    assert len(history.scores) == PLAN.n_iter_no_change + 1
    history = History(scores=[0.1, 0.2, 0.3, 0.30001])
    assert history.has_stopped_improving(PLAN._replace(n_iter_no_change=1))
    assert not history.has_stopped_improving(PLAN._replace(n_iter_no_change=2))


def test_ctrl_c_restores_the_best_epoch_and_is_raised() -> None:
    trainer, vectors, scores, history = a_trainer(), [], iter([0.1, 0.9]), History()

    def score() -> float:
        trainer.optimizer.finish()
        vectors.append(trainer.parameters.vector.copy())
        return next(scores)

    class Interrupt(Observer):
        n_epochs = 0

        def begin_epoch(self) -> None:
            self.n_epochs += 1
            if self.n_epochs == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(trainer, some_examples(), score=score, observer=Interrupt(), history=history)
    assert len(history.losses) == 2
    np.testing.assert_array_equal(trainer.parameters.vector, vectors[1])


def test_divergence_raises_and_keeps_the_weights() -> None:
    trainer = a_trainer()
    trainer.network.head.classifier.weight[0, 0] = np.inf
    before = trainer.parameters.vector.copy()
    with pytest.raises(ValueError, match="Training diverged in step 1: .* lower learning rate"):
        trainer.step(some_examples().pieces(np.arange(6)), 0.1)
    np.testing.assert_array_equal(trainer.parameters.vector, before)


def test_the_schedule_warms_up_and_decays() -> None:
    factors = [warm_up_and_decay(step, 20) for step in range(20)]
    np.testing.assert_allclose(factors, [0.5, *np.linspace(1, 0, 20)[:-1]])
    assert warm_up_and_decay(0, 1) == 1


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_training_equals_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    network = a_network("cls", dtype=np.float32)
    trainer = Trainer(
        network, cross_entropy, DropoutRates(), seed=0, weight_decay=0.0, n_threads=2
    )
    model = transformers.DistilBertForSequenceClassification(torch_config(transformers))
    tensors = hugging_face_names(arrays(network))
    model.load_state_dict({name: torch.from_numpy(x.copy()) for name, x in tensors.items()})
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    examples, rng = some_examples(), np.random.default_rng(0)
    ids = torch.tensor([text + [0] * (15 - len(text)) for text in TEXTS])
    mask = torch.tensor([[1] * len(text) + [0] * (15 - len(text)) for text in TEXTS])
    for step in range(40):
        rows = rng.permutation(6)[:4]
        rate = 1e-3 * warm_up_and_decay(step, 40)
        loss = trainer.step(examples.pieces(rows), rate)
        logits = model(ids[rows], mask[rows]).logits
        expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(TARGETS[rows]))
        expected.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        np.testing.assert_allclose(loss / 4, expected.item(), rtol=1e-3, err_msg=f"step {step}")
    with torch.inference_mode():
        expected_logits = model(ids, mask).logits.numpy().T
    np.testing.assert_allclose(trainer.logits(examples), expected_logits, atol=2e-3)
