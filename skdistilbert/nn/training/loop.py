"""Epochs: shuffled batches until the plan is fulfilled or nothing improves any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.parameters import Snapshot
    from skdistilbert.nn.training.trainer import Trainer

    Schedule = Callable[[int, int], float]

# Share of all steps in which `warm_up_and_decay` rises.
WARMUP = 0.1


def constant(step: int, n_steps: int) -> float:  # noqa: ARG001
    """Keep the learning rate."""
    return 1.0


def warm_up_and_decay(step: int, n_steps: int) -> float:
    """Factor of the learning rate in step 0, 1, ...: linearly up to 1, then down towards 0.

    As transformers' ``get_linear_schedule_with_warmup``, begun one step later: its first step,
    at a rate of 0, learns nothing.
    """
    n_warmup = max(1, round(WARMUP * n_steps))
    step, n_steps = step + 1, n_steps + 1
    if step < n_warmup:
        return step / n_warmup
    return (n_steps - step) / (n_steps - n_warmup)


class Observer:
    """Is told of every epoch; this one takes no notice."""

    def begin_epoch(self) -> None:
        """Be told that an epoch begins."""

    def end_epoch(self, history: History) -> bool:
        """Be told that an epoch is over; True ends the training."""
        return not history.losses


class Plan(NamedTuple):
    """How long and how fast to train."""

    max_iter: int  # epochs at most
    batch_size: int
    learning_rate: float
    schedule: Schedule  # factor of the learning rate in a step, of so many
    tol: float  # an epoch whose score is better by so much is progress
    n_iter_no_change: int  # epochs without progress before stopping


@dataclass
class History:
    """What happened, an entry an epoch."""

    losses: list[float] = field(default_factory=list)  # means over the weighted columns
    scores: list[float] = field(default_factory=list)  # of the held-out texts, if there are any
    interrupted: bool = False

    def stands_still(self, plan: Plan) -> bool:
        """Whether the last epochs brought no progress in the score."""
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
) -> History:
    """Train for some epochs; with a `score`, keep the weights of the epoch that scored best.

    Ctrl-C ends the training, and is noted in the history.
    """
    history, observer = History(), observer or Observer()
    best: Snapshot | None = None
    try:
        for epoch in range(plan.max_iter):
            observer.begin_epoch()
            history.losses.append(_run_epoch(trainer, examples, plan, epoch, rng))
            if score is not None:
                history.scores.append(score())
                if history.scores[-1] > max(history.scores[:-1], default=-np.inf):
                    best = trainer.parameters.snapshot()
            if observer.end_epoch(history) or history.stands_still(plan):
                break
    except KeyboardInterrupt:
        history.interrupted = True
    trainer.optimizer.finish()
    if best is not None:
        trainer.parameters.restore(best)
    return history


def _run_epoch(
    trainer: Trainer, examples: Examples, plan: Plan, epoch: int, rng: np.random.RandomState
) -> float:
    """Give the mean loss."""
    order = rng.permutation(len(examples))
    starts = range(0, len(order), plan.batch_size)
    n_steps = plan.max_iter * len(starts)
    total = 0.0
    for index, start in enumerate(starts):
        step = epoch * len(starts) + index
        pieces = examples.pieces(order[start : start + plan.batch_size])
        total += trainer.step(pieces, plan.schedule(step, n_steps) * plan.learning_rate)
    return total / int(np.count_nonzero(examples.weights))
