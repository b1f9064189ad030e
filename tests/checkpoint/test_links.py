"""Links in a checkpoint are followed; names in its files cannot leave its directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load

from skdistilbert import CheckpointError, DistilBertEmbedder, embed, load_model
from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
from skdistilbert.files.file_names import is_plain_name
from tests.checkpoint.fuzz import write
from tests.checkpoint.mutations import ELSEWHERE, INDEX
from tests.checkpoint.originals import WEIGHTS, dump, sentence_checkpoint, small_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _links(tmp_path: Path) -> None:
    try:
        (tmp_path / "link").symlink_to("nowhere")
    except OSError:
        pytest.skip("links can't be made here")


def test_links_to_another_directory_are_followed(tmp_path: Path) -> None:
    files = sentence_checkpoint()
    write(files, tmp_path / "plain")
    write(files, tmp_path / "linked", dict.fromkeys(files, ELSEWHERE))
    assert all((tmp_path / "linked" / name).is_symlink() for name in files)
    expected = DistilBertEmbedder(tmp_path / "plain").fit_transform(["one two"])
    got = DistilBertEmbedder(tmp_path / "linked").fit_transform(["one two"])
    np.testing.assert_array_equal(got, expected)


def test_shards_that_are_links(tmp_path: Path) -> None:
    files = small_checkpoint()
    shard = "model-00001-of-00001.safetensors"
    weight_map = dict.fromkeys(load(files[WEIGHTS]), shard)
    files |= {shard: files.pop(WEIGHTS), INDEX: dump({"weight_map": weight_map})}
    write(files, tmp_path / "model", {shard: ELSEWHERE, INDEX: ELSEWHERE})
    assert read_checkpoint(tmp_path / "model").config.dim == 32


@pytest.mark.parametrize("target", ["missing", "{name}", ".", "/dev/zero", "/dev/null"])
@pytest.mark.parametrize("name", ["config.json", "vocab.txt", WEIGHTS])
def test_links_to_missing_or_special_files(name: str, target: str, tmp_path: Path) -> None:
    files = small_checkpoint()
    del files["tokenizer.json"]
    write(files, tmp_path / "model", {name: target.format(name=name)})
    with pytest.raises(CheckpointError, match=rf"{name} does not exist"):
        PretrainedEncoder(tmp_path / "model")


def test_names_cannot_leave_the_directory(tmp_path: Path) -> None:
    files = sentence_checkpoint()
    write(files, tmp_path / "other")  # the names below lead to existing files
    for name in ("../other/model.safetensors", str(tmp_path / "other" / WEIGHTS)):
        weights = {key: value for key, value in files.items() if key != WEIGHTS}
        weight_map = dict.fromkeys(load(files[WEIGHTS]), name)
        write(weights | {INDEX: dump({"weight_map": weight_map})}, tmp_path / "model")
        with pytest.raises(CheckpointError, match="weight_map names .* in the same directory"):
            load_model(tmp_path / "model")
    for name in ("../other/1_Pooling", str(tmp_path / "other/1_Pooling"), "..", "a/../1_Pooling"):
        modules = json.loads(files["modules.json"])
        modules[1]["path"] = name
        write(files | {"modules.json": dump(modules)}, tmp_path / "model")
        encoder = PretrainedEncoder(tmp_path / "model")
        with pytest.raises(
            CheckpointError, match=r"modules.json: path must be '' or a path below"
        ):
            embed(encoder.model, encoder.tokenizer, ["one"])


@pytest.mark.parametrize("name", ["a", "a.safetensors", "1_Pooling", "ä b", ".hidden"])
def test_plain_names_are_accepted(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a\\b", "C:a", "a\0", "a/", "ä" * 128]
)
def test_other_names_are_rejected(name: str) -> None:
    assert not is_plain_name(name)


def test_saving_over_links_keeps_the_linked_files(tmp_path: Path) -> None:
    files = small_checkpoint()
    write(files, tmp_path / "model", dict.fromkeys(files, ELSEWHERE))
    model = load_model(tmp_path / "model")
    name = "embeddings.LayerNorm.bias"
    model.weights = model.weights | {name: np.ones(32, np.float32)}
    model.save_pretrained(tmp_path / "model")
    assert (tmp_path / ELSEWHERE / WEIGHTS).read_bytes() == files[WEIGHTS]
    saved = load((tmp_path / "model" / WEIGHTS).read_bytes())
    assert (saved[f"distilbert.{name}"] == 1).all()
