"""Gradients as records of the same structure as the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.weights import LayerNorm, Linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.weights import Array


class OuterProduct(NamedTuple):
    """The gradient of a matrix, `d_out @ x.T`, which is multiplied out only when needed."""

    d_out: Array  # (n_out, n_tokens)
    x: Array  # (n_in, n_tokens)

    @classmethod
    def joined(cls, products: Sequence[OuterProduct]) -> OuterProduct:
        """Return the sum of several products as one product."""
        if len(products) == 1:
            return products[0]
        d_out = np.hstack([product.d_out for product in products])
        return cls(d_out, np.hstack([product.x for product in products]))

    def array(self, out: Array | None = None) -> Array:
        """Multiply out: (n_out, n_in)."""
        product: Array = np.matmul(self.d_out, self.x.T, out=out)
        return product


@dataclass(frozen=True, slots=True)
class RowGradient:
    """The gradient of a table in the rows that were read; it is zero elsewhere."""

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
        """Sum the gradients of several pieces of a batch, in their order."""
        rows = np.concatenate([gradient.rows for gradient in gradients])
        return cls.summed(rows, np.concatenate([gradient.values for gradient in gradients]))


@dataclass(frozen=True, slots=True)
class LinearGradient:
    """The gradient of `Linear`."""

    weight: OuterProduct
    bias: Array  # (n_out,)

    def arrays(self) -> Linear:
        """Multiply out."""
        return Linear(self.weight.array(), self.bias)


@dataclass(frozen=True, slots=True)
class EmbeddingsGradient:
    """The gradient of `Embeddings`."""

    word_embeddings: RowGradient
    position_embeddings: RowGradient
    layer_norm: LayerNorm
    token_type_difference: Array | None = None


@dataclass(frozen=True, slots=True)
class LayerGradient:
    """The gradient of `Layer`."""

    qkv_lin: LinearGradient | Linear
    out_lin: LinearGradient
    sa_layer_norm: LayerNorm
    lin1: LinearGradient
    lin2: LinearGradient
    output_layer_norm: LayerNorm
