"""AdamW (Loshchilov & Hutter, 2019), in place; batches update only the table rows they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.exceptions import NonFiniteError
from skdistilbert.nn.runtime import for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.training.gradient_sum import GradientSum
    from skdistilbert.nn.training.gradients import RowGradient
    from skdistilbert.nn.training.parameter_vector import Parameters
    from skdistilbert.nn.weights import Array

# Elements per operation: few enough for the caches, but enough that threads seldom wait for the
# interpreter's lock between operations.
BLOCK_SIZE = 2**18


class Moments(NamedTuple):
    """Sums of the gradients and of their squares, each multiplied by its beta in every step.

    Adam's moments are (1 - beta) times these sums. The factor is part of the step size, which
    saves a pass over all elements.
    """

    first: Array
    second: Array

    @classmethod
    def like(cls, x: Array) -> Moments:
        """Start at zero; the system allocates pages when they are first written."""
        return cls(np.zeros(x.shape, x.dtype), np.zeros(x.shape, x.dtype))


class Update(NamedTuple):
    """The scalars of one step, as torch.optim.AdamW computes them."""

    learning_rate: float
    gradient_scale: float  # at most 1; clips the norm
    beta1: float
    beta2: float
    eps: float  # in units of the root of the second moment
    step_size: float  # learning rate times Adam's bias corrections

    def apply(self, x: Array, gradient: Array, moments: Moments, weight_decay: float) -> None:
        """Update `x` and its moments in place."""
        first, second = moments
        scratch = gradient * gradient.dtype.type(self.gradient_scale)
        first *= self.beta1
        first += scratch
        scratch *= scratch
        second *= self.beta2
        second += scratch
        if weight_decay:
            x *= 1 - self.learning_rate * weight_decay
        x -= self.step(first, second, out=scratch)

    def step(self, first: Array, second: Array, out: Array) -> Array:
        """Return the change of a parameter that follows from its moments."""
        np.sqrt(second, out=out)
        out += self.eps
        np.divide(first, out, out=out)
        out *= self.step_size
        return out


class AdamW:
    """Adam with decoupled weight decay of matrices, and clipping of the global gradient norm.

    The trajectory equals that of torch.optim.AdamW, except that a row of a table decays only in
    the steps that read it. A row that is never read does not change.

    Parameters
    ----------
    parameters : Parameters
    weight_decay : float, default=0.01
    betas : tuple of float, default=(0.9, 0.999)
    eps : float, default=1e-8
    max_norm : float, default=1.0
        Gradients with a larger norm are scaled down to this norm.
    """

    def __init__(
        self,
        parameters: Parameters,
        weight_decay: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        max_norm: float = 1.0,
    ) -> None:
        self.weight_decay, self.betas, self.eps, self.max_norm = weight_decay, betas, eps, max_norm
        self.n_steps = 0
        self._parameters = parameters
        self._moments = Moments.like(parameters.vector)
        self._tables = {
            name: _TableMoments(table, betas, eps) for name, table in parameters.tables.items()
        }

    def prepare(self, rows: Mapping[str, IntArray]) -> None:
        """Update rows of tables before they are read: {table: (n_rows,), unique}."""
        for name, rows_read in rows.items():
            self._tables[name].catch_up(rows_read)

    def finish(self) -> None:
        """Update all rows of all tables."""
        for table in self._tables.values():
            table.catch_up(np.flatnonzero(table.last_step))

    def step(self, gradient: GradientSum, learning_rate: float, n_threads: int) -> None:
        """Update all parameters in place.

        Raises
        ------
        NonFiniteError
            If the norm is not finite. The parameters are unchanged then.
        """
        if not np.isfinite(gradient.norm):
            raise NonFiniteError(
                f"Training diverged in step {self.n_steps + 1}: the gradient is not finite. "
                "A lower learning rate may help."
            )
        update = self._next_update(learning_rate, min(1.0, self.max_norm / (gradient.norm + 1e-6)))
        blocks = self._blocks()
        for_each(
            lambda block, _: self._update_block(block, gradient.vector, update), blocks, n_threads
        )
        for name, table in self._tables.items():
            table.step(gradient.tables.get(name), update, self.weight_decay)

    def _next_update(self, learning_rate: float, gradient_scale: float) -> Update:
        self.n_steps += 1
        beta1, beta2 = self.betas
        unit = second_moment_unit(beta2, self.n_steps)
        step_size = learning_rate * (1 - beta1) / (1 - beta1**self.n_steps) * unit
        return Update(learning_rate, gradient_scale, beta1, beta2, self.eps * unit, step_size)

    def _blocks(self) -> list[slice]:
        """Split the vector so that weight decay applies to all of a block or to none of it."""
        size, n_decaying = self._parameters.vector.size, self._parameters.n_decaying
        return [
            slice(start, min(start + BLOCK_SIZE, stop))
            for begin, stop in ((0, n_decaying), (n_decaying, size))
            for start in range(begin, stop, BLOCK_SIZE)
        ]

    def _update_block(self, block: slice, gradient: Array, update: Update) -> None:
        moments = Moments(*(moment[block] for moment in self._moments))
        decay = self.weight_decay if block.stop <= self._parameters.n_decaying else 0.0
        update.apply(self._parameters.vector[block], gradient[block], moments, decay)


class _TableMoments:
    """The moments of a table, with rows that are updated when a batch reads them.

    Without a gradient the moments only shrink, by a known factor per step. The steps that a row
    has missed since it was last read therefore add up to a known factor times its last step. They
    are applied when the row is read again.
    """

    # After this many steps without a gradient the momentum has shrunk by a factor of 1e-11.
    MEMORY = 256

    def __init__(self, table: Array, betas: tuple[float, float], eps: float) -> None:
        self.last_step = np.zeros(len(table), np.int64)  # 0: never read
        self._table, self._betas, self._eps = table, betas, eps
        self.moments = Moments.like(table)
        self._n_steps = 0
        # For each step: the sum of all later step sizes, each times the decay of the momentum.
        self._drift = np.zeros(1024)
        self._shrinking = (betas[0] / np.sqrt(betas[1])) ** np.arange(self.MEMORY, 0, -1)

    def catch_up(self, rows: IntArray) -> None:
        last = self.last_step[rows]
        behind = (last > 0) & (last < self._n_steps)
        rows, last = rows[behind], last[behind]
        first, second = (moment[rows] for moment in self.moments)
        eps = self._eps * second_moment_unit(self._betas[1], last)
        move = first / (np.sqrt(second) + eps[:, None].astype(second.dtype))
        self._table[rows] -= move * self._drift[last, None].astype(move.dtype)
        for moment, values, beta in zip(self.moments, (first, second), self._betas, strict=True):
            moment[rows] = values * (beta ** (self._n_steps - last))[:, None].astype(values.dtype)
        self.last_step[rows] = self._n_steps

    def step(self, gradient: RowGradient | None, update: Update, weight_decay: float) -> None:
        if gradient is not None:
            self.catch_up(gradient.rows)
        self._n_steps += 1
        self._record_drift(update.step_size)
        if gradient is None:
            return
        rows = gradient.rows
        moments = Moments(*(moment[rows] for moment in self.moments))
        values = self._table[rows]
        update.apply(values, gradient.values, moments, weight_decay)
        self._table[rows] = values
        for moment, updated in zip(self.moments, moments, strict=True):
            moment[rows] = updated
        self.last_step[rows] = self._n_steps

    def _record_drift(self, step_size: float) -> None:
        n = self._n_steps
        if n >= len(self._drift):
            self._drift = np.concatenate([self._drift, np.zeros_like(self._drift)])
        recent = self._drift[max(0, n - self.MEMORY) : n]
        recent += step_size * self._shrinking[-len(recent) :]


def second_moment_unit(beta2: float, n_steps: Any) -> Any:  # noqa: ANN401 - a number or many
    """Return the ratio of the root of the second sum to the bias-corrected root mean square."""
    return ((1 - beta2**n_steps) / (1 - beta2)) ** 0.5
