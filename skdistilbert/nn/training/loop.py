"""The training loop: epochs of shuffled batches, learning-rate schedules, early stopping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.parameter_vector import Snapshot
    from skdistilbert.nn.training.trainer import Trainer

    Schedule = Callable[[int, int], float]

# Share of all steps in which `warm_up_and_decay` increases the learning rate.
WARMUP = 0.1


def constant(step: int, n_steps: int) -> float:  # noqa: ARG001
    """Return 1 in every step."""
    return 1.0


def warm_up_and_decay(step: int, n_steps: int) -> float:
    """Return the factor of the learning rate: linear warm-up to 1, then linear decay to 0.

    The factors equal transformers' ``get_linear_schedule_with_warmup`` without its first step,
    which has a learning rate of 0.
    """
    n_warmup = max(1, round(WARMUP * n_steps))
    step, n_steps = step + 1, n_steps + 1
    if step < n_warmup:
        return step / n_warmup
    return (n_steps - step) / (n_steps - n_warmup)


class Observer:
    """Receives the start and end of every epoch; this base class ignores them."""

    def begin_epoch(self) -> None:
        """Handle the start of an epoch."""

    def end_epoch(self, history: History) -> bool:
        """Handle the end of an epoch; return True to stop the training."""
        return not history.losses


class Plan(NamedTuple):
    """Resolved hyper-parameters of the training loop."""

    max_iter: int  # maximum number of epochs
    batch_size: int
    learning_rate: float
    schedule: Schedule  # factor of the learning rate, from (step, n_steps)
    tol: float  # minimum improvement of the score that counts as progress
    n_iter_no_change: int  # epochs without progress before stopping


@dataclass
class History:
    """Record of the training, with one entry per epoch."""

    losses: list[float] = field(
        default_factory=list
    )  # mean loss of the columns with non-zero weight
    scores: list[float] = field(
        default_factory=list
    )  # validation scores, if there are validation texts

    def has_stopped_improving(self, plan: Plan) -> bool:
        """Return whether the last `n_iter_no_change` epochs did not improve the score."""
        if len(self.scores) <= plan.n_iter_no_change:
            return False
        before = max(self.scores[: -plan.n_iter_no_change])
        return max(self.scores[-plan.n_iter_no_change :]) < before + plan.tol


def train(
    trainer: Trainer,
    examples: Examples,
    plan: Plan,
    rng: np.random.RandomState,
    score: Callable[[], float] | None = None,
    observer: Observer | None = None,
    history: History | None = None,
) -> History:
    """Train for up to `plan.max_iter` epochs, and record them in `history`, which is returned.

    With a `score`, the weights of the epoch with the best score are restored at the end, also if
    Ctrl-C ends the training with KeyboardInterrupt.
    """
    history, observer = history or History(), observer or Observer()
    best: Snapshot | None = None
    try:
        for epoch in range(plan.max_iter):
            observer.begin_epoch()
            history.losses.append(_run_epoch(trainer, examples, plan, epoch, rng))
            if score is not None:
                history.scores.append(score())
                if history.scores[-1] > max(history.scores[:-1], default=-np.inf):
                    best = trainer.parameters.snapshot()
            if observer.end_epoch(history) or history.has_stopped_improving(plan):
                break
    except KeyboardInterrupt:
        _finish(trainer, best)
        raise
    _finish(trainer, best)
    return history


def _finish(trainer: Trainer, best: Snapshot | None) -> None:
    trainer.optimizer.finish()
    if best is not None:
        trainer.parameters.restore(best)


def _run_epoch(
    trainer: Trainer, examples: Examples, plan: Plan, epoch: int, rng: np.random.RandomState
) -> float:
    """Train on all examples once and return the mean loss."""
    batches = trainer.batches(examples, plan.batch_size, rng)
    n_steps = plan.max_iter * len(batches)
    total, n_columns = 0.0, 0
    for index, rows in enumerate(batches):
        step = epoch * len(batches) + index
        pieces = examples.pieces(rows)
        total += trainer.step(pieces, plan.schedule(step, n_steps) * plan.learning_rate)
        n_columns += sum(int(np.count_nonzero(piece.weights)) for piece in pieces)
    return total / n_columns
