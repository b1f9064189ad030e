"""A transformer layer and the embeddings, with their derivatives, on a packed batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.functional import linear
from skdistilbert.nn.training.activations import ACTIVATIONS_AND_DERIVATIVES
from skdistilbert.nn.training.attention import (
    AttentionTape,
    attention_backward,
    attention_forward,
)
from skdistilbert.nn.training.dropout import undrop
from skdistilbert.nn.training.functional import (
    LayerNormTape,
    LinearGradient,
    layer_norm_backward,
    layer_norm_forward,
    linear_backward,
)
from skdistilbert.nn.weights import Embeddings, Layer, Linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.packing import Group, IntArray, PackedBatch
    from skdistilbert.nn.training.dropout import Dropout, Mask
    from skdistilbert.nn.weights import Activation, Array, LayerNorm


@dataclass(frozen=True, slots=True)
class RowGradient:
    """The gradient of a table in the rows that were looked up; it is zero elsewhere."""

    rows: IntArray  # (n_rows,), ascending
    values: Array  # (n_rows, dim)

    @classmethod
    def summed(cls, rows: IntArray, values: Array) -> RowGradient:
        """Sum the values of equal rows, in their order."""
        order = np.argsort(rows, kind="stable")
        unique, first = np.unique(rows[order], return_index=True)
        return cls(unique, np.add.reduceat(values[order], first, axis=0))

    @classmethod
    def joined(cls, gradients: Sequence[RowGradient]) -> RowGradient:
        """Sum the gradients of pieces of a batch, in their order."""
        rows = np.concatenate([gradient.rows for gradient in gradients])
        return cls.summed(rows, np.concatenate([gradient.values for gradient in gradients]))


@dataclass(frozen=True, slots=True)
class EmbeddingsGradient:
    """The gradient of `Embeddings`."""

    word_embeddings: RowGradient
    position_embeddings: RowGradient
    layer_norm: LayerNorm


@dataclass(frozen=True, slots=True)
class EmbeddingsTape:
    """What the derivative of the embeddings reads."""

    normalisation: LayerNormTape
    mask: Mask | None


def embeddings_forward(
    weights: Embeddings, batch: PackedBatch, dropout: Dropout
) -> tuple[Array, EmbeddingsTape]:
    """Normalised sum of word and position embeddings: (dim, n_tokens)."""
    x = weights.word_embeddings[batch.input_ids]  # (n_tokens, dim)
    x += weights.position_embeddings[batch.position_ids]
    out, tape = layer_norm_forward(np.ascontiguousarray(x.T), weights.layer_norm)
    return out, EmbeddingsTape(tape, dropout.drop_hidden(out))


def embeddings_backward(
    d_out: Array, tape: EmbeddingsTape, weights: Embeddings, batch: PackedBatch
) -> EmbeddingsGradient:
    """Differentiate with respect to the rows looked up and to the normalisation."""
    undrop(d_out, tape.mask)
    d_x, d_norm = layer_norm_backward(d_out, tape.normalisation, weights.layer_norm)
    values = np.ascontiguousarray(d_x.T)  # (n_tokens, dim)
    return EmbeddingsGradient(
        RowGradient.summed(batch.input_ids, values),
        RowGradient.summed(batch.position_ids, values),
        d_norm,
    )


@dataclass(frozen=True, slots=True)
class LayerGradient:
    """The gradient of `Layer`."""

    qkv_lin: LinearGradient | Linear
    out_lin: LinearGradient
    sa_layer_norm: LayerNorm
    lin1: LinearGradient
    lin2: LinearGradient
    output_layer_norm: LayerNorm


@dataclass(frozen=True, slots=True)
class LayerTape:
    """What the derivative of a transformer layer reads."""

    x: Array  # (dim, n_tokens)
    columns: IntArray | None  # those that go on, if not all do
    attention: AttentionTape
    sa_normalisation: LayerNormTape
    feed_forward: FeedForwardTape


@dataclass(frozen=True, slots=True)
class FeedForwardTape:
    """What the derivative of the feed-forward half reads."""

    x: Array  # (dim, n_tokens)
    inner: Array  # (hidden_dim, n_tokens), activated
    activation_derivative: Array  # (hidden_dim, n_tokens)
    mask: Mask | None
    normalisation: LayerNormTape


def layer_forward(
    x: Array,
    layer: Layer,
    groups: list[Group],
    n_heads: int,
    activation: Activation,
    dropout: Dropout,
    columns: IntArray | None = None,
) -> tuple[Array, LayerTape]:
    """Self-attention and feed-forward, each added to its input and normalised.

    All tokens are attended to; with `columns`, those of the first tokens, these alone go on, and
    the result is (dim, n_texts).
    """
    if columns is None:
        going_on = x
        queries, keys_values = _split(linear(x, layer.qkv_lin))
    else:
        going_on = np.ascontiguousarray(x[:, columns])
        q_lin, kv_lin = _split_qkv(layer.qkv_lin)
        queries, keys_values = linear(going_on, q_lin), linear(x, kv_lin)
    context, attention = attention_forward(queries, keys_values, groups, n_heads, dropout)
    attended = linear(context, layer.out_lin)
    attended += going_on
    h, sa_normalisation = layer_norm_forward(attended, layer.sa_layer_norm)
    out, feed_forward = _feed_forward_forward(h, layer, activation, dropout)
    return out, LayerTape(x, columns, attention, sa_normalisation, feed_forward)


def layer_backward(
    d_out: Array, tape: LayerTape, layer: Layer, groups: list[Group], n_heads: int
) -> tuple[Array, LayerGradient]:
    """Give the derivatives with respect to the layer's input and to its weights."""
    d_h, d_lin1, d_lin2, d_output_norm = _feed_forward_backward(d_out, tape.feed_forward, layer)
    d_attended, d_sa_norm = layer_norm_backward(d_h, tape.sa_normalisation, layer.sa_layer_norm)
    d_context, d_out_lin = linear_backward(d_attended, tape.attention.context, layer.out_lin)
    d_qkv_lin: LinearGradient | Linear
    if tape.columns is None:
        d_qkv = np.empty((len(layer.qkv_lin.bias), tape.x.shape[1]), tape.x.dtype)
        attention_backward(d_context, tape.attention, groups, n_heads, *_split(d_qkv))
        d_x, d_qkv_lin = linear_backward(d_qkv, tape.x, layer.qkv_lin)
        d_x += d_attended
    else:
        d_q = np.empty_like(d_context)
        d_kv = np.empty((2 * len(d_q), tape.x.shape[1]), d_q.dtype)
        attention_backward(d_context, tape.attention, groups, n_heads, d_q, d_kv)
        q_lin, kv_lin = _split_qkv(layer.qkv_lin)
        d_going_on, d_q_lin = linear_backward(d_q, tape.x[:, tape.columns], q_lin)
        d_x, d_kv_lin = linear_backward(d_kv, tape.x, kv_lin)
        d_x[:, tape.columns] += d_going_on + d_attended
        d_qkv_lin = Linear.stacked(d_q_lin.arrays(), d_kv_lin.arrays())
    return d_x, LayerGradient(d_qkv_lin, d_out_lin, d_sa_norm, d_lin1, d_lin2, d_output_norm)


def _split(qkv: Array) -> tuple[Array, Array]:
    """View queries, and keys and values, of what has the rows of all three."""
    dim = len(qkv) // 3
    return qkv[:dim], qkv[dim:]


def _split_qkv(qkv_lin: Linear) -> tuple[Linear, Linear]:
    """View the map to the queries, and the one to the keys and values."""
    weights, biases = _split(qkv_lin.weight), _split(qkv_lin.bias)
    q_lin, kv_lin = map(Linear, weights, biases)
    return q_lin, kv_lin


def _feed_forward_forward(
    x: Array, layer: Layer, activation: Activation, dropout: Dropout
) -> tuple[Array, FeedForwardTape]:
    inner = linear(x, layer.lin1)
    derivative = ACTIVATIONS_AND_DERIVATIVES[activation](inner)
    out = linear(inner, layer.lin2)
    mask = dropout.drop_hidden(out)
    out += x
    out, normalisation = layer_norm_forward(out, layer.output_layer_norm)
    return out, FeedForwardTape(x, inner, derivative, mask, normalisation)


def _feed_forward_backward(
    d_out: Array, tape: FeedForwardTape, layer: Layer
) -> tuple[Array, LinearGradient, LinearGradient, LayerNorm]:
    d_sum, d_norm = layer_norm_backward(d_out, tape.normalisation, layer.output_layer_norm)
    d_lin2_out = d_sum if tape.mask is None else tape.mask.apply(d_sum.copy())
    d_inner, d_lin2 = linear_backward(d_lin2_out, tape.inner, layer.lin2)
    d_inner *= tape.activation_derivative
    d_x, d_lin1 = linear_backward(d_inner, tape.x, layer.lin1)
    d_x += d_sum
    return d_x, d_lin1, d_lin2, d_norm
