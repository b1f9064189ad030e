"""The weights of the network, as nested records of arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.floating]

Activation = Literal["gelu", "relu"]


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
        """Give what `from_tensors` takes."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}

    @classmethod
    def stacked(cls, *parts: Linear) -> Linear:
        """Several maps of the same input as one, their outputs below each other."""
        return cls(
            np.concatenate([part.weight for part in parts]),
            np.concatenate([part.bias for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """The gain and shift of a layer normalisation (Ba et al., 2016)."""

    weight: Array  # (dim,)
    bias: Array  # (dim,)
    eps: float

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], name: str, eps: float) -> LayerNorm:
        """Take the tensors `name.weight` and `name.bias`."""
        return cls(tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps)

    def tensors(self, name: str) -> dict[str, Array]:
        """Give what `from_tensors` takes."""
        return {f"{name}.weight": self.weight, f"{name}.bias": self.bias}


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Word and position embeddings, summed and normalised."""

    word_embeddings: Array  # (vocab_size, dim)
    position_embeddings: Array  # (max_position_embeddings, dim)
    layer_norm: LayerNorm


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer block: self-attention and feed-forward, each normalised after its sum."""

    # One product for the three: at small dims the number of calls is what costs.
    qkv_lin: Linear  # (3 * dim, dim): queries, keys, values
    out_lin: Linear  # (dim, dim)
    sa_layer_norm: LayerNorm
    lin1: Linear  # (hidden_dim, dim)
    lin2: Linear  # (dim, hidden_dim)
    output_layer_norm: LayerNorm

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array], name: str, eps: float) -> Layer:
        """Take the tensors of the layer `name`."""
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
        """Give what `from_tensors` takes."""
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
        """Cut into views of about equal size, at the borders of heads."""
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
            of_heads = slice(*(heads[part : part + 2] * (dim // n_heads)))
            of_units = slice(*units[part : part + 2])
            parts.append(
                LayerPart(
                    Linear(qkv_weight[:, of_heads], qkv_bias[:, of_heads]),
                    self.out_lin.weight[:, of_heads],
                    Linear(self.lin1.weight[of_units], self.lin1.bias[of_units]),
                    self.lin2.weight[:, of_units],
                )
            )
        return parts


@dataclass(frozen=True, slots=True)
class LayerPart:
    """Some heads of a layer and as many of the feed-forward units; parts add up to the layer.

    This is the tensor parallelism of Megatron-LM (Shoeybi et al., 2019).
    """

    qkv_lin: Linear  # (3, part_dim, dim), or (3 * dim, dim) for the whole
    out_lin: Array  # (dim, part_dim)
    lin1: Linear  # (part_hidden_dim, dim)
    lin2: Array  # (dim, part_hidden_dim)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Everything the forward pass needs: the weights and the few numbers beside them."""

    embeddings: Embeddings
    layers: tuple[Layer, ...]
    n_heads: int
    activation: Activation

    @property
    def dim(self) -> int:
        """Width of the hidden states."""
        return int(self.embeddings.word_embeddings.shape[1])

    @property
    def head_dim(self) -> int:
        """Width of the queries, keys and values of an attention head."""
        return self.dim // self.n_heads

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Floating-point type of the weights and so of all results."""
        return self.embeddings.word_embeddings.dtype

    def up_to(self, n_layers: int) -> Encoder:
        """Give the encoder that ends after so many layers."""
        return replace(self, layers=self.layers[:n_layers])

    @property
    def multiplications_a_token(self) -> int:
        """How much work the linear layers are."""
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
        """Arrange tensors named as in a Hugging Face DistilBERT file, without its prefix."""
        embeddings = Embeddings(
            tensors["embeddings.word_embeddings.weight"],
            tensors["embeddings.position_embeddings.weight"],
            LayerNorm.from_tensors(tensors, "embeddings.LayerNorm", layer_norm_eps),
        )
        layers = tuple(
            Layer.from_tensors(tensors, f"transformer.layer.{index}", layer_norm_eps)
            for index in range(n_layers)
        )
        return cls(embeddings, layers, n_heads, activation)
