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


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("1_Pooling", {"pooling_mode": 3}, "pooling_mode must be one or several of cls, "),
        ("1_Pooling", {"pooling_mode": []}, r"pooling_mode must be .* got \[\]"),
        ("1_Pooling", {"pooling_mode_cls_token": "no"}, "pooling_mode_cls_token must be true or"),
        ("2_Dense", {"in_features": 33}, "in_features must be 32, .* got 33"),
        ("2_Dense", {"out_features": 10**9}, r"2_Dense.model.safetensors: expected the tensors"),
        ("2_Dense", {"bias": None}, "bias must be true or false; got None"),
        ("2_Dense", {"module_input_name": ["x"]}, "module_input_name|names other than"),
        ("2_Dense", {"activation_function": "os.system"}, "activation_function must be one of"),
    ],
)
def test_lies_of_modules_are_named(
    file: str, changes: dict[str, object], message: str, directory: Path
) -> None:
    config = directory / file / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(CheckpointError, match=message) as error:
        DistilBertEmbedder(directory, pooling=None).fit_transform(["one"])
    assert str(directory / file) in str(error.value)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("3", "None is no module of sentence-transformers"),
        ("[]", "expected Transformer, Pooling"),
        ('[], "x": []', "is not valid JSON"),
        ('[{"type": "os.system", "path": ""}]', "'os.system' is no module"),
    ],
)
def test_lies_in_the_list_of_modules(modules: str, message: str, directory: Path) -> None:
    (directory / "modules.json").write_text(modules)
    with pytest.raises(CheckpointError, match=rf"modules\.json: {message}"):
        DistilBertEmbedder(directory, pooling=None).fit_transform(["one"])


def test_a_dense_module_must_be_finite(directory: Path) -> None:
    file = directory / "2_Dense" / "model.safetensors"
    save_file({"linear.weight": np.full((2, 32), np.nan, np.float32)}, file)
    with pytest.raises(CheckpointError, match="'linear.weight' holds NaN"):
        DistilBertEmbedder(directory, pooling=None).fit_transform(["one"])


def test_features_that_overflow_in_a_dense_module_do_not_warn(directory: Path) -> None:
    file = directory / "2_Dense" / "model.safetensors"
    weight = np.full((2, 32), 3e38, np.float32)
    weight[:, ::2] *= -1
    save_file({"linear.weight": weight}, file)
    with pytest.raises(CheckpointError, match="gives NaN or infinity for the text in row 0"):
        DistilBertEmbedder(directory, pooling=None).fit_transform(["one"])


def test_a_pickled_dense_module_is_refused_with_the_remedy(directory: Path) -> None:
    (directory / "2_Dense" / "model.safetensors").rename(directory / "2_Dense/pytorch_model.bin")
    with pytest.raises(CheckpointError, match="Pickles are never read; convert it once"):
        DistilBertEmbedder(directory, pooling=None).fit(["one"])
    DistilBertEmbedder(directory, pooling="mean").fit(["one"])
