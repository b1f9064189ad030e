"""What the frozen layers give: computed once, however many epochs read it."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.encoder import encode
from skdistilbert.nn.inference import n_batches
from skdistilbert.nn.runtime import for_each, resolve_n_threads

if TYPE_CHECKING:
    from skdistilbert.nn.packing import PackedBatch, Ragged
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.weights import Array, Encoder

# More than so many bytes go to a temporary file that is mapped into memory.
MAX_BYTES_IN_MEMORY = 2**30


def frozen_states(
    encoder: Encoder, texts: Ragged, n_layers: int, n_threads: int | None = None
) -> Array:
    """Hidden states after the lowest `n_layers` layers, a row a token: (n_tokens, dim)."""
    lowest = replace(encoder, layers=encoder.layers[:n_layers])
    states = empty_array((len(texts.input_ids), encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, _: Workers) -> None:
        states[texts.tokens_of(batch.text_indices)] = encode(lowest, batch).T

    # Batches, and BLAS with one thread, whatever the number of threads: training would make much
    # of a difference in rounding.
    batches = texts.batches(n_batches(encoder, len(texts.input_ids)))
    for_each(fill, batches, min(resolve_n_threads(n_threads), len(batches)))
    return states


def empty_array(shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
    """Make an array, in memory or, where it is large, in a file that vanishes with it."""
    if np.prod(shape) * dtype.itemsize <= MAX_BYTES_IN_MEMORY:
        return np.empty(shape, dtype)
    with TemporaryFile(prefix="skdistilbert-states-") as file:
        return np.memmap(file, dtype, "w+", shape=shape)
