from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from skdistilbert import CheckpointError, DistilBertConfig
from skdistilbert.checkpoint.config import Activation
from skdistilbert.nn.activations import ACTIVATIONS

if TYPE_CHECKING:
    from pathlib import Path

BERT: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 1536,
    "hidden_act": "relu",
    "layer_norm_eps": 1e-7,
    "type_vocab_size": 2,
    "vocab_size": 100,
}


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_bert_field_names_in_a_distilbert_file_are_read_as_transformers_does() -> None:
    transformers = pytest.importorskip("transformers")
    values: dict[str, Any] = {"model_type": "distilbert", "dim": 192, "n_heads": 12, "n_layers": 4}
    for name, value in {
        "hidden_size": 96,
        "num_attention_heads": 6,
        "num_hidden_layers": 2,
        "pad_token_id": None,
        "id2label": {"0": 5, "1": 7},
    }.items():
        values[name] = value
        ours = DistilBertConfig.from_dict(values)
        theirs = transformers.DistilBertConfig.from_dict(values)
        for size in ("dim", "n_heads", "n_layers"):
            assert getattr(ours, size) == getattr(theirs, size)
    assert ours.id2label == {0: "5", 1: "7"}


def test_unused_fields_may_be_null_and_labels_may_be_numbers() -> None:
    values = {"model_type": "distilbert", "pad_token_id": None, "id2label": {"0": 5, "1": 0.5}}
    config = DistilBertConfig.from_dict(values)
    assert (config.pad_token_id, config.id2label) == (0, {0: "5", 1: "0.5"})
    assert DistilBertConfig.from_dict({"n_heads": 12, "num_attention_heads": 6}).n_heads == 6


def test_the_model_type_may_be_missing() -> None:
    without = {name: value for name, value in BERT.items() if name != "model_type"}
    assert DistilBertConfig.from_dict(without) == DistilBertConfig.from_dict(BERT)
    assert DistilBertConfig.from_dict({"dim": 192}).dim == 192


def test_bert_fields_are_mapped() -> None:
    config = DistilBertConfig.from_dict(BERT)
    assert (config.dim, config.n_layers, config.n_heads, config.hidden_dim) == (384, 3, 6, 1536)
    assert (config.activation, config.layer_norm_eps, config.vocab_size) == ("relu", 1e-7, 100)
    assert (config.model_type, config.type_vocab_size) == ("bert", 2)


def test_a_bert_is_written_with_its_own_names() -> None:
    options = {"hidden_dropout_prob": 0.3, "problem_type": "regression", "id2label": {"0": "x"}}
    written = DistilBertConfig.from_dict(BERT | options).to_dict()
    assert {name: written[name] for name in BERT | options} == BERT | options
    assert written["classifier_dropout"] == 0.3
    assert not {"dim", "dropout", "seq_classif_dropout", "qa_dropout"} & set(written)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, 0.1),
        ({"hidden_dropout_prob": 0.4}, 0.4),
        ({"hidden_dropout_prob": 0.4, "classifier_dropout": None}, 0.4),
        ({"hidden_dropout_prob": 0.4, "classifier_dropout": 0.0}, 0.0),
        ({"seq_classif_dropout": 0.3}, 0.1),
    ],
)
def test_dropout_of_the_head_of_a_bert(values: dict[str, Any], expected: float) -> None:
    config = DistilBertConfig.from_dict(BERT | values)
    assert config.seq_classif_dropout == expected
    assert DistilBertConfig.from_dict(config.to_dict()) == config


def test_only_a_bert_uses_token_types() -> None:
    assert DistilBertConfig.from_dict(BERT).uses_token_types
    assert not DistilBertConfig.from_dict(BERT | {"type_vocab_size": 1}).uses_token_types
    assert not DistilBertConfig().uses_token_types
    values = {"model_type": "distilbert", "type_vocab_size": 0}  # ignored, as in transformers
    assert DistilBertConfig.from_dict(values) == DistilBertConfig()
    with pytest.raises(ValueError, match="model_type must be one of .*; got 'roberta'"):
        DistilBertConfig(model_type="roberta")  # type: ignore[arg-type]


def test_fields_of_distilbert_have_no_effect_in_a_bert_file() -> None:
    ours = {"dim": 96, "n_heads": 2, "n_layers": 1, "hidden_dim": 5, "activation": "relu"}
    ours |= {"dropout": 0.5, "attention_dropout": 0.5, "sinusoidal_pos_embds": True}
    assert DistilBertConfig.from_dict(BERT | ours) == DistilBertConfig.from_dict(BERT)
    assert DistilBertConfig.from_dict(ours | BERT) == DistilBertConfig.from_dict(BERT)
    assert DistilBertConfig.from_dict({"model_type": "bert"}).n_layers == 12


def test_the_epsilon_of_a_distilbert_is_fixed() -> None:
    message = "sets layer_norm_eps to 1e-05, but DistilBERT always uses 1e-12"
    with pytest.warns(UserWarning, match=message):
        config = DistilBertConfig.from_dict({"layer_norm_eps": 1e-5})
    assert config.layer_norm_eps == 1e-12
    assert DistilBertConfig.from_dict({"layer_norm_eps": None}) == DistilBertConfig()
    assert "layer_norm_eps" not in DistilBertConfig().to_dict()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"num_labels": 3, "id2label": {"0": "a", "1": "b"}}, ["LABEL_0", "LABEL_1", "LABEL_2"]),
        ({"num_labels": 2, "id2label": {"0": "a", "1": "b"}}, ["a", "b"]),
        ({"num_labels": None, "id2label": {"0": "a", "1": "b"}}, ["a", "b"]),
        ({"num_labels": 1}, ["LABEL_0"]),
        ({"label2id": {"a": 0}}, ["LABEL_0", "LABEL_1"]),
    ],
)
def test_the_number_of_labels_decides_as_in_transformers(
    values: dict[str, Any], expected: list[str]
) -> None:
    config = DistilBertConfig.from_dict(values)
    assert [config.id2label[index] for index in range(config.num_labels)] == expected


def test_the_activations_are_those_of_the_network() -> None:
    assert set(get_args(Activation)) == set(ACTIVATIONS)


def test_to_dict_and_from_dict_are_inverse() -> None:
    labels = {0: "a", 1: "b", 2: "c"}
    config = DistilBertConfig(dim=8, n_heads=2, id2label=labels, problem_type="regression")
    assert DistilBertConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.num_labels == 3
    assert config.label2id == {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "roberta"}, "model_type must be 'distilbert' or 'bert'; got 'roberta'"),
        ({"n_layers": -1}, "n_layers must be an integer of at least 0; got -1"),
        ({"dim": "768"}, "dim must be an integer of at least 1; got '768'"),
        ({"dim": 768.0}, "dim must be an integer"),
        ({"vocab_size": True}, "vocab_size must be an integer"),
        ({"n_heads": 7}, "n_heads must divide dim; got n_heads=7 and dim=768"),
        ({"activation": "gelu_10"}, "activation must be one of .*'silu'.*; got 'gelu_10'"),
        ({"activation": ["gelu"]}, "activation must be one of"),
        ({"dropout": 2}, "dropout must be a number from 0 to 1; got 2"),
        ({"sinusoidal_pos_embds": 1}, "sinusoidal_pos_embds must be True or False; got 1"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label must name the outputs 0 to n - 1"),
        ({"id2label": {"x": "a"}}, "id2label: every key must be an integer"),
        ({"id2label": {"0": None}}, "id2label: every label must be a string; got None"),
        ({"id2label": []}, "id2label must be an object"),
        ({"architectures": "DistilBertModel"}, "architectures must be a list of names"),
        ({"num_labels": 10**12}, "num_labels must be a positive integer"),
        ({"num_labels": 0, "id2label": {"0": "a"}}, "num_labels must be a positive integer"),
        ({"quantization_config": {"bits": 8}}, "quantization_config must be None"),
        ({"per_layer_config": {"0": {"n_heads": 2}}}, "per_layer_config must be None or {}"),
        ({"problem_type": "ranking"}, "problem_type must be one of"),
        (BERT | {"position_embedding_type": "relative_key"}, "position_embedding_type must be"),
        (BERT | {"type_vocab_size": 0}, "type_vocab_size must be an integer of at least 1; got 0"),
        (BERT | {"is_decoder": True}, "is_decoder must be False"),
    ],
)
def test_invalid_values_are_reported(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistilBertConfig.from_dict(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        *(
            ({"id2label": labels}, f"id2label must .* in a dict without gaps; got {labels!r}")
            for labels in (None, "ab", {}, {0.0: "a"}, {True: "a", 0: "b"}, {0: "a", "x": "b"})
        ),
        ({"initializer_range": np.inf}, "initializer_range must be a finite number .* got inf"),
        ({"layer_norm_eps": np.nan}, "layer_norm_eps must be a finite number .* got nan"),
    ],
)
def test_invalid_parameters_are_reported(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DistilBertConfig(**values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not valid JSON"),
        (b"[]", "must hold an object, got list"),
        (b"\xff", "is not UTF-8"),
        (b'{"dropout": NaN}', "NaN is not a number in JSON"),
        (b'{"dim": 1, "dim": 2}', "the key 'dim' is repeated"),
        (b'{"dim": ' + b"[" * 100_000, "is nested too deeply|is not valid JSON"),
        (b'{"dim": -3}', "dim must be an integer"),
    ],
)
def test_a_malformed_file_is_reported(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as error:
        DistilBertConfig.from_pretrained(tmp_path)
    assert str(tmp_path / "config.json") in str(error.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json does not exist"):
        DistilBertConfig.from_pretrained(tmp_path)
