"""Contrastive training on pairs of texts: their targets, and the loss."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length

from skdistilbert.estimators.targets import check_numbers
from skdistilbert.nn.training import compare_pairs, in_batch_negatives, similarity_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.nn.weights import Array

EXPECTED_Y = "y must have one similarity from 0 to 1 for each pair of texts, or be None"


def check_pairs(
    pairs: Sequence[Any], y: ArrayLike | None, loss: str
) -> tuple[list[str], NDArray[Any]]:
    """Return all first texts before all second texts, and the targets of `compare_pairs`."""
    if loss != "auto":
        raise ValueError(
            f"loss must be 'auto' for pairs of texts, whose loss depends on y; got {loss!r}."
        )
    similarities = _check_similarities(y, pairs)
    texts = [pair[side] for side in (0, 1) for pair in pairs]
    return texts, np.array([np.arange(len(texts)), np.tile(similarities, 2)])


def _check_similarities(y: ArrayLike | None, pairs: Sequence[Any]) -> NDArray[Any]:
    if y is None:
        if len(pairs) < 2:
            raise ValueError(
                "X must have at least two pairs if y is None, because the other pairs are the "
                f"negatives; got {len(pairs)}."
            )
        return np.zeros(len(pairs))
    try:
        similarities = check_numbers(y)
    except ValueError as error:
        raise ValueError(f"{EXPECTED_Y}: {error}") from error
    check_consistent_length(pairs, similarities)
    if similarities.ndim != 1:
        raise ValueError(f"{EXPECTED_Y}; got an array of shape {similarities.shape}.")
    wrong = np.flatnonzero((similarities < 0) | (similarities > 1))
    if len(wrong):
        first = similarities[wrong[0]].item()
        raise ValueError(f"{EXPECTED_Y}; got {first!r} in row {wrong[0]}.")
    return similarities


def loss_of_pairs(y: ArrayLike | None) -> Callable[[Array, Any], tuple[float, Array]]:
    """Return the loss of a batch for similarities, or for None."""
    return partial(compare_pairs, loss=in_batch_negatives if y is None else similarity_error)
