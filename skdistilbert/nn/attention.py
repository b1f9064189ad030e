"""Scaled dot-product attention within each text of a packed batch (Vaswani et al., 2017)."""

from __future__ import annotations

import math
import threading
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.runtime import exp_in_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.tape import Mask, Tape
    from skdistilbert.nn.weights import Array

# Without a tape, at most this many scores (1 MB of float32) are computed at a time, so that they
# stay in the cache and memory does not grow with the batch.
MAX_SCORES = 2**18
# If all sums of exponentials are within these bounds, no exponential overflowed or vanished.
SAFE_SUMS = (1e-10, 1e10)


class Block(NamedTuple):
    """Views of some heads of texts of equal length, which are attended to in one product.

    The last axis of `queries`, `context` and `sums` has one entry per token, or a single entry
    if only the first token of each text attends.
    """

    queries: Array  # (n_texts, n_heads, head_dim, n_queries)
    context: Array  # (n_texts, n_heads, head_dim, n_queries)
    sums: Array  # (n_texts, n_heads, 1, n_queries): of the exponentials over the keys
    keys: Array  # (n_texts, n_heads, head_dim, n_keys)
    values: Array  # (n_texts, n_heads, head_dim, n_keys)
    key_bias: Array | None  # (n_texts, 1, n_keys, 1)
    scores_shape: tuple[int, int, int, int]  # n_texts, n_heads, n_keys, n_queries
    n_scores: int

    def split(self, max_scores: int) -> Iterator[Block]:
        """Cut by texts, and a single text by heads, to at most `max_scores` scores each."""
        n_texts, n_heads, n_keys, n_queries = self.scores_shape
        n_pairs = max(1, max_scores // (n_queries * n_keys))  # of a text and a head
        texts_per_block, heads_per_block = max(1, n_pairs // n_heads), min(n_heads, n_pairs)
        for text in range(0, n_texts, texts_per_block):
            texts = slice(text, text + texts_per_block)
            bias = None if self.key_bias is None else self.key_bias[texts]
            for head in range(0, n_heads, heads_per_block):
                part = texts, slice(head, head + heads_per_block)
                q, c, s, k, v = (array[part] for array in self[:5])
                shape = (*q.shape[:2], n_keys, n_queries)
                yield Block(q, c, s, k, v, bias, shape, math.prod(shape))


def self_attention(
    queries: Array,
    keys: Array,
    values: Array,
    groups: Sequence[Group],
    head_dim: int,
    tape: Tape | None = None,
    probabilities: list[Array] | None = None,
) -> Array:
    """Return the context of each query: (dim, n_queries).

    Parameters
    ----------
    queries : ndarray of shape (dim, n_queries)
        One column per token, or one per text if only first tokens attend. Scaled in place.
    keys, values : ndarray of shape (dim, n_tokens)
    groups : sequence of Group
    head_dim : int
    tape : Tape, default=None
        Records the input of `attention_backward`; applies dropout to the probabilities.
    probabilities : list, default=None
        Receives one array (n_texts, n_heads, n_queries, n_keys) per group.
    """
    queries *= head_dim**-0.5
    context = np.empty_like(queries)
    sums = np.empty((len(queries) // head_dim, queries.shape[1]), queries.dtype)
    blocks = blocks_of(queries, context, sums, keys, values, groups, len(sums))
    keep = tape is not None or probabilities is not None
    with np.errstate(over="ignore", invalid="ignore"):
        exponentials, mask = _attend(blocks, tape, keep=keep)
    if not _are_safe(sums):
        exponentials, mask = _attend(blocks, tape, keep=keep, subtract_largest=True)
    # The softmax is normalised after its product with the values, which has fewer entries:
    # sum_j exp(s_j) v_j / sum_j exp(s_j).
    by_head = context.reshape(len(sums), head_dim, -1)
    by_head /= sums[:, None]
    if tape is not None:
        tape.push(blocks, context, sums, exponentials, mask)
    if probabilities is not None:
        for block, scores in zip(blocks, scores_by_block(exponentials, blocks), strict=True):
            probabilities.append((scores / block.sums).swapaxes(-1, -2))
    return context


def blocks_of(
    queries: Array,
    context: Array,
    sums: Array,
    keys: Array,
    values: Array,
    groups: Sequence[Group],
    n_heads: int,
) -> list[Block]:
    """View the columns of each group as one block."""
    first_tokens_only = queries.shape[1] < keys.shape[1]
    blocks = []
    for group in groups:
        columns = group.columns
        own = group.texts if first_tokens_only else columns
        q = _heads(queries[:, own], group, n_heads)
        c = _heads(context[:, own], group, n_heads)
        s = _heads(sums[:, own], group, n_heads)
        k = _heads(keys[:, columns], group, n_heads)
        v = _heads(values[:, columns], group, n_heads)
        shape = group.n_texts, n_heads, group.length, q.shape[-1]
        blocks.append(Block(q, c, s, k, v, group.key_bias, shape, math.prod(shape)))
    return blocks


def _heads(x: Array, group: Group, n_heads: int) -> Array:
    """View (n_heads * n, n_texts * length) as (n_texts, n_heads, n, length)."""
    split = x.reshape(n_heads, -1, group.n_texts, x.shape[1] // group.n_texts)
    return split.transpose(2, 0, 1, 3)


def _attend(
    blocks: list[Block], tape: Tape | None, *, keep: bool, subtract_largest: bool = False
) -> tuple[Array, Mask | None]:
    """Fill in the sums, and the context before its division by the sums.

    Return the exponentials (n_scores,) and the dropout mask. With `keep=False`, return them for
    the last chunk only; the next call overwrites them.
    """
    for chunk, n_scores in _chunks(blocks, math.inf if keep else MAX_SCORES):
        dtype = chunk[0].queries.dtype
        scores = np.empty(n_scores, dtype) if keep else _workspace.get(n_scores, dtype)
        by_block = scores_by_block(scores, chunk)
        _exponentiate(scores, by_block, chunk, subtract_largest=subtract_largest)
        mask = None if tape is None else tape.draw_mask(scores.shape, tape.rates.attention)
        if mask is not None:
            by_block = scores_by_block(mask.apply(scores.copy()), chunk)
        for block, exponentials in zip(chunk, by_block, strict=True):
            np.matmul(block.values, exponentials, out=block.context)
    return scores, mask


def _exponentiate(
    scores: Array, by_block: list[Array], blocks: list[Block], *, subtract_largest: bool
) -> None:
    """Fill in the exponentials of the scores, and their sums over the keys.

    Subtracting the largest score of each query costs as much as the exponentials, and few models
    need it.
    """
    for block, block_scores in zip(blocks, by_block, strict=True):
        np.matmul(block.keys.swapaxes(-1, -2), block.queries, out=block_scores)
        if block.key_bias is not None:
            block_scores += block.key_bias
        if subtract_largest:
            block_scores -= np.maximum.reduce(block_scores, axis=-2, keepdims=True)
    exp_in_place(scores)
    for block, block_scores in zip(blocks, by_block, strict=True):
        np.add.reduce(block_scores, axis=-2, keepdims=True, out=block.sums)


def _chunks(blocks: list[Block], max_scores: float) -> Iterator[tuple[list[Block], int]]:
    """Yield blocks, large ones in parts, with at most `max_scores` scores, and their number."""
    total = sum(map(attrgetter("n_scores"), blocks))
    if total <= max_scores:
        yield blocks, total
        return
    chunk: list[Block] = []
    total = 0
    for block in chain.from_iterable(block.split(int(max_scores)) for block in blocks):
        if chunk and total + block.n_scores > max_scores:
            yield chunk, total
            chunk, total = [], 0
        chunk.append(block)
        total += block.n_scores
    yield chunk, total


def scores_by_block(scores: Array, blocks: Sequence[Block]) -> list[Array]:
    """View (n_scores,) as one array (n_texts, n_heads, n_keys, n_queries) per block."""
    by_block, start = [], 0
    for block in blocks:
        stop = start + block.n_scores
        by_block.append(scores[start:stop].reshape(block.scores_shape))
        start = stop
    return by_block


def _are_safe(sums: Array) -> bool:
    lowest, highest = SAFE_SUMS
    return bool(lowest < sums.min() and sums.max() < highest)


class _Workspace(threading.local):
    """Scores of each thread: allocating fresh pages would cost as much as the arithmetic."""

    scores: Array = np.empty(0, np.float32)

    def get(self, size: int, dtype: np.dtype[np.floating]) -> Array:
        if self.scores.size < size or self.scores.dtype != dtype:
            self.scores = np.empty(max(size, MAX_SCORES), dtype)
        return self.scores[:size]


_workspace = _Workspace()
