from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from skdistilbert import CheckpointError, load_model
from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.checkpoint.config_fields import BERT_FIELDS
from skdistilbert.checkpoint.tensor_names import BERT_TO_DISTILBERT
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tensors = dict[str, np.ndarray]

WEIGHTS = "model.safetensors"


@pytest.fixture
def copy(tmp_path: Path, tiny: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "model")


def rewrite(directory: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file(change(load_file(directory / WEIGHTS)), directory / WEIGHTS)


def without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if key != name}


def set_config(directory: Path, **values: Any) -> None:  # noqa: ANN401
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def assert_same_weights(got: Path, expected: Path) -> None:
    ours, theirs = read_checkpoint(got).weights, read_checkpoint(expected).weights
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(ours[name], tensor)


def test_weights_are_read_only_views(tiny: Path) -> None:
    weights = read_checkpoint(tiny).weights
    words = weights["embeddings.word_embeddings.weight"]
    assert words.dtype == np.float32
    assert not words.flags.owndata
    assert not words.flags.writeable


def test_prefix_and_old_layer_norm_names(copy: Path, tiny: Path) -> None:
    def rename(tensors: Tensors) -> Tensors:
        old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        renamed = {}
        for name, tensor in tensors.items():
            for new, former in old.items():
                name = name.replace(new, former)
            renamed[f"distilbert.{name}"] = tensor
        return renamed

    rewrite(copy, rename)
    assert_same_weights(copy, tiny)


def test_shards(copy: Path, tiny: Path) -> None:
    tensors = load_file(copy / WEIGHTS)
    names = sorted(tensors)
    weight_map = {}
    for index, part in enumerate((names[:20], names[20:])):
        file = f"model-0000{index + 1}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, copy / file)
        weight_map |= dict.fromkeys(part, file)
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (copy / WEIGHTS).unlink()
    assert_same_weights(copy, tiny)


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "sub/x.safetensors"])
def test_shards_outside_the_directory_are_refused(copy: Path, name: str) -> None:
    (copy / WEIGHTS).unlink()
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(CheckpointError, match="expected .safetensors files in the same directory"):
        read_checkpoint(copy)


def test_float16_is_converted_to_float32(copy: Path) -> None:
    full = load_file(copy / WEIGHTS)
    rewrite(copy, lambda tensors: {k: v.astype(np.float16) for k, v in tensors.items()})
    for name, tensor in read_checkpoint(copy).weights.items():
        assert tensor.dtype == np.float32
        np.testing.assert_allclose(tensor, full[name], atol=1e-3)


def test_float64_is_rounded_to_float32(copy: Path, tiny: Path) -> None:
    rewrite(copy, lambda tensors: {k: v.astype(np.float64) for k, v in tensors.items()})
    assert_same_weights(copy, tiny)
    assert read_checkpoint(copy).weights["embeddings.LayerNorm.bias"].dtype == np.float32


def test_a_bert_encoder_is_a_distilbert(copy: Path, tiny: Path) -> None:
    backwards = [(ours, theirs) for theirs, ours in BERT_TO_DISTILBERT[:9]]

    def as_bert(tensors: Tensors) -> Tensors:
        bert = {}
        for name, tensor in tensors.items():
            for ours, theirs in backwards:
                name = name.replace(ours, theirs)
            bert[f"bert.{name}"] = tensor
        types = np.full((2, 32), 0.5, np.float32)
        types[1] = 2
        extra = {"embeddings.token_type_embeddings.weight": types, "pooler.dense.bias": types[0]}
        return bert | {f"bert.{name}": tensor for name, tensor in extra.items()}

    rewrite(copy, as_bert)
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": 32,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "intermediate_size": 37,
        "max_position_embeddings": 128,
        "vocab_size": 1124,
    }
    (copy / "config.json").write_text(json.dumps(config))
    ours, original = read_checkpoint(copy).weights, read_checkpoint(tiny).weights
    difference = "embeddings.token_type_difference"
    assert set(ours) == {*original, difference, "pooler.dense.bias"}
    np.testing.assert_array_equal(ours[difference], np.full(32, 1.5))
    positions = "embeddings.position_embeddings.weight"
    np.testing.assert_array_equal(ours[positions], original[positions] + np.float32(0.5))
    for name in set(original) - {positions}:
        np.testing.assert_array_equal(ours[name], original[name])


def token_types(table: object) -> Callable[[Tensors], Tensors]:
    name = "bert.embeddings.token_type_embeddings.weight"
    return lambda tensors: tensors | {name: np.array(table, np.float32)}


def test_a_bert_may_have_one_token_type(copy: Path) -> None:
    make_bert(copy, "BertModel", type_vocab_size=1)
    rewrite(copy, token_types(np.ones((1, 32))))
    model = load_model(copy)
    assert not model.config.uses_token_types
    assert "embeddings.token_type_difference" not in model.weights


def test_the_first_two_of_many_token_types_are_used(copy: Path) -> None:
    make_bert(copy, "BertModel", type_vocab_size=4)
    rewrite(copy, token_types(np.arange(4)[:, None] * np.ones(32)))
    np.testing.assert_array_equal(
        read_checkpoint(copy).weights["embeddings.token_type_difference"], np.ones(32)
    )


def test_malformed_token_types_are_reported(copy: Path) -> None:
    make_bert(copy, "BertModel")
    for table, message in (
        (
            np.zeros((3, 32)),
            r"type_embeddings.weight' has shape \(3, 32\); expected \(2, 32",
        ),
        (np.zeros(32), r"type_embeddings.weight' has shape \(32,\); expected \(2, 32"),
        (np.full((2, 32), np.nan), "token_type_embeddings.weight' holds NaN or infinity"),
    ):
        rewrite(copy, token_types(table))
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(copy)
    rewrite(copy, without("bert.embeddings.token_type_embeddings.weight"))
    with pytest.raises(CheckpointError, match="token_type_embeddings.weight' is missing"):
        read_checkpoint(copy)


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return shutil.copytree(DATA / "bert-tiny-sequence-classification", tmp_path / "bert")


def test_the_head_of_a_bert_needs_its_pooler(bert: Path) -> None:
    rewrite(bert, without("bert.pooler.dense.weight"))
    with pytest.raises(CheckpointError, match="tensor 'pooler.dense.weight' is missing"):
        read_checkpoint(bert)
    assert read_checkpoint(bert, encoder_only=True).head is None


@pytest.mark.parametrize("name", ["bert.pooler.dense.weight", "classifier.bias"])
def test_malformed_tensors_of_the_head_of_a_bert_are_reported(name: str, bert: Path) -> None:
    rewrite(bert, lambda tensors: tensors | {name: np.zeros((31, 32), np.float32)})
    message = rf"model.safetensors: tensor '{name}' has shape \(31, 32\); expected \(3"
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(bert)


def test_other_heads_of_a_bert_do_not_read_its_pooler(bert: Path) -> None:
    set_config(bert, architectures=["BertForTokenClassification"])
    checkpoint = read_checkpoint(bert)
    assert checkpoint.head == "token_classification"
    assert "pooler.dense.weight" not in checkpoint.weights


def test_the_head_of_a_bert_is_found_by_its_tensors(bert: Path) -> None:
    set_config(bert, architectures=None)
    assert read_checkpoint(bert).head == "sequence_classification"
    rewrite(bert, without("bert.pooler.dense.bias"))
    rewrite(bert, without("bert.pooler.dense.weight"))
    assert read_checkpoint(bert).head == "token_classification"


@pytest.mark.parametrize(
    "architecture", ["BertForMultipleChoice", "BertForNextSentencePrediction"]
)
def test_unsupported_heads_are_explained(copy: Path, architecture: str) -> None:
    set_config(copy, architectures=[architecture])
    with pytest.raises(CheckpointError, match="no counterpart.*DistilBertModel.from_pret"):
        read_checkpoint(copy)
    assert read_checkpoint(copy, encoder_only=True).head is None


@pytest.mark.parametrize(
    "name",
    ["sequence-classification", "token-classification", "question-answering", "masked-lm"],
)
@pytest.mark.parametrize("architectures", ["stated", "not stated"])
def test_the_head_is_found(name: str, architectures: str, tmp_path: Path) -> None:
    directory = shutil.copytree(DATA / f"distilbert-tiny-{name}", tmp_path / "model")
    if architectures == "not stated":
        set_config(directory, architectures=None)
    assert read_checkpoint(directory).head == name.replace("-", "_")


@pytest.mark.parametrize("architecture", ["BertForMaskedLM", "BertForPreTraining"])
def test_the_next_sentence_head_is_ignored(tmp_path: Path, architecture: str) -> None:
    copy = shutil.copytree(DATA / "distilbert-tiny-masked-lm", tmp_path / "model")
    expected = read_checkpoint(copy)
    config = json.loads((copy / "config.json").read_text())
    sizes = {theirs: config[ours] for theirs, ours in BERT_FIELDS.items()}
    set_config(copy, model_type="bert", architectures=[architecture], **sizes)
    rewrite(copy, lambda tensors: {name.removeprefix("distil"): x for name, x in tensors.items()})
    with pytest.raises(CheckpointError, match="'embeddings.token_type_embeddings.weight' is miss"):
        read_checkpoint(copy)
    types = {"bert.embeddings.token_type_embeddings.weight": (2, 32)}
    rewrite(copy, lambda tensors: tensors | _zeros(types))
    next_sentence = {"cls.seq_relationship.weight": (2, 32), "cls.seq_relationship.bias": (2,)}
    rewrite(copy, lambda tensors: tensors | _zeros(next_sentence))
    got = read_checkpoint(copy)
    assert got.head == "masked_lm"
    assert set(got.weights) == {*expected.weights, "embeddings.token_type_difference"}
    assert read_checkpoint(copy, encoder_only=True).head is None


def test_an_encoder_is_read_without_other_tensors(copy: Path) -> None:
    rewrite(copy, lambda tensors: tensors | _zeros({"linear.weight": (8, 32)}))
    set_config(copy, architectures=["HF_ColBERT"])
    assert "linear.weight" not in read_checkpoint(copy, encoder_only=True).weights
    with pytest.raises(CheckpointError, match="'HF_ColBERT' cannot be loaded .* only its enc"):
        read_checkpoint(copy)
    set_config(copy, architectures=["DistilBertModel"])
    with pytest.warns(UserWarning, match="tensor 'linear.weight' is not used"):
        read_checkpoint(copy)
    rewrite(copy, lambda tensors: tensors | _zeros({"classifier.weight": (8, 32)}))
    with pytest.raises(
        CheckpointError,
        match="'classifier.bias' is missing|'classifier.weight' is unexpected.*heads",
    ):
        read_checkpoint(copy)
    rewrite(copy, lambda tensors: tensors | _zeros({"transformer.layer.9.x": (8, 32)}))
    with pytest.raises(CheckpointError, match=r"'transformer.layer.9.x' is unexpected.*model\.$"):
        read_checkpoint(copy, encoder_only=True)


def _zeros(shapes: dict[str, tuple[int, ...]]) -> Tensors:
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def test_the_projector_is_tied(tmp_path: Path) -> None:
    directory = shutil.copytree(DATA / "distilbert-tiny-masked-lm", tmp_path / "model")
    weights = read_checkpoint(directory).weights
    assert weights["vocab_projector.weight"] is weights["embeddings.word_embeddings.weight"]
    set_config(directory, tie_word_embeddings=False)
    with pytest.raises(CheckpointError, match=r"'vocab_projector.weight' is missing"):
        read_checkpoint(directory)


@pytest.mark.parametrize("model_type", ["distilbert", "bert"])
def test_the_word_embeddings_may_be_stored_as_the_projector(
    model_type: str, tmp_path: Path
) -> None:
    source = DATA / "distilbert-tiny-masked-lm"
    copy = shutil.copytree(source, tmp_path / "model")
    words = "distilbert.embeddings.word_embeddings.weight"
    rewrite(
        copy,
        lambda tensors: {
            "vocab_projector.weight" if name == words else name: tensor
            for name, tensor in tensors.items()
        },
    )
    if model_type == "bert":
        make_bert(copy, "BertForMaskedLM")
    expected, got = read_checkpoint(source), read_checkpoint(copy)
    assert got.weights["vocab_projector.weight"] is got.weights[words.removeprefix("distilbert.")]
    for name, tensor in expected.weights.items():
        np.testing.assert_array_equal(got.weights[name], tensor)
    encoder = read_checkpoint(copy, encoder_only=True).weights
    np.testing.assert_array_equal(encoder["embeddings.word_embeddings.weight"], tensor_of(source))
    set_config(copy, tie_word_embeddings=False)
    with pytest.raises(CheckpointError, match="'embeddings.word_embeddings.weight' is missing"):
        read_checkpoint(copy)


def tensor_of(directory: Path) -> np.ndarray:
    return load_file(directory / WEIGHTS)["distilbert.embeddings.word_embeddings.weight"]


def make_bert(directory: Path, architecture: str, **config: object) -> None:
    """Rewrite a DistilBERT as a BERT with zeros for the token types."""
    values = json.loads((directory / "config.json").read_text())
    sizes = {theirs: values[ours] for theirs, ours in BERT_FIELDS.items()}
    set_config(directory, model_type="bert", architectures=[architecture], **sizes, **config)
    rewrite(directory, _with_bert_names)


def _with_bert_names(tensors: Tensors) -> Tensors:
    renamed = _zeros({"bert.embeddings.token_type_embeddings.weight": (2, 32)})
    for name, tensor in tensors.items():
        name = name.replace("distilbert.", "bert.")  # noqa: PLW2901, RUF100
        for theirs, ours in BERT_TO_DISTILBERT:
            name = name.replace(ours, theirs)  # noqa: PLW2901, RUF100
        renamed[name] = tensor
    return renamed


def test_the_bias_of_the_decoder_is_used_as_in_transformers(tmp_path: Path) -> None:
    copy = shutil.copytree(DATA / "distilbert-tiny-masked-lm", tmp_path / "model")
    make_bert(copy, "BertForMaskedLM")
    biases = {
        f"cls.predictions.{name}": value for name, value in (("bias", 1), ("decoder.bias", 2))
    }
    rewrite(
        copy,
        lambda tensors: (
            tensors | {name: np.full(1124, value, np.float32) for name, value in biases.items()}
        ),
    )
    assert (read_checkpoint(copy).weights["vocab_projector.bias"] == 2).all()


def test_a_missing_tensor_is_named(copy: Path) -> None:
    rewrite(copy, without("transformer.layer.3.ffn.lin1.bias"))
    message = r"model\.safetensors: tensor 'transformer\.layer\.3\.ffn\.lin1\.bias' is missing"
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(copy)


def test_an_unexpected_tensor_is_named(copy: Path) -> None:
    name = "transformer.layer.0.adapter.weight"
    rewrite(copy, lambda tensors: tensors | {name: np.zeros(3, np.float32)})
    with pytest.raises(CheckpointError, match=r"tensor 'transformer.*adapter.* is unexpected"):
        read_checkpoint(copy)


def test_constant_tensors_and_loss_weights_are_ignored(tmp_path: Path) -> None:
    source = DATA / "distilbert-tiny-sequence-classification"
    copy = shutil.copytree(source, tmp_path / "model")
    constants = {"embeddings.token_type_ids": (1, 128), "embeddings.position_ids": (1, 128)}
    unused = {f"distilbert.{name}": shape for name, shape in constants.items()}
    unused |= {"loss_fct.weight": (3,), "criterion.pos_weight": (3,), "class_weights": (3,)}
    rewrite(copy, lambda tensors: tensors | _zeros(unused))
    assert_same_weights(copy, source)


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "model.", "0.auto_model."])
@pytest.mark.parametrize("name", ["distilbert-tiny", "distilbert-tiny-token-classification"])
def test_names_of_a_wrapper_are_removed(wrapper: str, name: str, tmp_path: Path) -> None:
    copy = shutil.copytree(DATA / name, tmp_path / "model")
    rewrite(copy, lambda tensors: {wrapper + name: each for name, each in tensors.items()})
    assert_same_weights(copy, DATA / name)


def test_two_encoders_in_one_file_are_refused(copy: Path) -> None:
    rewrite(
        copy,
        lambda tensors: {
            f"{part}.{name}": tensor.copy()
            for part in ("query", "text")
            for name, tensor in tensors.items()
        },
    )
    with pytest.raises(CheckpointError, match=r"has several encoders.*'query\.', 'text\.'"):
        read_checkpoint(copy)


def test_the_error_shows_tensor_names_of_the_file(copy: Path) -> None:
    rewrite(
        copy, lambda tensors: {f"x{index}": each for index, each in enumerate(tensors.values())}
    )
    with pytest.raises(CheckpointError, match=r"tensors \(.*\) are missing; .*such as 'x0', 'x1'"):
        read_checkpoint(copy)
    rewrite(copy, lambda _: _zeros({"base_model.model.q_lin.lora_A.weight": (8, 32)}))
    with pytest.raises(CheckpointError, match="has LoRA layers. Merge them .* merge_and_unload"):
        read_checkpoint(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "a git-lfs pointer.* pull",
        ),
        (b"<!DOCTYPE html><html></html>", "a web page, .*Download the file itself"),
        (b"PK\x03\x04abcdefghij", "a pickle of PyTorch, which is never read"),
        (b"", "empty, probably because a download"),
    ],
)
@pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
def test_a_file_of_another_kind_is_recognised(
    name: str, content: bytes, message: str, copy: Path
) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{name}: is not .*, but {message}"):
        read_checkpoint(copy)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_byte_order_mark_is_recognised(mark: bytes, copy: Path) -> None:
    file = copy / "config.json"
    file.write_bytes(mark + file.read_bytes())
    with pytest.raises(CheckpointError, match=r"config.json: .*Save it as UTF-8 without"):
        read_checkpoint(copy)


def test_an_adapter_is_refused(copy: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    for also_missing in (None, "config.json", WEIGHTS):
        (copy / (also_missing or "x")).unlink(missing_ok=True)
        with pytest.raises(CheckpointError, match="it is an adapter .*LoRA.*merge_and_unload"):
            read_checkpoint(copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model-00001-of-00002.safetensors", "has shards such as .* without their index"),
        ("weights.safetensors", "but 'weights.safetensors'. If this file has the weights, rename"),
        ("tf_model.h5", "but 'tf_model.h5'.*Convert it"),
        ("checkpoint-5/model.safetensors", "but 'checkpoint-5/model.safetensors'. Give the path"),
        ("README.md", "model.safetensors.index.json does not exist either"),
    ],
)
def test_other_weights_of_a_directory_are_named(name: str, message: str, copy: Path) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / WEIGHTS).rename(copy / name)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors does not exist.*{message}"):
        read_checkpoint(copy)


def test_a_missing_shard_is_named(copy: Path) -> None:
    names = [f"model-0000{index}-of-00002.safetensors" for index in (1, 2)]
    (copy / WEIGHTS).rename(copy / names[0])
    index = {"weight_map": dict(zip("ab", names, strict=True))}
    (copy / f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=rf"lacks 1 of the 2 shards .* such as '{names[1]}'"):
        read_checkpoint(copy)


def test_a_misshaped_tensor_is_named(copy: Path) -> None:
    name = "transformer.layer.0.attention.q_lin.weight"
    rewrite(copy, lambda tensors: tensors | {name: np.zeros((32, 31), np.float32)})
    message = r"q_lin\.weight' has shape \(32, 31\); expected \(32, 32\)"
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(copy)


def test_a_tensor_of_another_type_is_named(copy: Path) -> None:
    rewrite(copy, lambda tensors: {k: v.astype(np.int8) for k, v in tensors.items()})
    with pytest.raises(CheckpointError, match="is I8; expected F32, F16, BF16 or F64. .*quantis"):
        read_checkpoint(copy)


def test_a_tensor_under_two_names_is_refused(copy: Path) -> None:
    name = "embeddings.LayerNorm.bias"
    rewrite(copy, lambda tensors: tensors | {f"distilbert.{name}": tensors[name]})
    with pytest.raises(CheckpointError, match="is also stored as"):
        read_checkpoint(copy)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(copy: Path, value: float) -> None:
    name = "embeddings.LayerNorm.bias"
    rewrite(copy, lambda tensors: tensors | {name: np.full(32, value, np.float32)})
    with pytest.raises(CheckpointError, match=rf"'{name}' holds NaN or infinity"):
        read_checkpoint(copy)
    model = load_model(copy, allow_non_finite=True)
    assert np.isnan(model([[1, 2]]).last_hidden_state).any()


def test_large_finite_weights_are_accepted(copy: Path) -> None:
    name = "embeddings.LayerNorm.bias"
    rewrite(copy, lambda tensors: tensors | {name: np.full(32, 3e38, np.float32)})
    assert read_checkpoint(copy).weights[name].max() == np.float32(3e38)


def test_sinusoidal_positions_may_be_missing(copy: Path) -> None:
    rewrite(copy, without("embeddings.position_embeddings.weight"))
    with pytest.raises(CheckpointError, match="position_embeddings"):
        read_checkpoint(copy)
    set_config(copy, sinusoidal_pos_embds=True)
    positions = read_checkpoint(copy).weights["embeddings.position_embeddings.weight"]
    np.testing.assert_allclose(positions[1, :2], [np.sin(1), np.cos(1)], rtol=1e-6)


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 7, b"\xff" * 100, b"\x02" + b"\x00" * 7 + b"{}"]
)
def test_a_file_that_is_not_safetensors_is_named(copy: Path, content: bytes) -> None:
    (copy / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        read_checkpoint(copy)


def test_pickles_are_refused_with_the_remedy(copy: Path) -> None:
    (copy / WEIGHTS).unlink()
    (copy / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="Pickles are never read.*save_pretrained"):
        read_checkpoint(copy)


def test_the_fingerprint_depends_on_the_contents(copy: Path, tiny: Path) -> None:
    assert read_checkpoint(copy).fingerprint == read_checkpoint(tiny).fingerprint
    rewrite(copy, lambda tensors: tensors | {"embeddings.LayerNorm.bias": np.ones(32, np.float32)})
    assert read_checkpoint(copy).fingerprint != read_checkpoint(tiny).fingerprint


@pytest.mark.parametrize(
    "name",
    [
        "vocab.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "1_Pooling/config.json",
        "2_Dense/model.safetensors",
    ],
)
def test_the_fingerprint_depends_on_every_file_that_affects_results(copy: Path, name: str) -> None:
    seen = {read_checkpoint(copy).fingerprint}
    file = copy / name
    file.parent.mkdir(exist_ok=True)
    content = file.read_bytes() if file.is_file() else b""
    for more in (b" ", b"  "):
        file.write_bytes(content + more)
        seen.add(read_checkpoint(copy).fingerprint)
    assert len(seen) == 3
    (copy / "README.md").write_text("not read")
    assert read_checkpoint(copy).fingerprint in seen
