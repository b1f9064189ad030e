"""Batches for losses that compare texts: several classes, and several texts of each."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.nn.packing import IntArray


def class_batches(targets: NDArray[Any], batch_size: int, rng: RandomState) -> list[IntArray]:
    """Return the texts of each batch of an epoch, which has as many batches as other epochs.

    A batch has at least two texts of each of its classes, unless the class has only one. All
    classes are drawn equally often, so the texts of rare classes are drawn more often than others.

    Parameters
    ----------
    targets : ndarray of shape (n_texts,) or (n_labels, n_texts)
        Class indices or indicators. Texts without a label form one more class.
    batch_size : int
        Maximum number of texts of a batch. A batch is smaller if its classes have fewer texts.
    rng : RandomState
    """
    members = rows_by_class(targets)
    per_class = max(2, ceil(batch_size / len(members)))
    streams = [_endless(rows, rng) for rows in members]
    classes = _endless(np.arange(len(members)), rng)

    def draw_batch() -> IntArray:
        rows: dict[int, None] = {}  # a text may have several labels
        for index in _draw(classes, min(len(members), ceil(batch_size / per_class))):
            rows |= _draw(streams[index], min(per_class, len(members[index])))
        return np.array([*rows][:batch_size])

    return [draw_batch() for _ in range(ceil(targets.shape[-1] / batch_size))]


def rows_by_class(targets: NDArray[Any]) -> list[IntArray]:
    """Return the texts of each class that has any."""
    if targets.ndim == 1:
        return [np.flatnonzero(targets == index) for index in np.unique(targets)]
    members = [*map(np.flatnonzero, targets), np.flatnonzero(~targets.any(axis=0))]
    return [rows for rows in members if len(rows)]


def _endless(values: IntArray, rng: RandomState) -> Iterator[int]:
    """Yield all values in random order, again and again."""
    while True:
        yield from rng.permutation(values).tolist()


def _draw(stream: Iterator[int], n_values: int) -> dict[int, None]:
    """Take distinct values from a stream."""
    drawn: dict[int, None] = {}
    while len(drawn) < n_values:
        drawn[next(stream)] = None
    return drawn
