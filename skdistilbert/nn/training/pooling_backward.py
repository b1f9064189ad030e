"""The backward pass of pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.packing import PackedBatch
    from skdistilbert.nn.weights import Array

    PoolingBackward = Callable[[Array, Array, PackedBatch], Array]


def cls_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Assign the derivative to the first token of each text."""
    d_hidden = np.zeros_like(hidden)
    d_hidden[:, batch.starts] = d_pooled
    return d_hidden


def mean_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Assign an equal share to every token."""
    shares = d_pooled / batch.lengths.astype(hidden.dtype)
    d_tokens: Array = np.repeat(shares, batch.lengths, axis=1)
    return d_tokens


def max_backward(d_pooled: Array, hidden: Array, batch: PackedBatch) -> Array:
    """Assign the derivative to the largest token; equal tokens share it."""
    largest = np.repeat(np.maximum.reduceat(hidden, batch.starts, axis=1), batch.lengths, axis=1)
    is_largest: Array = (hidden == largest).astype(hidden.dtype)
    shares = d_pooled / np.add.reduceat(is_largest, batch.starts, axis=1)
    is_largest *= np.repeat(shares, batch.lengths, axis=1)
    return is_largest


# Each maps the derivative of the pooled columns (dim, n_texts) and the hidden states
# (dim, n_tokens) that were pooled to the derivative of the hidden states.
POOLING_BACKWARD: dict[str, PoolingBackward] = {
    "cls": cls_backward,
    "mean": mean_backward,
    "max": max_backward,
}
