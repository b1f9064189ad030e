"""Hidden states of the frozen layers, computed once for all epochs."""

from __future__ import annotations

from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.encoder import encode
from skdistilbert.nn.inference import count_batches
from skdistilbert.nn.runtime import for_each, resolve_n_threads

if TYPE_CHECKING:
    from skdistilbert.nn.packing import PackedBatch, Ragged
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.weights import Array, Encoder

# Larger arrays are stored in a temporary file that is mapped into memory.
MAX_BYTES_IN_MEMORY = 2**30


def frozen_states(
    encoder: Encoder, texts: Ragged, n_layers: int, n_threads: int | None = None
) -> Array:
    """Return the hidden states after the lowest `n_layers` layers: (n_tokens, dim)."""
    lowest = encoder.up_to(n_layers)
    states = empty_array((len(texts.input_ids), encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, _: Workers) -> None:
        states[texts.token_indices(batch.text_indices)] = encode(lowest, batch).T

    # The batches, and one worker for each, do not depend on the number of threads, because
    # training would amplify a difference in rounding.
    batches = texts.batches(count_batches(encoder, len(texts.input_ids)))
    for_each(fill, batches, min(resolve_n_threads(n_threads), len(batches)))
    return states


def empty_array(shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
    """Allocate an array in memory or, if it is large, in a file that is deleted with it."""
    if np.prod(shape) * dtype.itemsize <= MAX_BYTES_IN_MEMORY:
        return np.empty(shape, dtype)
    with TemporaryFile(prefix="skdistilbert-states-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)
