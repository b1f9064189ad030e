"""Run the encoder on any number of texts: packed batches, distributed over threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from skdistilbert.nn.encoder import embed_tokens, encode, hidden_states
from skdistilbert.nn.pooling import pool_each
from skdistilbert.nn.runtime import choose_product, for_each, resolve_n_threads, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdistilbert.nn.packing import BoolArray, PackedBatch, Ragged
    from skdistilbert.nn.pooling import Pooling, Windows
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.weights import Array, Encoder

# One row per token.
Rows = TypeVar("Rows", "Array", "list[Any]")

# Size of the hidden states of a batch: 1,024 tokens of dim 768. Larger batches do not fit into
# the cache; smaller ones have more overhead per token.
MAX_STATES = 1024 * 768
# With fewer multiplications per thread a second thread costs more than it gains: waking it takes
# as long as some ten million, and small operations wait for the interpreter's lock.
MIN_WORK_PER_THREAD = 80_000_000


def for_each_batch(
    encoder: Encoder,
    texts: Ragged,
    function: Callable[[PackedBatch, Workers], None],
    n_threads: int | None = None,
) -> None:
    """Call `function(batch, workers)` on packed batches of all texts."""
    n_tokens = int(texts.lengths.sum())
    n_scores = int(np.square(texts.lengths).sum())
    attention_work = 2 * n_scores * encoder.dim * len(encoder.layers)
    work = n_tokens * encoder.multiplications_per_token + attention_work
    n_threads = resolve_n_threads(n_threads)
    warm_up(n_threads)
    choose_product(work)
    n_threads = max(1, min(n_threads, work // MIN_WORK_PER_THREAD))
    for_each(function, texts.batches(count_batches(encoder, n_tokens, n_threads)), n_threads)


def count_batches(encoder: Encoder, n_tokens: int, n_threads: int = 1) -> int:
    """Return a multiple of the number of threads, with at most MAX_STATES states per batch."""
    max_tokens = max(1, MAX_STATES // encoder.dim)
    return n_threads * -(-n_tokens // (n_threads * max_tokens))


def pooled_features(
    encoder: Encoder,
    texts: Ragged,
    pooling: Pooling | Sequence[Pooling],
    n_threads: int | None = None,
    *,
    layers: Sequence[int] | None = None,
    layer_weights: Sequence[float] | None = None,
    n_skipped: int = 0,
    windows: Windows | None = None,
) -> Array:
    """Return pooled hidden states in the order of the texts: (n_texts, n_poolings * dim).

    Equal texts are encoded once.

    Parameters
    ----------
    encoder : Encoder
    texts : Ragged
    pooling : str or sequence of str
        With several poolings their vectors are concatenated.
    n_threads : int, default=None
        None: as many as BLAS may use.
    layers : sequence of int, default=None
        Average the hidden states after these layers; 0 is the embedding layer. Layers above the
        highest are not computed. None: use the last layer only.
    layer_weights : sequence of float, default=None
        The weight of each layer in the average; None: equal weights.
    n_skipped : int, default=0
        Leave the first tokens of each text out of the pooling, unless it has no others.
    windows : Windows, default=None
        The texts are windows: pool the tokens that each window counts for.
    """
    rows: Any = slice(None)
    if windows is None:
        texts, rows = texts.distinct()
    poolings = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    layers = (len(encoder.layers),) if layers is None else tuple(layers)
    encoder = encoder.up_to(max(layers))
    one_layer = len(layers) == 1 and layer_weights is None
    first_tokens_only = set(poolings) == {"cls"} and one_layer and not n_skipped
    features = np.zeros((len(texts.lengths), len(poolings), encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, workers: Workers) -> None:
        if first_tokens_only:
            hidden = encode(encoder, batch, first_tokens_only=True, workers=workers)
            features[batch.text_indices] = hidden.T[:, None]
            return
        if one_layer:
            hidden = encode(encoder, batch, workers=workers)
        else:
            hidden = _mean_of_layers(encoder, batch, layers, layer_weights, workers)
        for index, vectors in enumerate(pool_each(hidden, batch, poolings, n_skipped, windows)):
            features[batch.text_indices, index] = vectors

    for_each_batch(encoder, texts, fill, n_threads)
    vectors: Array = features.reshape(len(features), len(poolings) * encoder.dim)[rows]
    return vectors


def _mean_of_layers(
    encoder: Encoder,
    batch: PackedBatch,
    layers: Sequence[int],
    weights: Sequence[float] | None,
    workers: Workers,
) -> Array:
    """Return the mean of the hidden states after some layers: (dim, n_tokens)."""
    shares = [1.0] * len(layers) if weights is None else weights
    x = embed_tokens(encoder.embeddings, batch)
    total = np.zeros_like(x)
    for index, state in enumerate(hidden_states(encoder, x, batch, workers=workers)):
        if index in layers:
            own = (share for layer, share in zip(layers, shares, strict=True) if layer == index)
            total += state * sum(own)
    if weights is None:
        total /= len(layers)
    return total


def token_outputs(
    encoder: Encoder,
    texts: Ragged,
    head: Callable[[Array], Rows],
    wanted: BoolArray,
    n_threads: int | None = None,
) -> list[Rows]:
    """Apply a head to the hidden states of some tokens.

    Parameters
    ----------
    encoder : Encoder
    texts : Ragged
        Made from lists, so that positions count from 0.
    head : callable
        Maps (dim, n_tokens) to one row per token; called in several threads.
    wanted : bool ndarray of shape (n_tokens,)
    n_threads : int, default=None

    Returns
    -------
    list of arrays or of lists
        For each text the rows of its wanted tokens.
    """
    starts = np.cumsum(texts.lengths) - texts.lengths
    outputs: dict[int, Rows] = {}

    def fill(batch: PackedBatch, workers: Workers) -> None:
        keep = wanted[starts[batch.token_texts] + batch.position_ids]
        hidden = encode(encoder, batch, workers=workers)
        rows = head(np.ascontiguousarray(hidden[:, keep]))
        start = 0
        n_wanted = np.add.reduceat(keep, batch.starts, dtype=np.intp)
        for text, n_rows in zip(batch.text_indices.tolist(), n_wanted.tolist(), strict=True):
            outputs[text] = rows[start : start + n_rows]
            start += n_rows

    for_each_batch(encoder, texts, fill, n_threads)
    return [outputs[text] for text in range(len(outputs))]


def padded_hidden_states(
    encoder: Encoder, texts: Ragged, seq_len: int, n_threads: int | None = None
) -> Array:
    """Return the last hidden states, padded with zeros: (n_texts, seq_len, dim)."""
    states = np.zeros((len(texts.lengths), seq_len, encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, workers: Workers) -> None:
        hidden = encode(encoder, batch, workers=workers)
        states[batch.token_texts, batch.position_ids] = hidden.T

    for_each_batch(encoder, texts, fill, n_threads)
    return states


def padded_states(
    encoder: Encoder, texts: Ragged, seq_len: int
) -> tuple[list[Array], list[Array]]:
    """Return hidden states and attentions of every layer, padded with zeros.

    Returns
    -------
    hidden_states : list of n_layers + 1 arrays (n_texts, seq_len, dim)
    attentions : list of n_layers arrays (n_texts, n_heads, seq_len, seq_len)
    """
    n_texts, n_layers = len(texts.lengths), len(encoder.layers)
    states = list(np.zeros((n_layers + 1, n_texts, seq_len, encoder.dim), encoder.dtype))
    square = (n_layers, n_texts, encoder.n_heads, seq_len, seq_len)
    attentions = list(np.zeros(square, encoder.dtype))

    def fill(batch: PackedBatch, _: Workers) -> None:
        probabilities: list[list[Array]] = []
        x = embed_tokens(encoder.embeddings, batch)
        packed_states = hidden_states(encoder, x, batch, attentions=probabilities)
        for padded, packed in zip(states, packed_states, strict=True):
            padded[batch.token_texts, batch.position_ids] = packed.T
        for padded, groups in zip(attentions, probabilities, strict=True):
            _scatter_attentions(padded, groups, batch)

    for_each_batch(encoder, texts, fill)
    return states, attentions


def _scatter_attentions(padded: Array, groups: list[Array], batch: PackedBatch) -> None:
    """Copy (n_heads, length, length) of each text to its positions in the padded array."""
    positions = np.split(batch.position_ids, batch.starts[1:])
    by_text = (probabilities for group in groups for probabilities in group)
    for text, columns, values in zip(batch.text_indices, positions, by_text, strict=True):
        padded[text][:, columns[:, None], columns] = values
