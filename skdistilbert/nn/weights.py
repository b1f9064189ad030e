"""The weights of the network: nested records of arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.runtime import ConstantWeightProducts, supported_precision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.nn.runtime import Precision

    Array = NDArray[np.floating]

Activation = str  # a key of `skdistilbert.nn.activations.ACTIVATIONS`


@dataclass(frozen=True, slots=True)
class Linear:
    """An affine map: `weight @ x + bias`."""

    weight: Array  # (n_out, n_in)
    bias: Array  # (n_out,)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], name: str) -> Linear:
        """Take the tensors `name.weight` and `name.bias`."""
        return cls(tensors[f"{name}.weight"], tensors[f"{name}.bias"])

    def tensors(self, name: str) -> dict[str, Array]:
        """Return the named tensors, the inverse of `from_tensors`."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}

    @classmethod
    def stacked(cls, *parts: Linear) -> Linear:
        """Join several maps of the same input into one, with their outputs stacked."""
        return cls(
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.bias for part in parts]),
        )

    def split_queries(self) -> tuple[Linear, Linear]:
        """Split a map to queries, keys and values into one to queries, one to keys and values."""
        n = len(self.weight) // 3
        return Linear(self.weight[:n], self.bias[:n]), Linear(self.weight[n:], self.bias[n:])


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Gain and shift of a layer normalisation (Ba et al., 2016)."""

    weight: Array  # (dim,)
    bias: Array  # (dim,)
    eps: float

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], name: str, eps: float) -> LayerNorm:
        """Take the tensors `name.weight` and `name.bias`."""
        return cls(tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps)

    def tensors(self, name: str) -> dict[str, Array]:
        """Return the named tensors, the inverse of `from_tensors`."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Word, position and token-type embeddings, summed and normalised.

    The embedding of token type 0 is part of every position embedding, so that it takes no time.
    """

    word_embeddings: Array  # (vocab_size, dim)
    position_embeddings: Array  # (max_position_embeddings, dim)
    layer_norm: LayerNorm
    # (dim,): the embedding of token type 1 minus that of type 0; None without token types.
    token_type_difference: Array | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer layer: self-attention and a feed-forward network with post-normalisation."""

    # One product instead of three: for a small dim the number of calls determines the time.
    qkv_lin: Linear  # (3 * dim, dim): queries, keys, values
    out_lin: Linear  # (dim, dim)
    sa_layer_norm: LayerNorm
    lin1: Linear  # (hidden_dim, dim)
    lin2: Linear  # (dim, hidden_dim)
    output_layer_norm: LayerNorm

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], name: str, eps: float) -> Layer:
        """Take the tensors of the layer `name`; the three maps of its attention become one."""
        attention = f"{name}.attention"
        return cls(
            Linear.stacked(
                *(Linear.from_tensors(tensors, f"{attention}.{x}_lin") for x in "qkv"),
            ),
            Linear.from_tensors(tensors, f"{attention}.out_lin"),
            LayerNorm.from_tensors(tensors, f"{name}.sa_layer_norm", eps),
            Linear.from_tensors(tensors, f"{name}.ffn.lin1"),
            Linear.from_tensors(tensors, f"{name}.ffn.lin2"),
            LayerNorm.from_tensors(tensors, f"{name}.output_layer_norm", eps),
        )

    def tensors(self, name: str) -> dict[str, Array]:
        """Return the named tensors, the inverse of `from_tensors`."""
        weights, biases = np.split(self.qkv_lin.weight, 3), np.split(self.qkv_lin.bias, 3)
        attention = f"{name}.attention"
        tensors: dict[str, Array] = {}
        for part, weight, bias in zip("qkv", weights, biases, strict=True):
            tensors |= Linear(weight, bias).tensors(f"{attention}.{part}_lin")
        return (
            tensors
            | self.out_lin.tensors(f"{attention}.out_lin")
            | self.sa_layer_norm.tensors(f"{name}.sa_layer_norm")
            | self.lin1.tensors(f"{name}.ffn.lin1")
            | self.lin2.tensors(f"{name}.ffn.lin2")
            | self.output_layer_norm.tensors(f"{name}.output_layer_norm")
        )

    def parts(self, n_parts: int, n_heads: int) -> list[LayerPart]:
        """Split into views of about equal size, with whole heads in each."""
        n_parts = min(n_parts, n_heads)
        if n_parts == 1:
            return [LayerPart(self.qkv_lin, self.out_lin.weight, self.lin1, self.lin2.weight)]
        dim, hidden_dim = self.lin2.weight.shape
        heads = np.arange(n_parts + 1) * n_heads // n_parts
        units = np.arange(n_parts + 1) * hidden_dim // n_parts
        qkv_weight = self.qkv_lin.weight.reshape(3, dim, dim)
        qkv_bias = self.qkv_lin.bias.reshape(3, dim)
        parts = []
        for part in range(n_parts):
            columns = slice(*(heads[part : part + 2] * (dim // n_heads)))
            rows = slice(*units[part : part + 2])
            parts.append(
                LayerPart(
                    Linear(qkv_weight[:, columns], qkv_bias[:, columns]),
                    self.out_lin.weight[:, columns],
                    Linear(self.lin1.weight[rows], self.lin1.bias[rows]),
                    self.lin2.weight[:, rows],
                )
            )
        return parts


@dataclass(frozen=True, slots=True)
class LayerPart:
    """Some heads and some feed-forward units of a layer; the outputs of all parts are summed.

    This is the tensor parallelism of Megatron-LM (Shoeybi et al., 2019).
    """

    qkv_lin: Linear  # (3, part_dim, dim), or (3 * dim, dim) for the whole
    out_lin: Array  # (dim, part_dim)
    lin1: Linear  # (part_hidden_dim, dim)
    lin2: Array  # (dim, part_hidden_dim)


@dataclass(frozen=True, slots=True)
class Encoder:
    """The encoder's weights and hyper-parameters."""

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    n_heads: int
    activation: Activation
    products: ConstantWeightProducts = field(
        default_factory=ConstantWeightProducts, repr=False, compare=False
    )

    @property
    def dim(self) -> int:
        """Size of a hidden state."""
        return int(self.embeddings.word_embeddings.shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Floating-point type of the weights and of all results."""
        return self.embeddings.word_embeddings.dtype

    def up_to(self, n_layers: int) -> Encoder:
        """Return the encoder of the lowest `n_layers` layers."""
        return replace(self, layers=self.layers[:n_layers])

    def in_precision(self, precision: Precision) -> Encoder:
        """Return the encoder with products in this precision, or in float32 with a warning."""
        if supported_precision(precision) == "float32":
            return self
        return replace(self, products=self.products.in_bfloat16)

    @property
    def multiplications_per_token(self) -> int:
        """Number of multiplications in the linear layers."""
        return sum(
            linear.weight.size
            for layer in self.layers
            for linear in (layer.qkv_lin, layer.out_lin, layer.lin1, layer.lin2)
        )

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Array],
        *,
        n_layers: int,
        n_heads: int,
        activation: Activation,
        layer_norm_eps: float,
    ) -> Encoder:
        """Take tensors named as in a Hugging Face DistilBERT file, without its prefix.

        The difference of BERT's token types, "embeddings.token_type_difference", is optional.
        """
        embeddings = Embeddings(
            tensors["embeddings.word_embeddings.weight"],
            tensors["embeddings.position_embeddings.weight"],
            LayerNorm.from_tensors(tensors, "embeddings.LayerNorm", layer_norm_eps),
            tensors.get("embeddings.token_type_difference"),
        )
        layers = tuple(
            Layer.from_tensors(tensors, f"transformer.layer.{index}", layer_norm_eps)
            for index in range(n_layers)
        )
        return cls(embeddings, layers, n_heads, activation)
