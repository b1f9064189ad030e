"""DistilBERT written as plainly as can be: one text at a time, tokens in rows, float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf
from scipy.special import softmax as scipy_softmax

from skdistilbert.nn.weights import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.floating]
    Tensors = dict[str, FloatArray]


def random_tensors(
    *,
    vocab_size: int = 50,
    positions: int = 40,
    dim: int = 24,
    hidden_dim: int = 37,
    n_layers: int,
) -> Tensors:
    rng = np.random.default_rng(0)
    shapes = {
        "embeddings.word_embeddings.weight": (vocab_size, dim),
        "embeddings.position_embeddings.weight": (positions, dim),
        "embeddings.LayerNorm": (dim,),
    }
    for index in range(n_layers):
        layer = f"transformer.layer.{index}"
        shapes |= {f"{layer}.attention.{x}_lin": (dim, dim) for x in ("q", "k", "v", "out")}
        shapes |= {f"{layer}.ffn.lin1": (hidden_dim, dim), f"{layer}.ffn.lin2": (dim, hidden_dim)}
        shapes |= {f"{layer}.sa_layer_norm": (dim,), f"{layer}.output_layer_norm": (dim,)}
    tensors = {}
    for name, shape in shapes.items():
        if name.endswith(".weight"):
            tensors[name] = rng.normal(0, 1, shape).astype(np.float32)
        else:
            mean = 1 if len(shape) == 1 else 0
            tensors[f"{name}.weight"] = rng.normal(mean, 0.3, shape).astype(np.float32)
            tensors[f"{name}.bias"] = rng.normal(0, 0.3, shape[0]).astype(np.float32)
    return tensors


def random_encoder(
    n_layers: int = 3, n_heads: int = 4, activation: str = "gelu", **sizes: int
) -> tuple[Encoder, Tensors]:
    tensors = random_tensors(n_layers=n_layers, **sizes)
    encoder = Encoder.from_tensors(
        tensors,
        n_layers=n_layers,
        n_heads=n_heads,
        activation=activation,  # type: ignore[arg-type]
        layer_norm_eps=1e-12,
    )
    return encoder, tensors


def hidden_states(
    tensors: Tensors,
    ids: Sequence[int],
    *,
    n_heads: int = 4,
    activation: str = "gelu",
    positions: Sequence[int] | None = None,
    token_types: Sequence[int] | None = None,
) -> list[FloatArray]:
    """Every hidden state of one text: (length, dim) each."""
    t = {name: value.astype(np.float64) for name, value in tensors.items()}
    n_layers = sum(name.endswith("ffn.lin1.weight") for name in t)
    positions = range(len(ids)) if positions is None else positions
    x = t["embeddings.word_embeddings.weight"][list(ids)]
    x = x + t["embeddings.position_embeddings.weight"][list(positions)]
    if token_types is not None:
        x = x + np.outer(token_types, t["embeddings.token_type_difference"])
    states = [_norm(x, t, "embeddings.LayerNorm")]
    for index in range(n_layers):
        states.append(_layer(states[-1], t, f"transformer.layer.{index}", n_heads, activation))
    return states


def _layer(x: FloatArray, t: Tensors, name: str, n_heads: int, activation: str) -> FloatArray:
    heads = [
        np.split(_linear(x, t, f"{name}.attention.{part}_lin"), n_heads, axis=1) for part in "qkv"
    ]
    context = [
        scipy_softmax(q @ k.T / np.sqrt(q.shape[1]), axis=1) @ v
        for q, k, v in zip(*heads, strict=True)
    ]
    attended = _linear(np.concatenate(context, axis=1), t, f"{name}.attention.out_lin")
    x = _norm(x + attended, t, f"{name}.sa_layer_norm")
    inner = _linear(x, t, f"{name}.ffn.lin1")
    inner = np.maximum(inner, 0) if activation == "relu" else gelu(inner)
    return _norm(x + _linear(inner, t, f"{name}.ffn.lin2"), t, f"{name}.output_layer_norm")


def gelu(x: FloatArray) -> FloatArray:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def _linear(x: FloatArray, t: Tensors, name: str) -> FloatArray:
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(x: FloatArray, t: Tensors, name: str) -> FloatArray:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    return scaled * t[f"{name}.weight"] + t[f"{name}.bias"]
