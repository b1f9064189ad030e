"""Pooling: from the states of a text's tokens to one vector a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from skdistilbert.nn.packing import PackedBatch
    from skdistilbert.nn.weights import Array

Pooling = Literal["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def pool(hidden: Array, batch: PackedBatch, pooling: Pooling) -> Array:
    """Pool (dim, n_tokens) over each text's tokens: (n_texts, dim)."""
    starts = batch.starts
    if pooling == "cls":
        return hidden[:, starts].T
    if pooling == "max":
        return np.maximum.reduceat(hidden, starts, axis=1).T
    if pooling == "lasttoken":
        return hidden[:, starts + batch.lengths - 1].T
    lengths = batch.lengths.astype(hidden.dtype)
    if pooling == "weightedmean":
        hidden = hidden * (batch.position_ids + 1).astype(hidden.dtype)
        lengths = lengths * (lengths + 1) / 2
    if pooling == "mean_sqrt_len_tokens":
        lengths = np.sqrt(lengths)
    return (np.add.reduceat(hidden, starts, axis=1) / lengths).T
