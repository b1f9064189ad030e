"""Scaled dot-product attention within each text of a packed batch (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.functional import softmax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.weights import Array

# Scores of this many float32 (2 MB) are in work at a time, whatever the batch and its lengths.
MAX_SCORES = 2**19


def self_attention(
    qkv: Array,
    groups: Sequence[Group],
    n_heads: int,
    attentions: list[Array] | None = None,
) -> Array:
    """Attend: queries, keys, values (3 * dim, n_tokens) -> context (dim, n_tokens).

    With a list for `attentions`, the probabilities of each group are appended to it as
    (n_texts, n_heads, length, length), a row a query. The queries are scaled in place.
    """
    queries, keys, values = np.split(qkv, 3)
    queries *= (len(queries) // n_heads) ** -0.5
    context = np.empty(queries.shape, queries.dtype)
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
        texts = part[0]
        scores = k[texts].swapaxes(-1, -2) @ q[part]  # (n_texts, n_heads, n_keys, n_queries)
        if key_bias is not None:
            scores += key_bias[texts]
        scores -= np.maximum.reduce(scores, axis=-2, keepdims=True)
        np.exp(scores, out=scores)
        np.matmul(v[texts], scores, out=context[part])
        context[part] /= np.add.reduce(scores, axis=-2, keepdims=True)


def _parts(shape: tuple[int, ...], n_keys: int) -> Iterator[tuple[slice, slice, slice, slice]]:
    """Cut (n_texts, n_heads, head_dim, n_queries) by texts, then by queries, to MAX_SCORES."""
    n_texts, n_heads, _, n_queries = shape
    texts_a_part = max(1, MAX_SCORES // (n_heads * n_queries * n_keys))
    queries_a_part = max(1, MAX_SCORES // (n_heads * n_keys * min(texts_a_part, n_texts)))
    everything = slice(None)
    for text in range(0, n_texts, texts_a_part):
        for query in range(0, n_queries, queries_a_part):
            texts = slice(text, text + texts_a_part)
            yield texts, everything, everything, slice(query, query + queries_a_part)


def _attend_keeping_probabilities(
    q: Array, k: Array, v: Array, context: Array, key_bias: Array | None
) -> Array:
    scores = q.swapaxes(-1, -2) @ k  # (n_texts, n_heads, n_queries, n_keys)
    if key_bias is not None:
        scores += key_bias.swapaxes(-1, -2)
    probabilities = softmax(scores)
    np.matmul(v, probabilities.swapaxes(-1, -2), out=context)
    return probabilities
