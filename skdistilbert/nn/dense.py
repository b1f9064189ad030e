"""What sentence-transformers computes on pooled vectors, a row a text."""

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


# Overflow and NaN come out as torch's do; estimators refuse them.
@np.errstate(all="ignore")
def dense(x: Array, tensors: Mapping[str, Array], activation: str) -> Array:
    """Affine map and activation: (n_texts, n_in) -> (n_texts, n_out)."""
    out = x @ tensors["linear.weight"].T
    if "linear.bias" in tensors:
        out += tensors["linear.bias"]
    return DENSE_ACTIVATIONS[activation](out)


@np.errstate(all="ignore")
def unit_length(x: Array) -> Array:
    """Scale each row to length 1 (n_texts, dim); torch's way with rows of zeros."""
    lengths = np.sqrt(np.add.reduce(x * x, axis=1, keepdims=True))
    scaled: Array = x / np.maximum(lengths, np.float32(1e-12))
    return scaled
