"""Epochs: shuffled batches until the plan is fulfilled or nothing improves any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.training.optimizer import linear_schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.parameters import Snapshot
    from skdistilbert.nn.training.trainer import Trainer


class Plan(NamedTuple):
    """How long and how fast to train."""

    max_iter: int  # epochs at most; the learning rate falls to zero at the end of the last
    batch_size: int
    learning_rate: float
    warmup: float  # share of all steps in which the learning rate rises
    tol: float  # an epoch that is better by so much is progress
    n_iter_no_change: int  # epochs without progress before stopping


@dataclass
class History:
    """What happened, an entry an epoch."""

    losses: list[float] = field(default_factory=list)  # means over the weighted columns
    scores: list[float] = field(default_factory=list)  # of the held-out texts, if there are any
    interrupted: bool = False

    def stands_still(self, plan: Plan) -> bool:
        """Whether the last epochs brought no progress in the score, or else in the loss."""
        values = self.scores or [-loss for loss in self.losses]
        if len(values) <= plan.n_iter_no_change:
            return False
        before = max(values[: -plan.n_iter_no_change])
        return max(values[-plan.n_iter_no_change :]) < before + plan.tol


def train(
    trainer: Trainer,
    examples: Examples,
    plan: Plan,
    rng: np.random.RandomState,
    score: Callable[[], float] | None = None,
    after_epoch: Callable[[History], bool] | None = None,
) -> History:
    """Train for some epochs; with a `score`, keep the weights of the epoch that scored best.

    `after_epoch` may end the training by giving True. Ctrl-C ends it too, and is noted in the
    history.
    """
    history = History()
    best: Snapshot | None = None
    try:
        for epoch in range(plan.max_iter):
            history.losses.append(_run_epoch(trainer, examples, plan, epoch, rng))
            if score is not None:
                history.scores.append(score())
                if history.scores[-1] > max(history.scores[:-1], default=-np.inf):
                    best = trainer.parameters.snapshot()
            stop = after_epoch is not None and after_epoch(history)
            if stop or history.stands_still(plan):
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
        # step + 1: the first batch is learnt from, too
        factor = linear_schedule(step + 1, n_steps + 1, plan.warmup)
        pieces = examples.pieces(order[start : start + plan.batch_size])
        total += trainer.step(pieces, factor * plan.learning_rate)
    return total / np.count_nonzero(examples.weights)
