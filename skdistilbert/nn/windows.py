"""Long documents as windows that overlap: which tokens each stands for, and how they are joined.

A token in two windows counts in the one that shows more of what surrounds it: the overlap of two
neighbours is divided at its middle. So each token of a document is pooled once, and a mean of the
windows' means, weighted by the tokens that each counts for, is the mean over the document. The
states of [CLS], or of [SEP], of all windows are averaged with the same weights: each is what the
model makes of its window, and none has seen them all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.nn.packing import IntArray, PackedBatch
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.weights import Array


class Windows(NamedTuple):
    """Windows of documents, those of a document one after the other.

    Attributes
    ----------
    documents : int ndarray of shape (n_windows,)
        The row of each window's document, ascending.
    firsts, stops : int ndarray of shape (n_windows,)
        Positions in the document that the window counts for.
    offsets : int ndarray of shape (n_windows,)
        Positions in the document less positions in the window.
    document_firsts, document_stops : int ndarray of shape (n_windows,)
        Positions that all windows of the document count for together.
    """

    documents: IntArray
    firsts: IntArray
    stops: IntArray
    offsets: IntArray
    document_firsts: IntArray
    document_stops: IntArray

    def counted(self, hidden: Array, batch: PackedBatch) -> tuple[Array, PackedBatch]:
        """Keep the states of the tokens that count, at their positions in the documents."""
        firsts, stops, offsets = (
            np.repeat(each[batch.text_indices], batch.lengths)
            for each in (self.firsts, self.stops, self.offsets)
        )
        positions = batch.position_ids + offsets
        kept = (firsts <= positions) & (positions < stops)
        rest = replace(
            batch,
            lengths=(self.stops - self.firsts)[batch.text_indices],
            input_ids=batch.input_ids[kept],
            position_ids=positions[kept],
        )
        return hidden[:, kept], rest

    def shares(self, pooling: Pooling) -> NDArray[np.float64]:
        """Give what to multiply each window's vector by, so that the sum is the document's."""
        shares = _weight(self.firsts, self.stops, pooling) / _weight(
            self.document_firsts, self.document_stops, pooling
        )
        return np.sqrt(shares) if pooling == "mean_sqrt_len_tokens" else shares


def _weight(firsts: IntArray, stops: IntArray, pooling: Pooling) -> IntArray:
    """How much the tokens at positions from `firsts` to before `stops` weigh in a mean."""
    if pooling == "weightedmean":
        return stops * (stops + 1) - firsts * (firsts + 1)
    return stops - firsts


def no_features(n_documents: int, poolings: Sequence[Pooling], dim: int) -> NDArray[np.float32]:
    """Start the vectors of documents, (n_documents, n_poolings, dim), for `add_windows`."""
    features = np.zeros((n_documents, len(poolings), dim), np.float32)
    features[:, [pooling == "max" for pooling in poolings]] = -np.inf
    return features


def add_windows(
    features: NDArray[np.float32], pooled: Array, windows: Windows, poolings: Sequence[Pooling]
) -> None:
    """Add what some windows give, (n_windows, n_poolings, dim), to the vectors of documents."""
    starts = np.flatnonzero(np.diff(windows.documents, prepend=-1))
    documents = windows.documents[starts]
    for index, pooling in enumerate(poolings):
        vectors, sums = pooled[:, index], features[:, index]
        if pooling == "max":
            highest = np.maximum.reduceat(vectors, starts, axis=0)
            sums[documents] = np.maximum(sums[documents], highest)
        else:
            # In float64, as a long document has thousands of windows.
            weighted = vectors * windows.shares(pooling)[:, None]
            sums[documents] += np.add.reduceat(weighted, starts, axis=0)
