"""The part of the network that trains: from the output of the frozen part to the logits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.nn.encoder import embed_tokens, hidden_states
from skdistilbert.nn.functional import PRODUCTS
from skdistilbert.nn.pooling import pool
from skdistilbert.nn.training.backward import embeddings_backward, head_backward, layer_backward
from skdistilbert.nn.training.pooling_backward import POOLING_BACKWARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.packing import PackedBatch
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import WeightProducts
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.training.gradients import EmbeddingsGradient, LayerGradient
    from skdistilbert.nn.weights import Activation, Array, Embeddings, Layer

    Part = TrainableHead | Layer | Embeddings
    PartGradient = TrainableHead | LayerGradient | EmbeddingsGradient


@dataclass(frozen=True, slots=True)
class Network:
    """The trainable weights and how they are connected."""

    embeddings: Embeddings | None  # None: frozen, like the layers below `layers`
    layers: tuple[Layer, ...]
    head: TrainableHead
    n_heads: int
    activation: Activation
    pooling: Pooling | None  # None: the head reads every token, or features already pooled

    @property
    def first_tokens_only(self) -> bool:
        """Whether the last layer is computed for the first token of each text only."""
        return self.pooling == "cls" and bool(self.layers)

    @property
    def products(self) -> WeightProducts:
        """How weights are multiplied. Training changes them, so they have no packed copies."""
        return PRODUCTS

    def parts(self) -> dict[str, Part]:
        """Return the records of weights by name, in the order of the backward pass."""
        parts: dict[str, Part] = {"head": self.head}
        parts |= {f"layer{i}": layer for i, layer in reversed([*enumerate(self.layers)])}
        if self.embeddings is not None:
            parts["embeddings"] = self.embeddings
        return parts

    def with_parts(self, parts: dict[str, Any]) -> Network:
        """Return a copy of the network with its weights replaced; the inverse of `parts`."""
        layers = tuple(parts[f"layer{index}"] for index in range(len(self.layers)))
        return replace(self, embeddings=parts.get("embeddings"), layers=layers, head=parts["head"])


class Inputs(NamedTuple):
    """The input of the trainable part for some texts."""

    batch: PackedBatch | None  # None: the features are pooled already
    states: Array | None = None  # of the frozen part: (dim, n_tokens), or (dim, n_texts) if pooled


def forward(network: Network, inputs: Inputs, tape: Tape | None = None) -> Array:
    """Return the logits: (num_labels, n_texts), or (num_labels, n_tokens) of a token head."""
    batch, x = inputs
    if network.embeddings is not None:
        assert batch is not None
        x = embed_tokens(network.embeddings, batch, tape)
    assert x is not None
    if batch is not None:
        first_only = network.first_tokens_only
        states = hidden_states(network, x, batch, first_tokens_only=first_only, tape=tape)
        (x,) = deque(states, maxlen=1)
        if network.pooling is not None and not first_only:
            if tape is not None:
                tape.push(x)
            x = np.ascontiguousarray(pool(x, batch, network.pooling).T)
    return network.head.logits(x, tape)


def backward(
    network: Network, d_logits: Array, inputs: Inputs, tape: Tape
) -> Iterator[tuple[str, PartGradient]]:
    """Yield the name and gradient of each part, from the head down to the embeddings."""
    for name, gradient, d_x in _above_embeddings(network, d_logits, inputs, tape):  # noqa: B007
        yield name, gradient
    if network.embeddings is not None:
        assert inputs.batch is not None
        yield "embeddings", embeddings_backward(d_x, network.embeddings, inputs.batch, tape)


def input_gradient(network: Network, d_logits: Array, inputs: Inputs, tape: Tape) -> Array:
    """Return the derivative with respect to the hidden states of the embeddings or the input."""
    for _, _, d_x in _above_embeddings(network, d_logits, inputs, tape):  # noqa: B007
        pass
    return d_x


def _above_embeddings(
    network: Network, d_logits: Array, inputs: Inputs, tape: Tape
) -> Iterator[tuple[str, TrainableHead | LayerGradient, Array]]:
    """Yield the name and gradient of each part, and the derivative of its input."""
    d_x, d_head = head_backward(d_logits, network.head, tape)
    batch = inputs.batch
    if batch is None:
        yield "head", d_head, d_x
        return
    columns = batch.starts if network.first_tokens_only else None
    if network.pooling is not None and columns is None:
        (hidden,) = tape.pop()
        d_x = POOLING_BACKWARD[network.pooling](d_x, hidden, batch)
    yield "head", d_head, d_x
    groups = batch.groups
    for index, layer in reversed([*enumerate(network.layers)]):
        d_x, d_layer = layer_backward(d_x, layer, groups, network.n_heads, tape, columns)
        columns = None  # only the last layer has first tokens only
        yield f"layer{index}", d_layer, d_x
