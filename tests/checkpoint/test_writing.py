from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skdistilbert import DistilBertModel, load_model
from skdistilbert.checkpoint import read_checkpoint, write_checkpoint
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    "distilbert-tiny",
    "distilbert-tiny-sequence-classification",
    "distilbert-tiny-token-classification",
    "distilbert-tiny-question-answering",
    "distilbert-tiny-masked-lm",
    "bert-tiny-sequence-classification",
]


@pytest.mark.parametrize("name", NAMES)
def test_written_checkpoint_equals_the_original(name: str, tmp_path: Path) -> None:
    original = read_checkpoint(DATA / name)
    extra = {"vocab.txt": b"a\nb\n"}
    directory = tmp_path / "new" / "model"
    write_checkpoint(directory, original.config, original.weights, original.head, extra)
    written = read_checkpoint(directory)
    assert written.head == original.head
    assert written.config == original.config
    assert set(written.weights) == set(original.weights)
    for tensor_name, tensor in original.weights.items():
        np.testing.assert_array_equal(written.weights[tensor_name], tensor)
    assert (directory / "vocab.txt").read_bytes() == b"a\nb\n"
    assert json.loads((directory / "config.json").read_text())["model_type"] == name.split("-")[0]


def test_a_bert_keeps_its_options_and_its_pooler(tmp_path: Path) -> None:
    source = DATA / "bert-tiny-sequence-classification"
    load_model(source).save_pretrained(tmp_path)
    before, after = (json.loads((x / "config.json").read_text()) for x in (source, tmp_path))
    names = set(before) & set(after) - {"label2id"}
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert {"layer_norm_eps", "classifier_dropout", "hidden_dropout_prob", "id2label"} <= names
    tensors, originals = (load_file(x / "model.safetensors") for x in (tmp_path, source))
    assert set(tensors) == set(originals)
    types = "bert.embeddings.token_type_embeddings.weight"
    positions = "bert.embeddings.position_embeddings.weight"
    sums = ((each[positions][:, None] + each[types]) for each in (tensors, originals))
    np.testing.assert_allclose(*sums, atol=1e-6)
    for name in set(tensors) - {types, positions}:
        np.testing.assert_array_equal(tensors[name], originals[name])


def test_an_encoder_keeps_the_pooler_of_its_file(tmp_path: Path) -> None:
    DistilBertModel.from_pretrained(DATA / "bert-tiny-sequence-classification").save_pretrained(
        tmp_path
    )
    assert read_checkpoint(tmp_path).head is None
    assert "pooler.dense.weight" in load_file(tmp_path / "model.safetensors")


def rounded(tensor: np.ndarray, dtype: str) -> np.ndarray:
    """Convert a tensor to half precision; bfloat16, the upper half of float32, as uint16."""
    if dtype == "float16":
        return tensor.astype(np.float16)
    return (tensor.view(np.uint32) >> 16).astype(np.uint16)


def widened(half: np.ndarray) -> np.ndarray:
    if half.dtype == np.float16:
        return half.astype(np.float32)
    return (half.astype(np.uint32) << 16).view(np.float32)


def declare_bfloat16(file: Path) -> None:
    """Change the type in a file's header, as NumPy has no bfloat16."""
    content = file.read_bytes()
    stop = 8 + int.from_bytes(content[:8], "little")
    header = content[8:stop].replace(b'"U16"', b'"BF16"')
    file.write_bytes(len(header).to_bytes(8, "little") + header + content[stop:])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("distilbert")])
def test_half_precision_weights_are_written_in_float32_without_loss(
    name: str, dtype: str, tmp_path: Path
) -> None:
    directory = shutil.copytree(DATA / name, tmp_path / "half")
    file = directory / "model.safetensors"
    halves = {name: rounded(tensor, dtype) for name, tensor in load_file(file).items()}
    save_file(halves, file, {"format": "pt"})
    if dtype == "bfloat16":
        declare_bfloat16(file)
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"dtype": dtype}))
    load_model(directory).save_pretrained(tmp_path / "full")
    written = load_file(tmp_path / "full" / "model.safetensors")
    assert set(written) == set(halves)
    for tensor_name, half in halves.items():
        assert written[tensor_name].dtype == np.float32
        np.testing.assert_array_equal(written[tensor_name], widened(half))
    # transformers computes in this type; without it, in float32.
    assert "dtype" not in json.loads((tmp_path / "full" / "config.json").read_text())


def test_shards_of_an_earlier_save_are_removed(tmp_path: Path) -> None:
    original = read_checkpoint(DATA / "distilbert-tiny")
    for name in ("model.safetensors.index.json", "model-00001-of-00002.safetensors"):
        (tmp_path / name).write_text("old")
    write_checkpoint(tmp_path, original.config, original.weights, None)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"config.json", "model.safetensors"}
