"""A linear head on fixed features: logistic regression by L-BFGS, with a chosen L2 penalty.

Features are centred and divided by their root mean square distance from the centre, so that one
range of penalties suits all encoders. As in scikit-learn's LogisticRegression the objective is
`strength * sum of losses + |weight|^2 / 2`; the bias has no penalty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from skdistilbert.nn.heads import LinearHead
from skdistilbert.nn.runtime import for_each, resolve_n_threads
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.nn.weights import Array

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
N_FOLDS = 5
# With this number of texts or more, one fold ranks the strengths as well as five folds.
TEXTS_FOR_ONE_FOLD = 2000
MAX_STEPS = 100


class LinearProblem(NamedTuple):
    """Pooled features with their targets, and the loss of a linear head."""

    features: Array  # (n_texts, dim)
    targets: NDArray[Any]  # (n_texts,) or (num_labels, n_texts)
    weights: Array  # (n_texts,)
    loss: Loss
    num_labels: int

    def select(self, rows: IntArray) -> LinearProblem:
        """Return the problem of some of the texts."""
        targets, weights = self.targets[..., rows], self.weights[rows]
        return self._replace(features=self.features[rows], targets=targets, weights=weights)

    def mean_loss(self, head: LinearHead) -> float:
        """Return the weighted mean loss of a head."""
        logits = head.logits(np.ascontiguousarray(self.features.T))
        return self.loss(logits, self.targets, self.weights)[0] / float(self.weights.sum())


def fit_linear_head(problem: LinearProblem, strength: float) -> LinearHead:
    """Return the head that minimises the objective."""
    heads: list[LinearHead] = []
    for_each(lambda one, _: heads.extend(_fit_path(problem, [one])), [strength], n_threads=1)
    return heads[0]


def choose_strength(
    problem: LinearProblem, random_state: RandomState, n_threads: int | None = None
) -> float:
    """Return the smallest of `STRENGTHS` whose cross-validated loss is close to the least.

    Differences of up to one standard error over the folds are ignored, because with few texts the
    least loss is often that of a strength that is too large.
    """
    folds = _folds(problem, random_state)
    if not folds:
        return STRENGTHS[len(STRENGTHS) // 2]
    losses = np.empty((len(folds), len(STRENGTHS)))

    def fill(index: int, _: Workers) -> None:
        losses[index] = _held_out_losses(problem, folds[index])

    # Many small products: several BLAS threads for each would take five times as long.
    for_each(fill, range(len(folds)), resolve_n_threads(n_threads))
    excess = losses - losses[:, [losses.mean(axis=0).argmin()]]  # (n_folds, n_strengths)
    error = excess.std(axis=0) / np.sqrt(max(1, len(excess) - 1))
    return STRENGTHS[int(np.argmax(excess.mean(axis=0) <= error))]


def _held_out_losses(problem: LinearProblem, fold: NDArray[np.bool_]) -> list[float]:
    """Return the loss of the texts of a fold for each strength, fitted on the other texts."""
    held_out, rest = problem.select(np.flatnonzero(fold)), problem.select(np.flatnonzero(~fold))
    return [held_out.mean_loss(head) for head in _fit_path(rest, STRENGTHS)]


def _folds(problem: LinearProblem, random_state: RandomState) -> list[NDArray[np.bool_]]:
    """Return masks of the texts to hold out, with about equal shares of each class."""
    n_texts = len(problem.weights)
    order = random_state.permutation(n_texts)
    if problem.targets.ndim == 1:
        order = order[np.argsort(problem.targets[order], kind="stable")]
    numbers = np.empty(n_texts, int)
    numbers[order] = np.arange(n_texts) % N_FOLDS
    folds = [numbers == index for index in range(min(N_FOLDS, n_texts)) if n_texts > 1]
    return folds[:1] if n_texts >= TEXTS_FOR_ONE_FOLD else folds


def _fit_path(problem: LinearProblem, strengths: Sequence[float]) -> Iterator[LinearHead]:
    """Yield a head for each strength; each fit starts from the solution of the previous one."""
    shares = problem.weights.astype(np.float64) / problem.weights.sum()
    centre = shares @ problem.features
    # In float32 the steps of L-BFGS would depend on how BLAS rounds.
    columns = np.ascontiguousarray((problem.features - centre).T)  # (dim, n_texts) in float64
    distance = np.sqrt(np.square(columns).sum(axis=0) @ shares)
    # Equal texts have no distance, and rounding must not take its place.
    scale = max(float(distance), 1e-4 * float(np.linalg.norm(centre)), 1e-30)
    columns /= scale
    solution = np.zeros(problem.num_labels * (len(columns) + 1))
    options = {"maxiter": MAX_STEPS, "gtol": 1e-5, "ftol": 1e-8}
    for strength in strengths:
        arguments = (problem, columns, strength)
        found = minimize(_objective, solution, arguments, "L-BFGS-B", jac=True, options=options)
        solution = found.x
        weight, bias = _split(solution / scale, problem.num_labels)
        bias = bias * scale - weight @ centre
        yield LinearHead(Linear(weight.astype(np.float32), bias.astype(np.float32)))


def _objective(
    solution: NDArray[np.float64], problem: LinearProblem, columns: Array, strength: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the objective, divided by the strength and the number of texts, and its gradient."""
    weight, bias = _split(solution, problem.num_labels)
    logits = weight @ columns + bias[:, None]
    loss, d_logits = problem.loss(logits, problem.targets, problem.weights)
    n_texts = float(problem.weights.sum())
    penalty = 1 / (strength * n_texts)
    d_weight = d_logits @ columns.T / n_texts + penalty * weight
    gradient = np.concatenate([d_weight.ravel(), d_logits.sum(axis=1) / n_texts])
    return loss / n_texts + 0.5 * penalty * float(np.vdot(weight, weight)), gradient


def _split(
    solution: NDArray[np.float64], num_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight (num_labels, dim) and the bias (num_labels,)."""
    return solution[:-num_labels].reshape(num_labels, -1), solution[-num_labels:]
