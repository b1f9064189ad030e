"""The forward pass of DistilBERT (Sanh et al., 2019) on a packed batch.

Hidden states are (dim, n_tokens); see `skdistilbert.nn` for the layout. Inference and training
run the same functions: training passes a tape, which records arrays for the backward pass and
applies dropout.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from skdistilbert.nn.activations import ACTIVATIONS
from skdistilbert.nn.attention import self_attention
from skdistilbert.nn.functional import layer_norm, linear, project
from skdistilbert.nn.runtime import ONE_WORKER
from skdistilbert.nn.tape import NO_DROPOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.nn.packing import Group, IntArray, PackedBatch
    from skdistilbert.nn.runtime import WeightProducts, Workers
    from skdistilbert.nn.tape import DropoutRates, Tape
    from skdistilbert.nn.weights import Activation, Array, Embeddings, Encoder, Layer, LayerPart


class LayerStack(Protocol):
    """Transformer layers with their hyper-parameters: an `Encoder` or its trainable part."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Weights, from the lowest layer to the highest."""

    @property
    def n_heads(self) -> int:
        """Number of attention heads per layer."""

    @property
    def activation(self) -> Activation:
        """Name of the activation function."""

    @property
    def products(self) -> WeightProducts:
        """How weights are multiplied."""


def encode(
    encoder: Encoder,
    batch: PackedBatch,
    *,
    first_tokens_only: bool = False,
    workers: Workers = ONE_WORKER,
) -> Array:
    """Return the last hidden states: (dim, n_tokens), or (dim, n_texts) of first tokens only."""
    x = embed_tokens(encoder.embeddings, batch)
    if first_tokens_only and not encoder.layers:
        return x[:, batch.starts]
    states = hidden_states(encoder, x, batch, first_tokens_only=first_tokens_only, workers=workers)
    (x,) = deque(states, maxlen=1)  # without keeping the others in memory
    return x


def embed_tokens(weights: Embeddings, batch: PackedBatch, tape: Tape | None = None) -> Array:
    """Return the normalised sum of the embeddings of each token: (dim, n_tokens)."""
    x = weights.word_embeddings.take(batch.input_ids, axis=0)  # (n_tokens, dim)
    x += weights.position_embeddings.take(batch.position_ids, axis=0)
    if batch.token_type_ids is not None and weights.token_type_difference is not None:
        x[batch.token_type_ids == 1] += weights.token_type_difference
    x = layer_norm(np.ascontiguousarray(x.T), weights.layer_norm, tape)
    if tape is not None:
        tape.drop(x, tape.rates.hidden)
    return x


def hidden_states(
    stack: LayerStack,
    x: Array,
    batch: PackedBatch,
    *,
    first_tokens_only: bool = False,
    attentions: list[list[Array]] | None = None,
    tape: Tape | None = None,
    workers: Workers = ONE_WORKER,
) -> Iterator[Array]:
    """Yield the hidden states `x` of the embeddings, then those after each layer.

    Parameters
    ----------
    stack : LayerStack
    x : ndarray of shape (dim, n_tokens)
        Hidden states that the first layer reads. They are not changed.
    batch : PackedBatch
    first_tokens_only : bool, default=False
        Compute the last layer for the first token of each text only: (dim, n_texts). The
        first tokens still attend to all tokens.
    attentions : list, default=None
        Receives a list per layer, with an array (n_texts, n_heads, length, length) per group.
    tape : Tape, default=None
    workers : Workers, default=ONE_WORKER
        Threads that share each layer: heads and feed-forward units are split among them.
    """
    yield x
    shared = _Pass(batch.groups, stack.n_heads, stack.activation, stack.products, tape, workers)
    # Parts of a layer would append their probabilities in any order.
    n_parts = 1 if attentions is not None else stack.products.count_parts(workers.count)
    for index, layer in enumerate(stack.layers, start=1):
        is_last = index == len(stack.layers)
        columns = batch.starts if first_tokens_only and is_last else None
        probabilities: list[Array] | None = None
        if attentions is not None:
            probabilities = []
            attentions.append(probabilities)
        parts = layer.parts(n_parts, stack.n_heads)
        x = _attention_sublayer(x, layer, parts, shared, columns, probabilities)
        x = _feed_forward_sublayer(x, layer, parts, shared)
        yield x


class _Pass(NamedTuple):
    """Arguments that all layers of one forward pass share."""

    groups: list[Group]
    n_heads: int
    activation: Activation
    products: WeightProducts
    tape: Tape | None
    workers: Workers

    @property
    def rates(self) -> DropoutRates:
        """The dropout of this pass."""
        return NO_DROPOUT if self.tape is None else self.tape.rates


def _attention_sublayer(
    x: Array,
    layer: Layer,
    parts: list[LayerPart],
    shared: _Pass,
    columns: IntArray | None,
    probabilities: list[Array] | None,
) -> Array:
    """Apply self-attention, add its input and normalise; with `columns`, only these columns."""
    groups, n_heads, _, products, tape, workers = shared
    head_dim = len(x) // n_heads
    residual = x if columns is None else np.ascontiguousarray(x[:, columns])

    def attend(part: LayerPart) -> Array:
        if columns is None:
            stacked = linear(x, part.qkv_lin, tape, products)
            queries, keys, values = stacked.reshape(3, -1, x.shape[1])
        else:
            q_lin, kv_lin = part.qkv_lin.split_queries()
            queries = linear(residual, q_lin, tape, products).reshape(-1, len(columns))
            keys, values = linear(x, kv_lin, tape, products).reshape(2, -1, x.shape[1])
        context = self_attention(queries, keys, values, groups, head_dim, tape, probabilities)
        return project(context, part.out_lin, tape, products)

    rate = shared.rates.attention_output
    attended = _add_up(workers.map(attend, parts), layer.out_lin.bias, residual, tape, rate)
    return layer_norm(attended, layer.sa_layer_norm, tape)


def _feed_forward_sublayer(x: Array, layer: Layer, parts: list[LayerPart], shared: _Pass) -> Array:
    """Apply two linear layers with an activation between, add their input and normalise."""
    _, _, activation, products, tape, workers = shared

    def feed_forward(part: LayerPart) -> Array:
        inner = ACTIVATIONS[activation](linear(x, part.lin1, tape, products), tape)
        return project(inner, part.lin2, tape, products)  # inner: (part_hidden_dim, n_tokens)

    out = _add_up(workers.map(feed_forward, parts), layer.lin2.bias, x, tape, shared.rates.hidden)
    return layer_norm(out, layer.output_layer_norm, tape)


def _add_up(
    parts: Iterator[Array], bias: Array, residual: Array, tape: Tape | None, rate: float
) -> Array:
    """Sum the parts of a linear map, its bias and its input, (dim, n_tokens) each.

    With a tape, which one worker records, dropout is applied to the map before the sum.
    """
    total = next(parts)
    total += bias[:, None]
    if tape is not None:
        tape.drop(total, rate)
    total += residual  # while other workers may still compute
    for part in parts:
        total += part
    return total
