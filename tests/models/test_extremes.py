"""The largest and smallest weights of float32 lead to finite results or to one error."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertRegressor,
    NonFiniteError,
)
from skdistilbert.nn.pooling import POOLINGS
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

SCALES = (1e-45, 1e-38, 1e-30, 1e-19, 1e10, 1e19, 1e25, 1e30, 1e36, 1e38)
LARGEST = float(np.finfo(np.float32).max)


def scaled(tensor: np.ndarray, scale: float) -> np.ndarray:
    """Scale a tensor, to subnormal numbers or up to the largest."""
    return np.clip(tensor.astype(np.float64) * scale, -LARGEST, LARGEST).astype(np.float32)


def scaled_checkpoint(name: str, scale: float, tmp_path: Path) -> Path:
    """Return a checkpoint with a classification head and one scaled tensor of the encoder."""
    source = DATA / "distilbert-tiny-sequence-classification"
    directory = shutil.copytree(source, tmp_path / "model")
    tensors = load_file(directory / "model.safetensors")
    tensors[f"distilbert.{name}"] = scaled(tensors[f"distilbert.{name}"], scale)
    (directory / "model.safetensors").unlink()
    save_file(tensors, directory / "model.safetensors")
    return directory


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "name",
    [
        "embeddings.word_embeddings.weight",
        "transformer.layer.0.attention.q_lin.weight",
        "transformer.layer.0.ffn.lin1.weight",
        "transformer.layer.0.output_layer_norm.weight",
    ],
)
def test_estimators_return_finite_features_or_raise(
    name: str, scale: float, tmp_path: Path
) -> None:
    directory = scaled_checkpoint(name, scale, tmp_path)
    texts = ["one two", "", "the one"]
    for pooling in POOLINGS:
        try:
            embedder = DistilBertEmbedder(directory, pooling=pooling, normalize=True)
            assert np.isfinite(embedder.fit_transform(texts)).all()
        except NonFiniteError as error:
            assert "returned NaN or infinity" in str(error)  # noqa: PT017
    classifier = DistilBertClassifier.from_pretrained(directory)
    try:
        assert np.isfinite(classifier.predict_proba(texts)).all()
    except NonFiniteError as error:
        assert "returned NaN or infinity" in str(error)  # noqa: PT017


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    "name",
    ["transformer.layer.0.attention.q_lin.weight", "transformer.layer.1.output_layer_norm.weight"],
)
def test_training_returns_finite_results_or_raises(
    name: str, scale: float, tmp_path: Path
) -> None:
    directory = scaled_checkpoint(name, scale, tmp_path)
    texts, targets = ["one two", "", "the one", "two"], [0, 1, 0, 1]
    options = {"max_iter": 2, "random_state": 0}
    for estimator in (
        DistilBertClassifier(directory, **options),
        DistilBertClassifier(directory, trainable_layers="all", **options),
        DistilBertRegressor(directory, **options),
    ):
        try:
            assert np.isfinite(estimator.fit(texts, targets).predict(texts)).all()
        except ValueError as error:
            assert "returned NaN or infinity" in str(error) or "diverged" in str(error)  # noqa: PT017
