"""Pooling and its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.packing import PackedBatch
    from skdistilbert.nn.weights import Array

    PoolingBackward = Callable[[Array, Array, PackedBatch], Array]


def cls_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Only the first token of each text was read."""
    d_hidden = np.zeros_like(hidden)
    d_hidden[:, batch.starts] = d_pooled
    return d_hidden


def mean_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Every token has an equal share."""
    d_tokens: Array = np.repeat(
        d_pooled / batch.lengths.astype(hidden.dtype), batch.lengths, axis=1
    )
    return d_tokens


def max_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Give all to the largest; equal ones share it."""
    largest = np.repeat(np.maximum.reduceat(hidden, batch.starts, axis=1), batch.lengths, axis=1)
    is_largest: Array = (hidden == largest).astype(hidden.dtype)
    shares = d_pooled / np.add.reduceat(is_largest, batch.starts, axis=1)
    is_largest *= np.repeat(shares, batch.lengths, axis=1)
    return is_largest


# By pooling: from the derivative with respect to the pooled columns (dim, n_texts) and the hidden
# states (dim, n_tokens) that were pooled, to the derivative with respect to the latter.
POOLING_BACKWARD: dict[str, PoolingBackward] = {
    "cls": cls_backward,
    "mean": mean_backward,
    "max": max_backward,
}
