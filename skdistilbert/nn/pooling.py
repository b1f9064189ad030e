"""Pooling: computes one vector for each text from the hidden states of its tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.packing import IntArray, PackedBatch
    from skdistilbert.nn.weights import Array

Pooling = Literal["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)


def pool(hidden: Array, batch: PackedBatch, pooling: Pooling) -> Array:
    """Pool hidden states (dim, n_tokens) over the tokens of each text: (n_texts, dim)."""
    starts = batch.starts
    if pooling == "cls":
        return hidden[:, starts].T
    if pooling == "max":
        return np.maximum.reduceat(hidden, starts, axis=1).T
    if pooling == "lasttoken":
        return hidden[:, starts + batch.lengths - 1].T
    totals = batch.lengths.astype(hidden.dtype)
    if pooling == "weightedmean":
        weights = (batch.position_ids + 1).astype(hidden.dtype)
        hidden = hidden * weights
        totals = np.add.reduceat(weights, starts)
    if pooling == "mean_sqrt_len_tokens":
        totals = np.sqrt(totals)
    return (np.add.reduceat(hidden, starts, axis=1) / totals).T


class Windows(NamedTuple):
    """The tokens of each window to pool, so that each token of a long text is pooled once.

    Attributes
    ----------
    firsts, stops : int ndarray of shape (n_windows,)
        Positions in the long text from which, and before which, tokens are pooled.
    offsets : int ndarray of shape (n_windows,)
        Position in the long text minus position in the window.
    """

    firsts: IntArray
    stops: IntArray
    offsets: IntArray

    def select(self, hidden: Array, batch: PackedBatch) -> tuple[Array, PackedBatch]:
        """Return the pooled tokens only, at their positions in the long texts."""
        firsts, stops, offsets = (
            np.repeat(values[batch.text_indices], batch.lengths) for values in self
        )
        positions = batch.position_ids + offsets
        kept = (firsts <= positions) & (positions < stops)
        selected = replace(
            batch,
            lengths=(self.stops - self.firsts)[batch.text_indices],
            input_ids=batch.input_ids[kept],
            position_ids=positions[kept],
        )
        return hidden[:, kept], selected


def pool_each(
    hidden: Array,
    batch: PackedBatch,
    poolings: Sequence[Pooling],
    n_skipped: int = 0,
    windows: Windows | None = None,
) -> list[Array]:
    """Return one array (n_texts, dim) per pooling, without the first tokens of each text.

    If the texts are windows, "cls" and "lasttoken" still pool [CLS] and [SEP] of each window.
    """
    whole = _without_first(hidden, batch, n_skipped) if n_skipped else (hidden, batch)
    counted = windows.select(hidden, batch) if windows else whole
    return [
        pool(*(whole if pooling in ("cls", "lasttoken") else counted), pooling)
        for pooling in poolings
    ]


def _without_first(hidden: Array, batch: PackedBatch, n_tokens: int) -> tuple[Array, PackedBatch]:
    """Remove the first tokens of each text, but never its last one."""
    skipped = np.minimum(n_tokens, batch.lengths - 1)
    places = np.arange(len(batch.position_ids)) - np.repeat(batch.starts, batch.lengths)
    kept = places >= np.repeat(skipped, batch.lengths)
    rest = replace(
        batch,
        lengths=batch.lengths - skipped,
        input_ids=batch.input_ids[kept],
        position_ids=batch.position_ids[kept],
    )
    return hidden[:, kept], rest
