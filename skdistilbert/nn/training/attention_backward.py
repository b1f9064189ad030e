"""The backward pass of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.attention import blocks_of, scores_by_block

if TYPE_CHECKING:
    from skdistilbert.nn.packing import Group
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array


def attention_backward(
    d_context: Array,
    groups: list[Group],
    n_heads: int,
    tape: Tape,
    d_queries: Array,
    d_keys: Array,
    d_values: Array,
) -> None:
    """Differentiate `self_attention`.

    Parameters
    ----------
    d_context : ndarray of shape (dim, n_queries)
        Overwritten.
    groups, n_heads, tape
    d_queries : ndarray of shape (dim, n_queries)
        Filled in.
    d_keys, d_values : ndarray of shape (dim, n_tokens)
        Filled in.
    """
    blocks, context, sums, exponentials, mask = tape.pop()
    by_head = (n_heads, -1, d_context.shape[1])
    d_by_head = d_context.reshape(by_head)
    d_by_head /= sums[:, None]
    # Softmax subtracts sum_j dP_ij P_ij from the derivative, which is dC_i . C_i.
    subtracted = np.einsum("hdn,hdn->hn", d_by_head, context.reshape(by_head))
    d_blocks = blocks_of(d_queries, d_context, subtracted, d_keys, d_values, groups, n_heads)
    dropped = exponentials if mask is None else mask.apply(exponentials.copy())
    d_scores = np.empty_like(exponentials)  # first of the exponentials after dropout
    d_scores_by_block = scores_by_block(d_scores, blocks)
    for block, d_block, d_exp, exp in zip(
        blocks, d_blocks, d_scores_by_block, scores_by_block(dropped, blocks), strict=True
    ):
        np.matmul(block.values.swapaxes(-1, -2), d_block.context, out=d_exp)
        np.matmul(d_block.context, exp.swapaxes(-1, -2), out=d_block.values)
    if mask is not None:
        mask.apply(d_scores)
    for d_block, d_exp in zip(d_blocks, d_scores_by_block, strict=True):
        d_exp -= d_block.sums
    d_scores *= exponentials
    for block, d_block, d_score in zip(blocks, d_blocks, d_scores_by_block, strict=True):
        np.matmul(block.keys, d_score, out=d_block.queries)
        np.matmul(block.queries, d_score.swapaxes(-1, -2), out=d_block.keys)
    d_queries *= (len(d_queries) // n_heads) ** -0.5
