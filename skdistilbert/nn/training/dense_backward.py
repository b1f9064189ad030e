"""The backward passes of the modules after pooling, on rows (n_texts, dim).

Their weights are not trained, so each function returns only the derivative of its input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array


def dense_backward(d_out: Array, tensors: Mapping[str, Array], tape: Tape) -> Array:
    """Differentiate `dense`."""
    (derivative,) = tape.pop()  # of the activation
    d_x: Array = (d_out * derivative) @ tensors["linear.weight"]
    return d_x


def normalize_features_backward(d_out: Array, tensors: Mapping[str, Array], tape: Tape) -> Array:
    """Differentiate `normalize_features`; a change of a row's mean or length has no effect."""
    scaled, deviation = tape.pop()
    d_x = d_out * tensors["norm.weight"]
    along_row = np.mean(d_x * scaled, axis=1, keepdims=True)
    d_x -= d_x.mean(axis=1, keepdims=True) + scaled * along_row
    d_x /= deviation
    return d_x


def unit_length_backward(d_out: Array, tape: Tape) -> Array:
    """Differentiate `unit_length`; a change of a row's length has no effect."""
    units, lengths = tape.pop()
    along_row = np.add.reduce(d_out * units, axis=1, keepdims=True)
    d_x: Array = (d_out - units * along_row) / lengths
    return d_x
