"""The training loop: batches, schedule, progress, and the plot of the loss."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.distil.student import Student
    from skdistilbert.nn.packing import IntArray


class Course(NamedTuple):
    """The number of steps, the batch size and the learning rate."""

    n_texts: int
    n_steps: int
    batch_size: int = 128
    learning_rate: float = 2e-3
    n_warmup: int = 100
    decay: float = 0.3  # share of the steps in which the rate falls to zero, at the end
    steps_per_report: int = 100

    def rate(self, step: int) -> float:
        """Return the learning rate of step 0, 1, ...: linear warm-up, constant, linear decay."""
        up = (step + 1) / self.n_warmup
        down = (self.n_steps - step) / (self.decay * self.n_steps)
        return self.learning_rate * min(1.0, up, down)

    def rows(self, step: int) -> IntArray:
        """Return the texts of a step: in order in the first epoch, shuffled in each later one."""
        n_batches = self.n_texts // self.batch_size
        epoch, index = divmod(step, n_batches)
        order = np.random.default_rng(epoch).permutation(self.n_texts) if epoch else None
        rows = np.arange(index * self.batch_size, (index + 1) * self.batch_size)
        return rows if order is None else order[rows]


def learn(student: Student, course: Course) -> list[float]:
    """Train, and return the mean loss of each report."""
    history: list[float] = []
    losses: list[float] = []
    start = time.monotonic()
    for step in range(course.n_steps):
        losses.append(student.step(course.rows(step), course.rate(step)))
        if (step + 1) % course.steps_per_report == 0 or step + 1 == course.n_steps:
            history.append(float(np.mean(losses)))
            losses.clear()
            progress = f"step {step + 1} of {course.n_steps}: loss {history[-1]:.4f}"
            print(f"{progress}, {time.monotonic() - start:.0f} s", flush=True)
    return history


def plot(history: list[float], course: Course, file: Path) -> None:
    """Plot the mean loss of each report."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    steps = np.minimum(np.arange(1, len(history) + 1) * course.steps_per_report, course.n_steps)
    axes.plot(steps, history)
    axes.set(xlabel="step", ylabel="loss", title="Distillation of the bundled model")
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
