"""Linear maps and layer normalisation with their derivatives, on columns (dim, n_tokens)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.runtime import matmul
from skdistilbert.nn.weights import LayerNorm, Linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.nn.weights import Array


class OuterProduct(NamedTuple):
    """The gradient of a matrix, multiplied out only where it is needed."""

    d_out: Array  # (n_out, n_tokens)
    x: Array  # (n_in, n_tokens)

    @classmethod
    def joined(cls, products: Sequence[OuterProduct]) -> OuterProduct:
        """Give the sum of products as one."""
        if len(products) == 1:
            return products[0]
        d_out = np.hstack([product.d_out for product in products])
        return cls(d_out, np.hstack([product.x for product in products]))

    def array(self, out: Array | None = None) -> Array:
        """Multiply out: (n_out, n_in)."""
        product: Array = np.matmul(self.d_out, self.x.T, out=out)
        return product


@dataclass(frozen=True, slots=True)
class LinearGradient:
    """The gradient of `Linear`."""

    weight: OuterProduct
    bias: Array  # (n_out,)

    def arrays(self) -> Linear:
        """Multiply out."""
        return Linear(self.weight.array(), self.bias)


def linear_backward(d_out: Array, x: Array, weights: Linear) -> tuple[Array, LinearGradient]:
    """Differentiate `weight @ x + bias`: with respect to x, and to the weights.

    The gradient refers to `d_out` and `x`, which must stay as they are.
    """
    d_x = matmul(weights.weight.T, d_out)
    return d_x, LinearGradient(OuterProduct(d_out, x), np.add.reduce(d_out, axis=1))


class LayerNormTape(NamedTuple):
    """What the derivative of a layer normalisation reads."""

    normalised: Array  # (dim, n_tokens), of mean 0 and variance 1
    inverse_deviation: Array  # (n_tokens,)


def layer_norm_forward(x: Array, weights: LayerNorm) -> tuple[Array, LayerNormTape]:
    """Layer normalisation of each column; `x` becomes part of the tape."""
    dim = len(x)
    x -= np.add.reduce(x, axis=0) / dim
    inverse_deviation = 1 / np.sqrt(_dot_columns(x, x) / dim + weights.eps)
    x *= inverse_deviation
    out = x * weights.weight[:, None]
    out += weights.bias[:, None]
    return out, LayerNormTape(x, inverse_deviation)


def layer_norm_backward(
    d_out: Array, tape: LayerNormTape, weights: LayerNorm
) -> tuple[Array, LayerNorm]:
    """Give the derivatives with respect to the columns and the weights; overwrites `d_out`.

    A change of a column's mean or of its length is undone by the normalisation: what is left of
    the derivative is orthogonal to both.
    """
    normalised, inverse_deviation = tape
    dim = len(normalised)
    d_weight = np.einsum("ij,ij->i", d_out, normalised)
    gradient = LayerNorm(d_weight, np.add.reduce(d_out, axis=1), weights.eps)
    d_x = d_out
    d_x *= weights.weight[:, None]
    along_length = _dot_columns(d_x, normalised) / dim
    d_x -= np.add.reduce(d_x, axis=0) / dim
    d_x -= normalised * along_length
    d_x *= inverse_deviation
    return d_x, gradient


def _dot_columns(x: Array, y: Array) -> Array:
    """Inner products of columns, (dim, n_tokens) each."""
    products: Array = np.einsum("ij,ij->j", x, y)
    return products
