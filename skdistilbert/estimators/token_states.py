"""Hidden states of the tokens of windows, which the embedding cache may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.estimators.cache import EmbeddingCache, read_through
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import supported_precision
from skdistilbert.nn.training import empty_array, frozen_states
from skdistilbert.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.runtime import Precision

    FloatArray = NDArray[np.float32]


def token_states(
    encoder: TextEncoder,
    windows: Ragged,
    precision: Precision,
    n_threads: int | None,
    cache_file: Path | None,
) -> FloatArray:
    """Return the last hidden states of the tokens of windows, (n_tokens, dim).

    Only the states of a pretrained encoder are read from and written to `cache_file`.
    """
    if cache_file is None or encoder.changes:
        return _encode(encoder, windows, precision, n_threads)
    dim = encoder.encoder.dim
    stops = np.cumsum(windows.lengths)
    starts = stops - windows.lengths
    states = empty_array((len(windows.input_ids), dim), encoder.encoder.dtype)

    def put(rows: list[int], vector: FloatArray) -> None:
        for row in rows:
            states[starts[row] : stops[row]] = vector.reshape(-1, dim)

    def encode(some: Sequence[bytes]) -> tuple[list[FloatArray], list[int]]:
        distinct = Ragged.from_lists([np.frombuffer(ids, np.int64) for ids in some])
        vectors = np.split(
            _encode(encoder, distinct, precision, n_threads), np.cumsum(distinct.lengths)[:-1]
        )
        return [vector.ravel() for vector in vectors], []

    ids = np.split(windows.input_ids.astype(np.int64), stops[:-1])
    kind = "token states", supported_precision(precision)
    context = repr((__version__, encoder.pretrained.fingerprint, *kind)).encode()
    with EmbeddingCache(cache_file) as cache:
        read_through([row.tobytes() for row in ids], encode, context, cache, put, lambda _: None)
    return states


def _encode(
    encoder: TextEncoder, windows: Ragged, precision: Precision, n_threads: int | None
) -> FloatArray:
    n_layers = encoder.model.config.n_layers
    return frozen_states(encoder.encoder.in_precision(precision), windows, n_layers, n_threads)
