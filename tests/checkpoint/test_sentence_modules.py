from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save_file

from skdistilbert import CheckpointError, DistilBertEmbedder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tiny: Path, tmp_path: Path) -> Path:
    made = shutil.copytree(tiny, tmp_path / "model")
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    paths = ("", "1_Pooling", "2_Dense", "3_Normalize")
    modules = [
        {"path": path, "type": f"sentence_transformers.models.{kind}"}
        for kind, path in zip(kinds, paths, strict=True)
    ]
    (made / "modules.json").write_text(json.dumps(modules))
    configs = {"1_Pooling": {"pooling_mode": "max"}, "2_Dense": {"in_features": 32}}
    configs["2_Dense"] |= {"out_features": 2, "bias": False}
    for name, config in configs.items():
        (made / name).mkdir()
        (made / name / "config.json").write_text(json.dumps(config))
    weight = np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)
    save_file({"linear.weight": weight}, made / "2_Dense" / "model.safetensors")
    return made


def test_the_embedder_follows_the_modules(directory: Path) -> None:
    embedder = DistilBertEmbedder(directory, pooling=None).fit(["one"])
    pooled = DistilBertEmbedder(directory, pooling="max").fit_transform(["one", "two"])
    weight = np.random.default_rng(0).normal(size=(2, 32))
    expected = np.tanh(pooled @ weight.T)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.transform(["one", "two"]), expected, atol=1e-5)
    assert len(embedder.get_feature_names_out()) == 2


def test_a_pickled_dense_module_is_refused_with_the_remedy(directory: Path) -> None:
    (directory / "2_Dense" / "model.safetensors").rename(directory / "2_Dense/pytorch_model.bin")
    with pytest.raises(CheckpointError, match="Pickles are never read; convert it once"):
        DistilBertEmbedder(directory, pooling=None).fit(["one"])
    DistilBertEmbedder(directory, pooling="mean").fit(["one"])
