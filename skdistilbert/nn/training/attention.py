"""Scaled dot-product attention and its derivative, within each text of a packed batch.

Scores of all groups of texts stand in one array, (n_scores,), a group's as (n_texts, n_heads,
n_keys, n_queries): so short texts of many lengths take few operations.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.attention import are_safe, heads_of
from skdistilbert.nn.training.dropout import undrop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.training.dropout import Dropout, Mask
    from skdistilbert.nn.weights import Array


class AttentionTape(NamedTuple):
    """What the derivative of attention reads; lists have an array a group, as `_by_group`."""

    queries: list[Array]  # scaled
    keys: list[Array]
    values: list[Array]
    context: Array  # (dim, n_queries)
    exponentials: Array  # (n_scores,)
    sums: Array  # (n_heads, n_queries): of the exponentials, over the keys
    mask: Mask | None


def attention_forward(
    queries: Array, keys_values: Array, groups: Sequence[Group], n_heads: int, dropout: Dropout
) -> tuple[Array, AttentionTape]:
    """Attend: the context of each query, (dim, n_queries).

    There is a query for each token, or one for each text. They are scaled in place. The softmax
    is normalised after its product with the values, where there is less to divide.
    """
    queries *= (len(queries) // n_heads) ** -0.5
    context = np.empty_like(queries)
    sums = np.empty((n_heads, queries.shape[1]), queries.dtype)
    q, k, v, c, s = (
        _by_group(x, groups, n_heads) for x in (queries, *_halves(keys_values), context, sums)
    )
    exponentials = _exponentials(q, k, s, groups)
    if not are_safe(sums):
        exponentials = _exponentials(q, k, s, groups, largest_is_one=True)
    kept = exponentials if dropout.rng is None else exponentials.copy()
    mask = dropout.drop_attention(kept)
    for values, of_group, out in zip(v, _scores_by_group(kept, q, k), c, strict=True):
        np.matmul(values, of_group, out=out)
    by_head = _by_head(context, n_heads)
    by_head /= sums[:, None]
    return context, AttentionTape(q, k, v, context, exponentials, sums, mask)


def _exponentials(
    q: list[Array],
    k: list[Array],
    s: list[Array],
    groups: Sequence[Group],
    *,
    largest_is_one: bool = False,
) -> Array:
    """Exponentials of the scores, (n_scores,); their sums over the keys are put in `s`.

    As in inference, the largest score is taken from the others only where the sums need it.
    """
    n_scores = sum(sums.size * keys.shape[-1] for sums, keys in zip(s, k, strict=True))
    scores = np.empty(n_scores, q[0].dtype)
    by_group = _scores_by_group(scores, q, k)
    for queries, keys, group, of_group in zip(q, k, groups, by_group, strict=True):
        np.matmul(keys.swapaxes(-1, -2), queries, out=of_group)
        if group.key_bias is not None:
            of_group += group.key_bias
        if largest_is_one:
            of_group -= np.maximum.reduce(of_group, axis=-2, keepdims=True)
    with np.errstate(over="ignore"):
        np.exp(scores, out=scores)
        for of_group, sums in zip(by_group, s, strict=True):
            np.add.reduce(of_group, axis=-2, keepdims=True, out=sums)
    return scores


def attention_backward(
    d_context: Array,
    tape: AttentionTape,
    groups: Sequence[Group],
    n_heads: int,
    d_queries: Array,
    d_keys_values: Array,
) -> None:
    """Fill in the derivatives with respect to the queries, and to the keys and values stacked.

    Overwrites `d_context`.
    """
    q, k, v, context, exponentials, sums, mask = tape
    d_by_head = _by_head(d_context, n_heads)
    d_by_head /= sums[:, None]
    # sum_j dP_ij P_ij, the part of the derivative that softmax takes away, is dC_i . C_i.
    taken_away = np.einsum("hdn,hdn->hn", d_by_head, _by_head(context, n_heads))
    d_q, d_c, t, d_k, d_v = (
        _by_group(x, groups, n_heads)
        for x in (d_queries, d_context, taken_away, *_halves(d_keys_values))
    )
    kept = exponentials if mask is None else mask.apply(exponentials.copy())
    d_scores = np.empty_like(exponentials)  # of the exponentials, to begin with
    by_group = _scores_by_group(d_scores, q, k)
    for i, of_group in enumerate(_scores_by_group(kept, q, k)):
        np.matmul(v[i].swapaxes(-1, -2), d_c[i], out=by_group[i])
        np.matmul(d_c[i], of_group.swapaxes(-1, -2), out=d_v[i])
    undrop(d_scores, mask)
    for of_group, of_queries in zip(by_group, t, strict=True):
        of_group -= of_queries
    d_scores *= exponentials
    for i, of_group in enumerate(by_group):
        np.matmul(k[i], of_group, out=d_q[i])
        np.matmul(q[i], of_group.swapaxes(-1, -2), out=d_k[i])
    d_queries *= (len(d_queries) // n_heads) ** -0.5


def _halves(keys_values: Array) -> tuple[Array, Array]:
    dim = len(keys_values) // 2
    return keys_values[:dim], keys_values[dim:]


def _by_head(x: Array, n_heads: int) -> Array:
    """View (dim, n_columns) as (n_heads, head_dim, n_columns)."""
    return x.reshape(n_heads, -1, x.shape[1])


def _by_group(x: Array, groups: Sequence[Group], n_heads: int) -> list[Array]:
    """View each group's columns as (n_texts, n_heads, len(x) / n_heads, length).

    An array has a column a token, or, for queries of first tokens alone, a column a text.
    """
    if x.shape[1] == groups[-1].columns.stop:
        return [heads_of(x[:, group.columns], group, n_heads) for group in groups]
    stops = accumulate(group.n_texts for group in groups)
    return [
        heads_of(x[:, stop - group.n_texts : stop], group, n_heads)
        for group, stop in zip(groups, stops, strict=True)
    ]


def _scores_by_group(scores: Array, q: list[Array], k: list[Array]) -> list[Array]:
    """View a row of all scores as (n_texts, n_heads, n_keys, n_queries), group by group."""
    by_group, start = [], 0
    for queries, keys in zip(q, k, strict=True):
        shape = (*keys.shape[:2], keys.shape[-1], queries.shape[-1])
        stop = start + math.prod(shape)
        by_group.append(scores[start:stop].reshape(shape))
        start = stop
    return by_group
