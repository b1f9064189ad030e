from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from safetensors.numpy import load, save

from skdistilbert import CheckpointError, DistilBertEmbedder, NonFiniteError
from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
from tests.checkpoint import fuzz
from tests.checkpoint.fuzz import write
from tests.checkpoint.originals import small_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


def test_damaged_checkpoints_load_correctly_or_are_refused(tmp_path: Path) -> None:
    outcomes = fuzz.run(700, 0, tmp_path / "model")
    assert outcomes["refused"] > outcomes["loaded"] > 50


@pytest.mark.parametrize(
    ("name", "field", "value", "message"),
    [
        ("config.json", "dim", 10**9, r"has shape .* expected \(160, 1000000000\)"),
        ("config.json", "n_layers", 10**9, "n_layers is 1000000000, but the weights have only"),
        ("config.json", "vocab_size", 161, r"has shape \(160, 32\); expected \(161, 32\)"),
        ("tokenizer_config.json", "do_lower_case", "no", "do_lower_case must be true or false"),
        ("tokenizer_config.json", "model_max_length", 1, "model_max_length must be an integer"),
        ("tokenizer_config.json", "model_max_length", "16", "model_max_length must be an integer"),
        ("sentence_bert_config.json", "max_seq_length", -1, "max_seq_length must be an integer"),
        ("tokenizer_config.json", "cls_token", 3, "cls_token must be a token: .* got 3"),
        ("tokenizer_config.json", "cls_token", "<s>", "The vocabulary has no '<s>'"),
        (
            "tokenizer_config.json",
            "added_tokens_decoder",
            {"x": {}},
            "must map ids to tokens",
        ),
        (
            "tokenizer_config.json",
            "added_tokens_decoder",
            {"-1": {"content": "a"}},
            "must map ids to tokens",
        ),
        (
            "tokenizer_config.json",
            "added_tokens_decoder",
            {"160": {"content": "<a>"}},
            "token id 160, but the model has only 160",
        ),
    ],
)
def test_contradictions_are_reported(
    name: str, field: str, value: object, message: str, tmp_path: Path
) -> None:
    files = small_checkpoint()
    files[name] = json.dumps(json.loads(files[name]) | {field: value}).encode()
    write(files, tmp_path / "model")
    with pytest.raises(CheckpointError, match=message):
        PretrainedEncoder(tmp_path / "model")


def test_code_in_a_repository_is_not_run(tmp_path: Path) -> None:
    files = small_checkpoint() | {"evil.py": b"raise SystemExit('run')"}
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoModel": "evil.Model"}}
    files["config.json"] = json.dumps(config | {"trust_remote_code": True}).encode()
    write(files, tmp_path / "model")
    PretrainedEncoder(tmp_path / "model")
    assert "evil" not in sys.modules


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes in this file system")
@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "model.safetensors"])
def test_a_pipe_is_refused(name: str, tmp_path: Path) -> None:
    write(small_checkpoint(), tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").unlink()
    (tmp_path / "model" / name).unlink()
    os.mkfifo(tmp_path / "model" / name)  # reading it would block
    with pytest.raises(CheckpointError, match=rf"{name} does not exist"):
        PretrainedEncoder(tmp_path / "model")


def test_features_that_overflow_are_refused(tmp_path: Path) -> None:
    files = small_checkpoint()
    tensors = load(files["model.safetensors"])
    for name, tensor in tensors.items():
        if "q_lin.weight" in name or "k_lin.weight" in name:
            tensors[name] = tensor * 0 + 3e38
    files["model.safetensors"] = save(tensors)
    write(files, tmp_path / "model")
    embedder = DistilBertEmbedder(tmp_path / "model").fit(["one"])
    with pytest.raises(NonFiniteError, match="returned NaN or infinity for the text in row 0"):
        embedder.transform(["one", "two"])
