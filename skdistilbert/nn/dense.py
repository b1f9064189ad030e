"""Modules of sentence-transformers after the pooling, on pooled vectors (n_texts, dim)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.activations import elu, gelu, leaky_relu, relu, sigmoid, silu, tanh

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array


def identity(x: Array, tape: Tape | None = None) -> Array:
    """Return `x`."""
    if tape is not None:
        tape.push(np.ones_like(x))
    return x


# By the names of the classes in torch, with torch's default parameters. Each works in place; with
# a tape it records its derivative.
DENSE_ACTIVATIONS: dict[str, Callable[[Array, Tape | None], Array]] = {
    "Identity": identity,
    "Tanh": tanh,
    "ReLU": relu,
    "GELU": gelu,
    "SiLU": silu,
    "Sigmoid": sigmoid,
    "LeakyReLU": leaky_relu,
    "ELU": elu,
}


# Overflow and NaN propagate as in torch; estimators raise an error for them.
@np.errstate(all="ignore")
def dense(
    x: Array, tensors: Mapping[str, Array], activation: str, tape: Tape | None = None
) -> Array:
    """Apply an affine map and an activation: (n_texts, n_in) -> (n_texts, n_out)."""
    out = x @ tensors["linear.weight"].T
    if "linear.bias" in tensors:
        out += tensors["linear.bias"]
    return DENSE_ACTIVATIONS[activation](out, tape)


@np.errstate(all="ignore")
def normalize_features(x: Array, tensors: Mapping[str, Array], tape: Tape | None = None) -> Array:
    """Normalise each row (n_texts, dim) to mean 0 and variance 1, then scale and shift it."""
    centred = x - x.mean(axis=1, keepdims=True)
    variance = np.mean(centred * centred, axis=1, keepdims=True)
    deviation = np.sqrt(variance + np.float32(1e-5))  # torch's default epsilon
    scaled: Array = centred / deviation
    if tape is not None:
        tape.push(scaled, deviation)
    return scaled * tensors["norm.weight"] + tensors["norm.bias"]


@np.errstate(all="ignore")
def unit_length(x: Array, tape: Tape | None = None) -> Array:
    """Scale each row (n_texts, dim) to length 1; rows of zeros remain zero, as in torch."""
    lengths = np.sqrt(np.add.reduce(x * x, axis=1, keepdims=True))
    lengths = np.maximum(lengths, np.float32(1e-12))
    scaled: Array = x / lengths
    if tape is not None:
        tape.push(scaled, lengths)
    return scaled
