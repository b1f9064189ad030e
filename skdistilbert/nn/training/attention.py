"""Scaled dot-product attention and its derivative, within each text of a packed batch.

Scores of all groups of texts stand in one array, (n_scores,), a group's as (n_texts, n_heads,
n_keys, n_queries): so short texts of many lengths take few operations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.attention import heads_of
from skdistilbert.nn.training.dropout import undrop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.training.dropout import Dropout, Mask
    from skdistilbert.nn.weights import Array


class AttentionTape(NamedTuple):
    """What the derivative of attention reads."""

    queries: Array  # (dim, n_queries), scaled
    keys_values: Array  # (2 * dim, n_tokens)
    context: Array  # (dim, n_queries)
    probabilities: Array  # (n_scores,)
    mask: Mask | None


def attention_forward(
    queries: Array, keys_values: Array, groups: Sequence[Group], n_heads: int, dropout: Dropout
) -> tuple[Array, AttentionTape]:
    """Attend: the context of each query, (dim, n_queries).

    There is a query for each token, or one for each text. They are scaled in place.
    """
    queries *= (len(queries) // n_heads) ** -0.5
    context = np.empty_like(queries)
    q, k, v, c = (
        _by_group(x, groups, n_heads) for x in (queries, *np.split(keys_values, 2), context)
    )
    probabilities = _probabilities(q, k, groups)
    kept = probabilities if dropout.rng is None else probabilities.copy()
    mask = dropout.drop_attention(kept)
    for values, of_group, out in zip(v, _scores_by_group(kept, q, k), c, strict=True):
        np.matmul(values, of_group, out=out)
    return context, AttentionTape(queries, keys_values, context, probabilities, mask)


def _probabilities(q: list[Array], k: list[Array], groups: Sequence[Group]) -> Array:
    """Softmax of the scores over the keys: (n_scores,)."""
    scores = np.empty(sum(map(math.prod, _shapes(q, k))), q[0].dtype)
    by_group = _scores_by_group(scores, q, k)
    for queries, keys, group, of_group in zip(q, k, groups, by_group, strict=True):
        np.matmul(keys.swapaxes(-1, -2), queries, out=of_group)
        if group.key_bias is not None:
            of_group += group.key_bias
        of_group -= np.maximum.reduce(of_group, axis=-2, keepdims=True)
    np.exp(scores, out=scores)
    for of_group in by_group:
        of_group /= np.add.reduce(of_group, axis=-2, keepdims=True)
    return scores


def attention_backward(
    d_context: Array,
    tape: AttentionTape,
    groups: Sequence[Group],
    n_heads: int,
    d_queries: Array,
    d_keys_values: Array,
) -> None:
    """Fill in the derivatives with respect to the queries, and to the keys and values stacked."""
    queries, keys_values, context, probabilities, mask = tape
    halves = (*np.split(keys_values, 2), *np.split(d_keys_values, 2))
    q, d_q, d_c, k, v, d_k, d_v = (
        _by_group(x, groups, n_heads) for x in (queries, d_queries, d_context, *halves)
    )
    kept = probabilities if mask is None else mask.apply(probabilities.copy())
    d_scores = np.empty_like(probabilities)  # of the probabilities, to begin with
    by_group = _scores_by_group(d_scores, q, k)
    for i, of_group in enumerate(_scores_by_group(kept, q, k)):
        np.matmul(v[i].swapaxes(-1, -2), d_c[i], out=by_group[i])
        np.matmul(d_c[i], of_group.swapaxes(-1, -2), out=d_v[i])
    undrop(d_scores, mask)
    # sum_j dP_ij P_ij, the part of the derivative that softmax takes away, is dC_i . C_i.
    for of_group, products in zip(
        by_group, _by_group(d_context * context, groups, n_heads), strict=True
    ):
        of_group -= np.add.reduce(products, axis=-2, keepdims=True)
    d_scores *= probabilities
    for i, of_group in enumerate(by_group):
        np.matmul(k[i], of_group, out=d_q[i])
        np.matmul(q[i], of_group.swapaxes(-1, -2), out=d_k[i])
    d_queries *= (len(d_queries) // n_heads) ** -0.5


def _by_group(x: Array, groups: Sequence[Group], n_heads: int) -> list[Array]:
    """View each group's columns as (n_texts, n_heads, head_dim, length).

    An array has a column a token, or, for queries of first tokens alone, a column a text.
    """
    if x.shape[1] == groups[-1].columns.stop:
        return [heads_of(x[:, group.columns], group, n_heads) for group in groups]
    stops = np.cumsum([group.n_texts for group in groups])
    columns = np.split(x, stops[:-1], axis=1)
    return [heads_of(y, group, n_heads) for y, group in zip(columns, groups, strict=True)]


def _shapes(q: list[Array], k: list[Array]) -> list[tuple[int, ...]]:
    """Give the shape of each group's scores."""
    return [
        (*keys.shape[:2], keys.shape[-1], queries.shape[-1])
        for queries, keys in zip(q, k, strict=True)
    ]


def _scores_by_group(scores: Array, q: list[Array], k: list[Array]) -> list[Array]:
    shapes = _shapes(q, k)
    stops = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = np.split(scores, stops[:-1])
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
