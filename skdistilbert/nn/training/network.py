"""The part of the network that trains: from what the frozen part gives to the logits, and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.nn.pooling import pool
from skdistilbert.nn.training.encoder import (
    EmbeddingsTape,
    LayerTape,
    embeddings_backward,
    embeddings_forward,
    layer_backward,
    layer_forward,
)
from skdistilbert.nn.training.heads import HeadTape, head_backward, head_forward
from skdistilbert.nn.training.pooling import POOLING_BACKWARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.nn.packing import PackedBatch
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training.dropout import Dropout
    from skdistilbert.nn.training.encoder import EmbeddingsGradient, LayerGradient
    from skdistilbert.nn.training.heads import Head
    from skdistilbert.nn.weights import Activation, Array, Embeddings, Layer

    Part = Head | Layer | Embeddings
    PartGradient = Head | LayerGradient | EmbeddingsGradient


@dataclass(frozen=True, slots=True)
class Network:
    """The weights that train, and how they are joined."""

    embeddings: Embeddings | None  # None: frozen, as are the layers below `layers`
    layers: tuple[Layer, ...]
    head: Head
    n_heads: int
    activation: Activation
    pooling: Pooling | None  # None: the head reads every token, or features already pooled

    @property
    def first_tokens_only(self) -> bool:
        """Whether the last layer goes on with the first token of each text alone."""
        return self.pooling == "cls" and bool(self.layers)

    def parts(self) -> dict[str, Part]:
        """Give the records of weights by name, in the order of the backward pass."""
        parts: dict[str, Part] = {"head": self.head}
        parts |= {f"layer{i}": layer for i, layer in reversed([*enumerate(self.layers)])}
        if self.embeddings is not None:
            parts["embeddings"] = self.embeddings
        return parts

    def with_parts(self, parts: dict[str, Any]) -> Network:
        """Give the same network with other weights, named as by `parts`."""
        layers = tuple(parts[f"layer{index}"] for index in range(len(self.layers)))
        return replace(self, embeddings=parts.get("embeddings"), layers=layers, head=parts["head"])


class Inputs(NamedTuple):
    """What the trainable part is given for some texts."""

    batch: PackedBatch | None  # None: the features are pooled already
    states: Array | None = None  # of the frozen part: (dim, n_tokens), or (dim, n_texts) if pooled


@dataclass(frozen=True, slots=True)
class Tape:
    """What the backward pass of a network reads."""

    inputs: Inputs
    embeddings: EmbeddingsTape | None
    layers: list[LayerTape]
    last_hidden_state: Array  # (dim, n_tokens), or first tokens alone
    head: HeadTape


def forward(network: Network, inputs: Inputs, dropout: Dropout) -> tuple[Array, Tape]:
    """Logits: (num_labels, n_texts), or (num_labels, n_tokens) of a head on tokens."""
    batch, x = inputs
    embeddings_tape, layer_tapes = None, []
    if network.embeddings is not None:
        assert batch is not None
        x, embeddings_tape = embeddings_forward(network.embeddings, batch, dropout)
    assert x is not None
    groups = [] if batch is None else batch.groups
    for index, layer in enumerate(network.layers, start=1):
        assert batch is not None
        first_only = network.first_tokens_only and index == len(network.layers)
        columns = batch.starts if first_only else None
        n_heads, activation = network.n_heads, network.activation
        x, tape = layer_forward(x, layer, groups, n_heads, activation, dropout, columns)
        layer_tapes.append(tape)
    logits, head_tape = head_forward(_pooled(network, x, batch), network.head, dropout)
    return logits, Tape(inputs, embeddings_tape, layer_tapes, x, head_tape)


def _pooled(network: Network, x: Array, batch: PackedBatch | None) -> Array:
    if network.pooling is None or network.first_tokens_only:
        return x
    assert batch is not None
    return np.ascontiguousarray(pool(x, batch, network.pooling).T)


def backward(network: Network, d_logits: Array, tape: Tape) -> Iterator[tuple[str, PartGradient]]:
    """Yield each part's name and gradient, from the head down, as soon as it is known.

    Takes the tapes of the layers from the list, so that their memory is free for what comes next.
    """
    d_x, d_head = head_backward(d_logits, tape.head, network.head)
    yield "head", d_head
    batch = tape.inputs.batch
    if batch is None:
        return
    if network.pooling is not None and not network.first_tokens_only:
        d_x = POOLING_BACKWARD[network.pooling](d_x, tape.last_hidden_state, batch)
    groups = batch.groups
    for index, layer in reversed([*enumerate(network.layers)]):
        d_x, d_layer = layer_backward(d_x, tape.layers.pop(), layer, groups, network.n_heads)
        yield f"layer{index}", d_layer
    if network.embeddings is not None and tape.embeddings is not None:
        yield "embeddings", embeddings_backward(d_x, tape.embeddings, network.embeddings, batch)
