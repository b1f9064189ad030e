"""The backward pass of the encoder and the heads.

Each function pops the record that its forward function in `skdistilbert.nn` pushed on the tape.
It returns the derivative of the loss with respect to the input, `d_x`, and the gradient of the
weights. Arrays are columns (dim, n_tokens).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.heads import FeatureHead, LinearHead
from skdistilbert.nn.runtime import matmul
from skdistilbert.nn.training.attention_backward import attention_backward
from skdistilbert.nn.training.gradients import (
    EmbeddingsGradient,
    LayerGradient,
    LinearGradient,
    OuterProduct,
    RowGradient,
)
from skdistilbert.nn.weights import LayerNorm, Linear

if TYPE_CHECKING:
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.packing import Group, IntArray, PackedBatch
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array, Embeddings, Layer


def linear_backward(d_out: Array, weights: Linear, tape: Tape) -> tuple[Array, LinearGradient]:
    """Differentiate `linear`. The gradient refers to `d_out`, which must not change later."""
    (x,) = tape.pop()
    d_x = matmul(weights.weight.T, d_out)
    return d_x, LinearGradient(OuterProduct(d_out, x), np.add.reduce(d_out, axis=1))


def layer_norm_backward(d_out: Array, weights: LayerNorm, tape: Tape) -> tuple[Array, LayerNorm]:
    """Differentiate `layer_norm`; overwrites `d_out`.

    The normalisation cancels any change of a column's mean or length. So the derivative has no
    component along the column of ones and along the normalised column.
    """
    normalised, inverse_deviation = tape.pop()
    dim = len(normalised)
    d_weight = np.einsum("ij,ij->i", d_out, normalised)
    gradient = LayerNorm(d_weight, np.add.reduce(d_out, axis=1), weights.eps)
    d_x = d_out
    d_x *= weights.weight[:, None]
    along_column = np.einsum("ij,ij->j", d_x, normalised) / dim
    d_x -= np.add.reduce(d_x, axis=0) / dim
    d_x -= normalised * along_column
    d_x *= inverse_deviation
    return d_x, gradient


def embeddings_backward(
    d_out: Array, weights: Embeddings, batch: PackedBatch, tape: Tape
) -> EmbeddingsGradient:
    """Differentiate `embed_tokens` with respect to the rows read and to the normalisation."""
    d_x, d_norm = layer_norm_backward(tape.undrop(d_out), weights.layer_norm, tape)
    values = np.ascontiguousarray(d_x.T)  # (n_tokens, dim)
    d_types = None
    if weights.token_type_difference is not None:
        types = np.zeros(0, int) if batch.token_type_ids is None else batch.token_type_ids
        d_types = np.add.reduce(values[np.flatnonzero(types)], axis=0)
    return EmbeddingsGradient(
        RowGradient.summed(batch.input_ids, values),
        RowGradient.summed(batch.position_ids, values),
        d_norm,
        d_types,
    )


def layer_backward(
    d_out: Array,
    layer: Layer,
    groups: list[Group],
    n_heads: int,
    tape: Tape,
    columns: IntArray | None = None,
) -> tuple[Array, LayerGradient]:
    """Differentiate a layer; with `columns`, the output has only these columns of the input."""
    d_h, d_lin1, d_lin2, d_output_norm = _feed_forward_backward(d_out, layer, tape)
    d_attended, d_sa_norm = layer_norm_backward(d_h, layer.sa_layer_norm, tape)
    d_context, d_out_lin = linear_backward(tape.undrop(d_attended), layer.out_lin, tape)
    d_qkv = np.empty((3, len(d_context), groups[-1].columns.stop), d_context.dtype)
    d_qkv_lin: LinearGradient | Linear
    if columns is None:
        attention_backward(d_context, groups, n_heads, tape, *d_qkv)
        d_qkv = d_qkv.reshape(-1, d_qkv.shape[-1])
        d_x, d_qkv_lin = linear_backward(d_qkv, layer.qkv_lin, tape)
        d_x += d_attended
    else:
        d_queries, d_keys_values = np.empty_like(d_context), d_qkv[1:]
        attention_backward(d_context, groups, n_heads, tape, d_queries, *d_keys_values)
        q_lin, kv_lin = layer.qkv_lin.split_queries()
        d_keys_values = d_keys_values.reshape(-1, d_qkv.shape[-1])
        d_x, d_kv_lin = linear_backward(d_keys_values, kv_lin, tape)
        d_first, d_q_lin = linear_backward(d_queries, q_lin, tape)
        d_x[:, columns] += d_first + d_attended
        d_qkv_lin = Linear.stacked(d_q_lin.arrays(), d_kv_lin.arrays())
    return d_x, LayerGradient(d_qkv_lin, d_out_lin, d_sa_norm, d_lin1, d_lin2, d_output_norm)


def _feed_forward_backward(
    d_out: Array, layer: Layer, tape: Tape
) -> tuple[Array, LinearGradient, LinearGradient, LayerNorm]:
    d_sum, d_norm = layer_norm_backward(d_out, layer.output_layer_norm, tape)
    d_inner, d_lin2 = linear_backward(tape.undrop(d_sum), layer.lin2, tape)
    (derivative,) = tape.pop()  # of the activation
    d_inner *= derivative
    d_x, d_lin1 = linear_backward(d_inner, layer.lin1, tape)
    d_x += d_sum
    return d_x, d_lin1, d_lin2, d_norm


def head_backward(d_logits: Array, head: TrainableHead, tape: Tape) -> tuple[Array, TrainableHead]:
    """Differentiate a head with respect to its input and its weights."""
    if isinstance(head, FeatureHead):
        return d_logits, head
    d_hidden, d_classifier = linear_backward(d_logits, head.classifier, tape)
    d_hidden = tape.undrop(d_hidden)
    if isinstance(head, LinearHead):
        return d_hidden, LinearHead(d_classifier.arrays())
    (derivative,) = tape.pop()  # of the activation
    d_hidden *= derivative
    d_x, d_pre_classifier = linear_backward(d_hidden, head.pre_classifier, tape)
    return d_x, replace(
        head, pre_classifier=d_pre_classifier.arrays(), classifier=d_classifier.arrays()
    )
