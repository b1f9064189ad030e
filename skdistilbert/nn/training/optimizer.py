"""AdamW (Loshchilov & Hutter, 2019), in place, at no cost for rows that a batch did not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.nn.runtime import for_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.training.encoder import RowGradient
    from skdistilbert.nn.training.gradient_sum import GradientSum
    from skdistilbert.nn.training.parameters import Parameters
    from skdistilbert.nn.weights import Array

# Numbers that an operation is given at a time: few enough for the caches, so many that threads
# seldom wait for each other between two operations.
BLOCK_SIZE = 2**18


class Moments(NamedTuple):
    """Sums of the gradients, and of their squares, each shrunk by a beta a step.

    Adam's means are (1 - beta) times these: one factor of the step, instead of a pass over all.
    """

    first: Array
    second: Array

    @classmethod
    def like(cls, x: Array) -> Moments:
        """Start at zero; the system gives memory to what is written alone."""
        return cls(np.zeros(x.shape, x.dtype), np.zeros(x.shape, x.dtype))


class Update(NamedTuple):
    """The numbers of one step: what torch.optim.AdamW computes once for all parameters."""

    learning_rate: float
    gradient_scale: float  # 1, or less where the norm is clipped
    beta1: float
    beta2: float
    eps: float  # in units of the root of the second moment
    step_size: (
        float  # learning rate and what makes of both moments means corrected for their start
    )

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
        """How far the moments move a parameter."""
        np.sqrt(second, out=out)
        out += self.eps
        np.divide(first, out, out=out)
        out *= self.step_size
        return out


class AdamW:
    """Adam with decoupled weight decay of matrices, and the gradient clipped by its global norm.

    The trajectory is that of torch.optim.AdamW, except that a row of a table decays only in the
    steps that read it, so that a row never read stays as it is to the last bit.

    Parameters
    ----------
    parameters : Parameters
    weight_decay : float, default=0.01
    betas : tuple of float, default=(0.9, 0.999)
    eps : float, default=1e-8
    max_norm : float, default=1.0
        Gradients of a larger norm are scaled down to it.
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
        """Bring rows of tables up to date, before they are read: {table: (n_rows,), unique}."""
        for name, of_table in rows.items():
            self._tables[name].catch_up(of_table)

    def finish(self) -> None:
        """Bring all rows up to date."""
        for table in self._tables.values():
            table.catch_up(np.flatnonzero(table.last_step))

    def step(self, gradient: GradientSum, learning_rate: float, n_threads: int) -> None:
        """Update all parameters in place.

        Raises
        ------
        ValueError
            If the norm is not finite; nothing is changed then.
        """
        if not np.isfinite(gradient.norm):
            raise ValueError(
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

    def state(self) -> dict[str, Array]:
        """Give, by name, what another optimiser of the same parameters needs to go on from here.

        All rows are brought up to date; the arrays are those in use.
        """
        self.finish()
        moments = {"": self._moments} | {k: table.moments for k, table in self._tables.items()}
        return {"n_steps": np.array(float(self.n_steps))} | {
            f"{name}.{moment}": array
            for name, of_name in moments.items()
            for moment, array in of_name._asdict().items()
        }

    def go_on_from(self, state: Mapping[str, Array]) -> None:
        """Take over what `state` gave; the parameters must be those of then."""
        self.n_steps = int(state["n_steps"])
        for name, array in self.state().items():
            array[...] = state[name]
        for table in self._tables.values():
            table.go_on_from(self.n_steps)

    def _next_update(self, learning_rate: float, gradient_scale: float) -> Update:
        self.n_steps += 1
        beta1, beta2 = self.betas
        unit = second_moment_unit(beta2, self.n_steps)
        step_size = learning_rate * (1 - beta1) / (1 - beta1**self.n_steps) * unit
        return Update(learning_rate, gradient_scale, beta1, beta2, self.eps * unit, step_size)

    def _blocks(self) -> list[slice]:
        """Cut the vector, so that each block decays as a whole or not at all."""
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
    """The moments of a table, whose rows move on between the batches that read them.

    Without a gradient the moments only shrink, by a known factor a step. So the sum of the steps
    that a row should have taken since it was last read is one number times its last step, and is
    made up for when the row is next read.
    """

    # After so many steps without a gradient the momentum is 1e-11 of what it was.
    MEMORY = 256

    def __init__(self, table: Array, betas: tuple[float, float], eps: float) -> None:
        self.last_step = np.zeros(len(table), np.int64)  # 0: never read
        self._table, self._betas, self._eps = table, betas, eps
        self.moments = Moments.like(table)
        self._n_steps = 0
        # By step: the sum of all later steps' sizes, each shrunk as momentum shrinks by then.
        self._drift = np.zeros(1024)
        self._shrinking = (betas[0] / np.sqrt(betas[1])) ** np.arange(self.MEMORY, 0, -1)

    def go_on_from(self, n_steps: int) -> None:
        """Take the moments to be those after so many steps, with all rows up to date."""
        self._n_steps = n_steps
        self.last_step[self.moments.second.any(axis=1)] = n_steps
        self._drift = np.zeros(max(len(self._drift), 2 * n_steps))

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
        self._let_others_drift(update.step_size)
        if gradient is None:
            return
        rows = gradient.rows
        moments = Moments(*(moment[rows] for moment in self.moments))
        values = self._table[rows]
        update.apply(values, gradient.values, moments, weight_decay)
        self._table[rows] = values
        for moment, of_rows in zip(self.moments, moments, strict=True):
            moment[rows] = of_rows
        self.last_step[rows] = self._n_steps

    def _let_others_drift(self, step_size: float) -> None:
        n = self._n_steps
        if n >= len(self._drift):
            self._drift = np.concatenate([self._drift, np.zeros_like(self._drift)])
        recent = self._drift[max(0, n - self.MEMORY) : n]
        recent += step_size * self._shrinking[-len(recent) :]


def second_moment_unit(beta2: float, n_steps: Any) -> Any:  # noqa: ANN401 - a number or many
    """Give what the root of the second moment is to the gradients' corrected root mean square."""
    return ((1 - beta2**n_steps) / (1 - beta2)) ** 0.5
