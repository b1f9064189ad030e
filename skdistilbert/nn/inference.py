"""Running the encoder over any number of texts: packed batches, shared out among threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from skdistilbert.nn.encoder import Trace, encode, encode_first_tokens, encode_mean_of_layers
from skdistilbert.nn.pooling import pool_each
from skdistilbert.nn.runtime import for_each, resolve_n_threads, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdistilbert.nn.packing import BoolArray, PackedBatch, Ragged
    from skdistilbert.nn.pooling import Pooling, Windows
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.weights import Array, Encoder

# A row a token.
Rows = TypeVar("Rows", "Array", "list[Any]")

# Numbers in the hidden states of a batch: 1,024 tokens of the usual width. Those of larger batches
# leave the cache; in smaller ones each call of NumPy has less to do.
MAX_STATES = 1024 * 768
# Below so many multiplications a second thread costs more than it brings: to wake it takes as long
# as some ten million, and threads of small arrays wait for the interpreter's lock.
MIN_WORK_A_THREAD = 80_000_000


def for_each_batch(
    encoder: Encoder,
    texts: Ragged,
    function: Callable[[PackedBatch, Workers], None],
    n_threads: int | None = None,
) -> None:
    """Call `function` on packed batches of all texts, on `n_threads` threads."""
    n_tokens = int(texts.lengths.sum())
    work = n_tokens * encoder.multiplications_a_token + _work_of_attention(encoder, texts)
    n_threads = resolve_n_threads(n_threads)
    warm_up(n_threads)
    n_threads = max(1, min(n_threads, work // MIN_WORK_A_THREAD))
    for_each(function, texts.batches(n_batches(encoder, n_tokens, n_threads)), n_threads)


def n_batches(encoder: Encoder, n_tokens: int, n_threads: int = 1) -> int:
    """Count the batches to pack: as many for each thread, none of much more than MAX_STATES."""
    max_tokens = max(1, MAX_STATES // encoder.dim)
    return n_threads * -(-n_tokens // (n_threads * max_tokens))


def _work_of_attention(encoder: Encoder, texts: Ragged) -> int:
    """Count multiplications of the scores and of the values."""
    n_scores = int(np.square(texts.lengths).sum())
    return 2 * n_scores * encoder.dim * len(encoder.layers)


def pooled_features(
    encoder: Encoder,
    texts: Ragged,
    pooling: Pooling | Sequence[Pooling],
    n_threads: int | None = None,
    *,
    layers: Sequence[int] | None = None,
    n_skipped: int = 0,
    windows: Windows | None = None,
) -> Array:
    """Pooled hidden states, in the order of the texts: (n_texts, n_poolings * dim).

    Those of the last layer, or the mean of those after `layers`, 0 being the embeddings; layers
    above are not computed. The first `n_skipped` tokens of each text are not pooled, unless there
    are no others. Texts that are windows are pooled over the tokens that they count for. Of equal
    texts one is encoded.
    """
    if windows is None:
        texts, kept_as = texts.distinct()
    poolings = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    layers = (len(encoder.layers),) if layers is None else tuple(layers)
    encoder = encoder.up_to(max(layers))
    only_first_tokens = set(poolings) == {"cls"} and len(layers) == 1 and not n_skipped
    features = np.zeros((len(texts.lengths), len(poolings), encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, workers: Workers) -> None:
        if only_first_tokens:
            features[batch.text_indices] = encode_first_tokens(encoder, batch, workers).T[:, None]
            return
        if len(layers) == 1:
            hidden = encode(encoder, batch, workers=workers)
        else:
            hidden = encode_mean_of_layers(encoder, batch, layers, workers)
        for index, vectors in enumerate(pool_each(hidden, batch, poolings, n_skipped, windows)):
            features[batch.text_indices, index] = vectors

    for_each_batch(encoder, texts, fill, n_threads)
    vectors = features.reshape(len(features), len(poolings) * encoder.dim)
    return vectors if windows is not None else vectors[kept_as]


def token_outputs(
    encoder: Encoder,
    texts: Ragged,
    head: Callable[[Array], Rows],
    wanted: BoolArray,
    n_threads: int | None = None,
) -> list[Rows]:
    """Give what a head makes of the wanted tokens, and of no others.

    Parameters
    ----------
    encoder, n_threads
    texts : Ragged
        Made from lists, so that positions count from 0.
    head : callable
        (dim, n_tokens) -> a row a token; called in several threads.
    wanted : bool ndarray of shape (n_tokens,)

    Returns
    -------
    list of arrays or of lists
        One a text, in the order of the texts: the rows of its wanted tokens, in their order.
    """
    starts = np.cumsum(texts.lengths) - texts.lengths
    outputs: dict[int, Rows] = {}

    def fill(batch: PackedBatch, workers: Workers) -> None:
        keep = wanted[starts[batch.token_texts] + batch.position_ids]
        rows = head(np.ascontiguousarray(encode(encoder, batch, workers=workers)[:, keep]))
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
    """Last hidden states at their positions, zeros elsewhere: (n_texts, seq_len, dim)."""
    hidden_states = np.zeros((len(texts.lengths), seq_len, encoder.dim), encoder.dtype)

    def fill(batch: PackedBatch, workers: Workers) -> None:
        hidden_states[batch.token_texts, batch.position_ids] = encode(
            encoder, batch, workers=workers
        ).T

    for_each_batch(encoder, texts, fill, n_threads)
    return hidden_states


def padded_states(
    encoder: Encoder, texts: Ragged, seq_len: int
) -> tuple[list[Array], list[Array]]:
    """Hidden states and attentions of every layer, padded with zeros.

    Returns
    -------
    hidden_states : list of n_layers + 1 arrays (n_texts, seq_len, dim)
    attentions : list of n_layers arrays (n_texts, n_heads, seq_len, seq_len)
    """
    n_texts, n_layers = len(texts.lengths), len(encoder.layers)
    hidden_states = list(np.zeros((n_layers + 1, n_texts, seq_len, encoder.dim), encoder.dtype))
    square = (n_layers, n_texts, encoder.n_heads, seq_len, seq_len)
    attentions = list(np.zeros(square, encoder.dtype))

    def fill(batch: PackedBatch, workers: Workers) -> None:
        trace = Trace()
        encode(encoder, batch, trace, workers)
        for padded, packed in zip(hidden_states, trace.hidden_states, strict=True):
            padded[batch.token_texts, batch.position_ids] = packed.T
        for padded, groups in zip(attentions, trace.attentions, strict=True):
            _scatter_attentions(padded, groups, batch)

    for_each_batch(encoder, texts, fill)
    return hidden_states, attentions


def _scatter_attentions(padded: Array, groups: list[Array], batch: PackedBatch) -> None:
    positions = np.split(batch.position_ids, batch.starts[1:])
    probabilities = (of_text for group in groups for of_text in group)  # (heads, len, len) each
    for text, columns, values in zip(batch.text_indices, positions, probabilities, strict=True):
        padded[text][:, columns[:, None], columns] = values
