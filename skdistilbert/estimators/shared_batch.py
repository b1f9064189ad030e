"""Encode the texts of several calls of an estimator in one batch.

An explanation calls `predict`, `predict_proba` and the explained method of any estimator, which
may contain an encoder at any depth. Every call would encode the same texts again, and one text
alone takes about twice as long as one text of a batch. The calls have no argument for texts
that will be needed later, so these texts are a context variable. Other threads do not see it.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.tasks.pair_input import TextOrPair

    # One row per text, and the rows of truncated texts.
    Features = tuple[NDArray[np.float32], list[int]]


class _SharedBatch:
    """The texts of a batch, and their features by encoder and options."""

    def __init__(self, texts: Iterable[TextOrPair]) -> None:
        self.row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        self.features: dict[Any, Features] = {}


_shared: ContextVar[_SharedBatch | None] = ContextVar("_shared", default=None)


@contextmanager
def encoding_together(texts: Iterable[TextOrPair]) -> Iterator[None]:
    """Let each encoder read these texts in one batch when it reads the first of them."""
    token = _shared.set(_SharedBatch(texts))
    try:
        yield
    finally:
        _shared.reset(token)


def encode_in_shared_batch(
    texts: Sequence[TextOrPair],
    key: object,
    encode: Callable[[Sequence[TextOrPair]], Features],
) -> Features:
    """Return `encode(texts)`; inside `encoding_together`, from the features of its batch.

    Parameters
    ----------
    texts : sequence of str, or of pairs
        If one of them is not in the batch, all are encoded as usual.
    key : hashable
        The encoder and its options.
    encode : callable
        Returns the features of some texts and the rows of truncated texts.
    """
    shared = _shared.get()
    if shared is None or not shared.row_of.keys() >= set(texts):
        return encode(texts)
    if key not in shared.features:
        shared.features[key] = encode(list(shared.row_of))
    pooled, truncated = shared.features[key]
    rows = [shared.row_of[text] for text in texts]
    return pooled[rows], [row for row, place in enumerate(rows) if place in truncated]
