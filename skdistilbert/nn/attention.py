"""Scaled dot-product attention within each text of a packed batch (Vaswani et al., 2017)."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.functional import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.weights import Array

# Scores of this many float32 (1 MB) are in work at a time, whatever the batch and its lengths.
MAX_SCORES = 2**18
# Sums of exponentials within these bounds, of scores up to 23, were not spoilt by their size.
SAFE_SUMS = (1e-10, 1e10)


def self_attention(
    qkv: Array,
    groups: Sequence[Group],
    head_dim: int,
    attentions: list[Array] | None = None,
) -> Array:
    """Attend: queries, keys, values (3 * dim, n_tokens) -> context (dim, n_tokens).

    With a list for `attentions`, the probabilities of each group are appended to it as
    (n_texts, n_heads, length, length), a row a query. The queries are scaled in place.
    """
    queries, keys, values = qkv.reshape(3, -1, qkv.shape[-1])
    queries *= head_dim**-0.5
    context = np.empty(queries.shape, queries.dtype)
    n_heads = len(queries) // head_dim
    for group in groups:
        q, k, v, c = (
            heads_of(x[:, group.columns], group, n_heads) for x in (queries, keys, values, context)
        )
        if attentions is None:
            attend(q, k, v, c, group.key_bias)
        else:
            attentions.append(_attend_keeping_probabilities(q, k, v, c, group.key_bias))
    return context


def heads_of(x: Array, group: Group, n_heads: int) -> Array:
    """View (dim, n_texts * length) as (n_texts, n_heads, head_dim, length)."""
    split = x.reshape(n_heads, -1, group.n_texts, x.shape[1] // group.n_texts)
    return split.transpose(2, 0, 1, 3)


def attend(q: Array, k: Array, v: Array, context: Array, key_bias: Array | None = None) -> None:
    """Fill `context` for q, k, v of shape (n_texts, n_heads, head_dim, length).

    The softmax is normalised after its product with the values, where there is less to divide:
    sum_j exp(s_j) v_j / sum_j exp(s_j).
    """
    for part in _parts(q.shape, k.shape[-1]):
        bias = None if key_bias is None else key_bias[part[0]]
        exponentials, sums = _exponentials(k[part], q[part], bias)
        np.matmul(v[part], exponentials, out=context[part])
        context[part] /= sums


def _exponentials(k: Array, q: Array, key_bias: Array | None) -> tuple[Array, Array]:
    """Exponentials of the scores (n_texts, n_heads, n_keys, n_queries), and their sums over keys.

    To take the largest score from all costs as much time as the exponentials, and few models
    need it: it is done where the sums show that it was missing.
    """
    scores = _scores(k, q, key_bias)
    with np.errstate(over="ignore"):
        np.exp(scores, out=scores)
        sums = np.add.reduce(scores, axis=-2, keepdims=True)
    if not are_safe(sums):
        scores = _scores(k, q, key_bias)
        scores -= np.maximum.reduce(scores, axis=-2, keepdims=True)
        np.exp(scores, out=scores)
        sums = np.add.reduce(scores, axis=-2, keepdims=True)
    return scores, sums


def are_safe(sums: Array) -> bool:
    """Tell whether no exponential in some sums was spoilt by its size."""
    lowest, highest = SAFE_SUMS
    return bool(lowest < sums.min() and sums.max() < highest)


class _Workspace(threading.local):
    """Memory that each thread keeps: fresh pages would cost as much as the arithmetic."""

    scores: Array = np.empty(0, np.float32)

    def for_scores(self, shape: tuple[int, ...], dtype: np.dtype[np.floating]) -> Array:
        size = math.prod(shape)
        if self.scores.size < size or self.scores.dtype != dtype:
            self.scores = np.empty(max(size, MAX_SCORES), dtype)
        return self.scores[:size].reshape(shape)


_workspace = _Workspace()


def _scores(k: Array, q: Array, key_bias: Array | None) -> Array:
    """Scaled scores in this thread's workspace: (n_texts, n_heads, n_keys, n_queries)."""
    shape = (*k.shape[:2], k.shape[-1], q.shape[-1])
    scores = np.matmul(k.swapaxes(-1, -2), q, out=_workspace.for_scores(shape, q.dtype))
    if key_bias is not None:
        scores += key_bias
    return scores


def _parts(shape: tuple[int, ...], n_keys: int) -> Iterator[tuple[slice, slice]]:
    """Cut (n_texts, n_heads, head_dim, n_queries) by texts, then by heads, to MAX_SCORES."""
    n_texts, n_heads, _, n_queries = shape
    heads_at_a_time = max(1, MAX_SCORES // (n_queries * n_keys))
    texts_a_part = max(1, heads_at_a_time // n_heads)
    heads_a_part = min(n_heads, heads_at_a_time)
    for text in range(0, n_texts, texts_a_part):
        for head in range(0, n_heads, heads_a_part):
            yield slice(text, text + texts_a_part), slice(head, head + heads_a_part)


def _attend_keeping_probabilities(
    q: Array, k: Array, v: Array, context: Array, key_bias: Array | None
) -> Array:
    scores = q.swapaxes(-1, -2) @ k  # (n_texts, n_heads, n_queries, n_keys)
    if key_bias is not None:
        scores += key_bias.swapaxes(-1, -2)
    probabilities = softmax(scores)
    np.matmul(v, probabilities.swapaxes(-1, -2), out=context)
    return probabilities
