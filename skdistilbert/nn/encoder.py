"""The forward pass of DistilBERT (Sanh et al., 2019) on a packed batch.

Shapes: hidden states are (dim, n_tokens), one column a token of any text of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.activations import ACTIVATIONS
from skdistilbert.nn.attention import attend, heads_of, self_attention
from skdistilbert.nn.functional import layer_norm, linear
from skdistilbert.nn.runtime import ONE_WORKER, Workers, matmul
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import Group, PackedBatch
    from skdistilbert.nn.weights import (
        Activation,
        Array,
        Embeddings,
        Encoder,
        Layer,
        LayerPart,
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """What an encoder kept on its way: one entry a layer."""

    hidden_states: list[Array] = field(default_factory=list)  # (dim, n_tokens), embeddings first
    attentions: list[list[Array]] = field(default_factory=list)  # a group: (n, heads, len, len)


def encode(
    encoder: Encoder,
    batch: PackedBatch,
    trace: Trace | None = None,
    workers: Workers = ONE_WORKER,
) -> Array:
    """Last hidden states of every token: (dim, n_tokens)."""
    groups = batch.groups
    x = embed_tokens(encoder.embeddings, batch)
    for layer in encoder.layers:
        attentions = _next_layer_of(trace, x)
        x = transformer_layer(x, layer, groups, encoder, attentions, workers)
    if trace is not None:
        trace.hidden_states.append(x)
    return x


def encode_mean_of_layers(
    encoder: Encoder, batch: PackedBatch, layers: Sequence[int], workers: Workers = ONE_WORKER
) -> Array:
    """Mean of the hidden states after some layers, 0 being the embeddings: (dim, n_tokens)."""
    groups = batch.groups
    x = embed_tokens(encoder.embeddings, batch)
    total = x * layers.count(0)
    for index, layer in enumerate(encoder.layers[: max(layers)], 1):
        x = transformer_layer(x, layer, groups, encoder, workers=workers)
        if index in layers:
            total += x * layers.count(index)
    total /= len(layers)
    return total


def encode_first_tokens(
    encoder: Encoder, batch: PackedBatch, workers: Workers = ONE_WORKER
) -> Array:
    """Last hidden states of each text's first token, [CLS]: (dim, n_texts).

    The last layer is computed for these tokens alone.
    """
    groups = batch.groups
    x = embed_tokens(encoder.embeddings, batch)
    for layer in encoder.layers[:-1]:
        x = transformer_layer(x, layer, groups, encoder, workers=workers)
    if not encoder.layers:
        return x[:, batch.starts]
    return _first_tokens_of_layer(x, encoder.layers[-1], batch, encoder)


def embed_tokens(weights: Embeddings, batch: PackedBatch) -> Array:
    """Normalised sum of word and position embeddings: (dim, n_tokens)."""
    x = weights.word_embeddings.take(batch.input_ids, axis=0)  # (n_tokens, dim)
    x += weights.position_embeddings.take(batch.position_ids, axis=0)
    return layer_norm(np.ascontiguousarray(x.T), weights.layer_norm)


def transformer_layer(
    x: Array,
    layer: Layer,
    groups: list[Group],
    encoder: Encoder,
    attentions: list[Array] | None = None,
    workers: Workers = ONE_WORKER,
) -> Array:
    """Self-attention and feed-forward, each added to its input and normalised."""
    # Parts would keep their attentions in any order.
    n_parts = workers.count if attentions is None else 1
    parts = layer.parts(n_parts, encoder.n_heads)

    def attend_with(part: LayerPart) -> Array:
        qkv = linear(x, part.qkv_lin)  # (3, part_dim, n_tokens)
        return matmul(part.out_lin, self_attention(qkv, groups, encoder.head_dim, attentions))

    attended = _sum(workers.map(attend_with, parts), layer.out_lin.bias, x)
    x = layer_norm(attended, layer.sa_layer_norm)
    return _feed_forward_and_norm(x, layer, parts, encoder.activation, workers)


def _feed_forward_and_norm(
    x: Array, layer: Layer, parts: list[LayerPart], activation: Activation, workers: Workers
) -> Array:
    def feed_forward_with(part: LayerPart) -> Array:
        inner = ACTIVATIONS[activation](linear(x, part.lin1))  # (part_hidden_dim, n_tokens)
        return matmul(part.lin2, inner)

    out = _sum(workers.map(feed_forward_with, parts), layer.lin2.bias, x)
    return layer_norm(out, layer.output_layer_norm)


def _sum(of_parts: Iterator[Array], bias: Array, residual: Array) -> Array:
    """Add up the parts of a linear map, its bias and the input, (dim, n_tokens) each."""
    total = next(of_parts)
    total += bias[:, None]
    total += residual
    for other in of_parts:  # which may have been in work meanwhile
        total += other
    return total


def _first_tokens_of_layer(x: Array, layer: Layer, batch: PackedBatch, encoder: Encoder) -> Array:
    """`transformer_layer` for the first token of each text; keys and values for all tokens."""
    dim, n_heads = encoder.dim, encoder.n_heads
    weight, bias = layer.qkv_lin.weight, layer.qkv_lin.bias
    first = np.ascontiguousarray(x[:, batch.starts])  # (dim, n_texts)
    queries = linear(first, Linear(weight[:dim], bias[:dim]))
    queries *= (dim // n_heads) ** -0.5
    keys, values = np.split(linear(x, Linear(weight[dim:], bias[dim:])), 2)
    context = np.empty_like(first)
    text = 0
    for group in batch.groups:
        texts = slice(text, text + group.n_texts)
        attend(
            heads_of(queries[:, texts], group, n_heads),
            heads_of(keys[:, group.columns], group, n_heads),
            heads_of(values[:, group.columns], group, n_heads),
            heads_of(context[:, texts], group, n_heads),
            group.key_bias,
        )
        text = texts.stop
    attended = linear(context, layer.out_lin)
    attended += first
    first = layer_norm(attended, layer.sa_layer_norm)
    return _feed_forward_and_norm(
        first, layer, layer.parts(1, n_heads), encoder.activation, ONE_WORKER
    )


def _next_layer_of(trace: Trace | None, x: Array) -> list[Array] | None:
    if trace is None:
        return None
    trace.hidden_states.append(x)
    trace.attentions.append([])
    return trace.attentions[-1]
