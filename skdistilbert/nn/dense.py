"""The Dense and Normalize modules of sentence-transformers, on pooled vectors (n_texts, dim)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.activations import gelu, relu

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from skdistilbert.nn.weights import Array

DENSE_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": relu,
    "GELU": gelu,
}


# Overflow and NaN propagate as in torch; estimators raise an error for them.
@np.errstate(all="ignore")
def dense(x: Array, tensors: Mapping[str, Array], activation: str) -> Array:
    """Apply an affine map and an activation: (n_texts, n_in) -> (n_texts, n_out)."""
    out = x @ tensors["linear.weight"].T
    if "linear.bias" in tensors:
        out += tensors["linear.bias"]
    return DENSE_ACTIVATIONS[activation](out)


@np.errstate(all="ignore")
def unit_length(x: Array) -> Array:
    """Scale each row (n_texts, dim) to length 1; rows of zeros remain zero, as in torch."""
    lengths = np.sqrt(np.add.reduce(x * x, axis=1, keepdims=True))
    scaled: Array = x / np.maximum(lengths, np.float32(1e-12))
    return scaled
