"""Scaled dot-product attention and its derivative, within each text of a packed batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.attention import heads_of
from skdistilbert.nn.training.dropout import undrop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.training.dropout import Dropout, Mask
    from skdistilbert.nn.weights import Array


class GroupTape(NamedTuple):
    """The attention within texts of equal length, (n_texts, n_heads, n_keys, n_queries)."""

    probabilities: Array
    mask: Mask | None


class AttentionTape(NamedTuple):
    """What the derivative of attention reads."""

    queries: Array  # (dim, n_queries), scaled
    keys_values: Array  # (2 * dim, n_tokens)
    context: Array  # (dim, n_queries)
    groups: list[GroupTape]


def attention_forward(
    queries: Array, keys_values: Array, groups: Sequence[Group], n_heads: int, dropout: Dropout
) -> tuple[Array, AttentionTape]:
    """Attend: the context of each query, (dim, n_queries).

    There is a query for each token, or one for each text. They are scaled in place.
    """
    queries *= (len(queries) // n_heads) ** -0.5
    context = np.empty_like(queries)
    tapes = []
    split = _by_group(groups, n_heads, queries, context, *np.split(keys_values, 2))
    for group, (q, c, k, v) in zip(groups, split, strict=True):
        probabilities = k.swapaxes(-1, -2) @ q  # (n_texts, n_heads, n_keys, n_queries)
        if group.key_bias is not None:
            probabilities += group.key_bias
        _softmax_over_keys(probabilities)
        kept = probabilities if dropout.rng is None else probabilities.copy()
        tapes.append(GroupTape(probabilities, dropout.drop_attention(kept)))
        np.matmul(v, kept, out=c)
    return context, AttentionTape(queries, keys_values, context, tapes)


def attention_backward(
    d_context: Array,
    tape: AttentionTape,
    groups: Sequence[Group],
    n_heads: int,
    d_queries: Array,
    d_keys_values: Array,
) -> None:
    """Fill in the derivatives with respect to the queries, and to the keys and values stacked."""
    # sum_j dP_ij P_ij, the part of the derivative that softmax takes away, is dC_i . C_i.
    products = d_context * tape.context
    arrays = (d_context, tape.queries, products, d_queries)
    halves = (*np.split(tape.keys_values, 2), *np.split(d_keys_values, 2))
    split = _by_group(groups, n_heads, *arrays, *halves)
    for (d_c, q, product, d_q, k, v, d_k, d_v), of_group in zip(split, tape.groups, strict=True):
        probabilities, mask = of_group
        d_scores = v.swapaxes(-1, -2) @ d_c  # of the probabilities, to begin with
        kept = probabilities if mask is None else mask.apply(probabilities.copy())
        np.matmul(d_c, kept.swapaxes(-1, -2), out=d_v)
        undrop(d_scores, mask)
        d_scores -= np.add.reduce(product, axis=-2, keepdims=True)
        d_scores *= probabilities
        np.matmul(k, d_scores, out=d_q)
        np.matmul(q, d_scores.swapaxes(-1, -2), out=d_k)
    d_queries *= (len(d_queries) // n_heads) ** -0.5


def _softmax_over_keys(scores: Array) -> None:
    scores -= np.maximum.reduce(scores, axis=-2, keepdims=True)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores, axis=-2, keepdims=True)


def _by_group(groups: Sequence[Group], n_heads: int, *arrays: Array) -> Iterator[list[Array]]:
    """View each group's columns as (n_texts, n_heads, head_dim, length).

    An array has a column a token, or, for queries of first tokens alone, a column a text.
    """
    n_tokens = groups[-1].columns.stop
    text = 0
    for group in groups:
        texts = slice(text, text + group.n_texts)
        text = texts.stop
        yield [
            heads_of(x[:, group.columns if x.shape[1] == n_tokens else texts], group, n_heads)
            for x in arrays
        ]
