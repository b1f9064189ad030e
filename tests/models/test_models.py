from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    DistilBertModel,
    WordPieceTokenizer,
    load_model,
)
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

MODELS = {
    "distilbert-tiny": DistilBertModel,
    "distilbert-tiny-sequence-classification": DistilBertForSequenceClassification,
    "distilbert-tiny-token-classification": DistilBertForTokenClassification,
    "distilbert-tiny-question-answering": DistilBertForQuestionAnswering,
    "distilbert-tiny-masked-lm": DistilBertForMaskedLM,
    "bert-tiny-sequence-classification": DistilBertForSequenceClassification,
}
FIELDS = {
    DistilBertModel: ("last_hidden_state",),
    DistilBertForQuestionAnswering: ("start_logits", "end_logits"),
}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_equal_those_of_transformers(name: str) -> None:
    model = load_model(DATA / name)
    assert type(model) is MODELS[name]
    with np.load(DATA / f"{name}.npz") as reference:
        mask = reference["attention_mask"]
        types = reference.get("token_type_ids")
        output = model(
            reference["input_ids"],
            mask,
            token_type_ids=types,
            output_hidden_states=True,
            output_attentions=True,
        )
        for field in FIELDS.get(MODELS[name], ("logits",)):
            got, expected = getattr(output, field), reference[field]
            visible = mask > 0 if expected.shape[:2] == mask.shape else slice(None)
            assert got.dtype == np.float32
            assert got.shape == expected.shape
            np.testing.assert_allclose(got[visible], expected[visible], atol=1e-5)
        assert len(output.hidden_states) == len(reference["hidden_states"])
        for state, expected in zip(output.hidden_states, reference["hidden_states"], strict=True):
            np.testing.assert_allclose(state[mask > 0], expected[mask > 0], atol=1e-5)
        for got, expected in zip(output.attentions, reference["attentions"], strict=True):
            by_query = np.moveaxis(got, 1, 2)[mask > 0]  # (n_tokens, n_heads, seq_len)
            np.testing.assert_allclose(by_query, np.moveaxis(expected, 1, 2)[mask > 0], atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_hidden_states_and_attentions_are_returned_only_if_requested(name: str) -> None:
    model = load_model(DATA / name)
    ids = np.arange(12).reshape(2, 6)
    plain, full = model(ids), model(ids, output_hidden_states=True, output_attentions=True)
    assert plain.hidden_states is None
    assert plain.attentions is None
    np.testing.assert_allclose(plain[0], full[0], atol=1e-5)


def test_masked_positions_are_zero(tiny: Path) -> None:
    output = load_model(tiny)([[2, 10, 11, 3]], [[1, 0, 1, 0]])
    assert output.last_hidden_state[0, [0, 2]].any(axis=1).all()
    assert not output.last_hidden_state[0, [1, 3]].any()


def test_only_the_first_masked_position_has_a_state(tiny: Path) -> None:
    model = load_model(tiny)
    states = model([[0, 0, 2, 10, 3]], [[0, 0, 1, 1, 1]]).last_hidden_state[0]
    assert [bool(state.any()) for state in states] == [True, False, True, True, True]
    logits = load_model(DATA / "distilbert-tiny-masked-lm")(
        [[0, 0, 2, 10, 3]], [[0, 0, 1, 1, 1]]
    ).logits[0]
    assert [bool(row.any()) for row in logits] == [False, False, True, True, True]


@pytest.mark.parametrize("name", MODELS)
def test_empty_batches_return_empty_arrays(name: str) -> None:
    model = load_model(DATA / name)
    empty = model.tokenizer.encode_batch([])
    for ids, mask in ((empty.input_ids, empty.attention_mask), (np.zeros((0, 5)), None)):
        seq_len = np.asarray(ids).shape[1]
        output = model(ids, mask, output_hidden_states=True, output_attentions=True)
        for field in FIELDS.get(MODELS[name], ("logits",)):
            array = getattr(output, field)
            assert array.dtype == np.float32
            assert len(array) == 0
            if type(model) is not DistilBertForSequenceClassification:
                assert array.shape[1] == seq_len
        assert output.hidden_states[-1].shape == (0, seq_len, 32)
        assert output.attentions[-1].shape == (0, 4, seq_len, seq_len)
    assert model.hidden_states([]).shape == (0, 0, 32)
    assert model.pooled([], "mean").shape == (0, 32)
    with pytest.raises(ValueError, match=r"row of input_ids must have tokens; got shape \(2, 0\)"):
        model(np.zeros((2, 0), int))


def test_a_loaded_model_knows_its_tokenizer(tiny: Path) -> None:
    model = load_model(tiny)
    assert model.tokenizer == WordPieceTokenizer.from_pretrained(tiny)
    assert model.tokenizer is model.tokenizer
    assert DistilBertModel.from_pretrained(tiny).tokenizer == model.tokenizer
    with pytest.raises(AttributeError, match="not loaded from a checkpoint .* has no tokenizer"):
        _ = DistilBertModel(model.config, model.weights).tokenizer


def test_pickles_have_neither_tokenizer_nor_derived_weights(tiny: Path) -> None:
    model = load_model(tiny)
    fresh = pickle.dumps(model)
    expected = model([[2, 10, 3]]).last_hidden_state
    assert model.tokenizer
    assert len(pickle.dumps(model)) == len(fresh)
    again = pickle.loads(fresh)
    np.testing.assert_array_equal(again([[2, 10, 3]]).last_hidden_state, expected)
    assert again.tokenizer == model.tokenizer


def test_logits_of_ragged_and_padded_texts_are_equal() -> None:
    model = DistilBertForSequenceClassification.from_pretrained(
        DATA / "distilbert-tiny-sequence-classification"
    )
    ragged = model.logits([[2, 10, 11, 3], [2, 12, 3]])
    padded = model([[2, 10, 11, 3], [2, 12, 3, 0]], [[1, 1, 1, 1], [1, 1, 1, 0]]).logits
    np.testing.assert_allclose(ragged, padded, atol=1e-5)


def a_bert(name: str) -> DistilBertModel:
    """Return a model with token types."""
    model = load_model(DATA / name)
    difference = np.random.default_rng(0).normal(size=32).astype(np.float32)
    weights = {**model.weights, "embeddings.token_type_difference": difference}
    return type(model)(replace(model.config, model_type="bert"), weights)


IDS, TYPES = [[2, 10, 11, 3], [2, 12, 3], [2, 12, 3]], [[0, 0, 1, 1], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("name", MODELS)
def test_token_types_of_ragged_and_padded_texts_agree(name: str) -> None:
    model = a_bert(name)
    ids, types = ([[*row, 0][:4] for row in rows] for rows in (IDS, TYPES))
    mask = np.array(ids) > 0
    states = model(ids, mask, token_type_ids=types, output_hidden_states=True).hidden_states[-1]
    ragged = model.hidden_states(IDS, token_type_ids=TYPES)
    np.testing.assert_allclose(ragged, states, atol=1e-5)
    np.testing.assert_allclose(
        model.pooled(IDS, "cls", token_type_ids=TYPES), states[:, 0], atol=1e-5
    )
    alone = model.hidden_states(IDS[1:2])
    np.testing.assert_allclose(alone[0], states[2, :3], atol=1e-5)
    assert np.abs(alone[0] - states[1, :3]).max() > 0.1


@pytest.mark.parametrize("name", [name for name in MODELS if "cation" in name or "answ" in name])
def test_logits_depend_on_token_types(name: str) -> None:
    model = a_bert(name)
    arrays = [np.array(types, np.uint8) for types in TYPES]
    typed = model.logits(IDS, token_type_ids=arrays)
    plain = model.logits(IDS, token_type_ids=[[0] * len(ids) for ids in IDS])
    for got, expected in zip(plain, model.logits(IDS), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert [np.abs(a - b).max() > 1e-3 for a, b in zip(typed, plain, strict=True)] == [1, 1, 0]


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ([[0, 0, 1, 1]], "one list for each text; got 1 lists for 3 texts"),
        ([[0, 0, 1, 1], [0], [0] * 3], "text 1 has 3 tokens and 1 token types"),
        ([[0, 0, 2, 1], [0] * 3, [0] * 3], "0 for tokens of the first text .*; got 2"),
    ],
)
def test_invalid_token_types_raise(types: list[list[int]], message: str) -> None:
    model = a_bert("distilbert-tiny")
    with pytest.raises(ValueError, match=message):
        model.pooled(IDS, "mean", token_type_ids=types)


def test_invalid_padded_token_types_raise() -> None:
    model = a_bert("distilbert-tiny")
    for types, message in (
        ([[0, 1]], r"of the shape of input_ids, \(1, 3\); got int64 of shape \(1, 2\)"),
        ([[0, 1.0, 1]], "must be integers .*; got float64"),
        ([[0, -1, 1]], "0 for tokens of the first text .*; got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            model([[2, 10, 3]], token_type_ids=types)


def test_distilbert_has_no_second_token_type(tiny: Path) -> None:
    model = load_model(tiny)
    expected = model([[2, 10, 3]]).last_hidden_state
    got = model([[2, 10, 3]], token_type_ids=[[0, 0, 0]]).last_hidden_state
    np.testing.assert_array_equal(got, expected)
    for call in (model, model.hidden_states):
        with pytest.raises(ValueError, match="this model has one token type only; got 1"):
            call([[2, 10, 3]], token_type_ids=[[0, 1, 1]])


def test_the_base_class_reads_the_encoder_of_any_checkpoint() -> None:
    model = DistilBertModel.from_pretrained(DATA / "distilbert-tiny-masked-lm")
    assert model([[2, 3]]).last_hidden_state.shape == (1, 2, 32)


def test_a_checkpoint_with_another_head_raises(tiny: Path) -> None:
    with pytest.raises(CheckpointError, match="'masked_lm'; this one has none"):
        DistilBertForMaskedLM.from_pretrained(tiny)
    with pytest.raises(CheckpointError, match="'masked_lm'; this one has question_answering"):
        DistilBertForMaskedLM.from_pretrained(DATA / "distilbert-tiny-question-answering")


@pytest.mark.parametrize(
    ("input_ids", "attention_mask", "message"),
    [
        ([1, 2], None, r"of shape \(batch, seq_len\)"),
        ([[1, 2], [3]], None, "must have rows of equal length.*use tokenizer.encode_batch"),
        ([[1.0, 2.0]], None, "must be integers"),
        ([[1, 2]], [[1, 1, 1]], r"attention_mask must have the shape of input_ids, \(1, 2\)"),
        ([[1, 2], [3, 4]], [[1, 1], [0, 0]], "Row 1 of attention_mask hides every token"),
        ([[1, 1124]], None, "Token id 1124 is outside"),
        ([[1, -1]], None, "Token id -1 is outside"),
        ([[0] * 129], None, "129 tokens, but this model has positions for at most 128"),
    ],
)
def test_invalid_padded_input_raises(
    tiny: Path, input_ids: list[list[int]], attention_mask: list[list[int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_model(tiny)(input_ids, attention_mask)


def test_invalid_ragged_input_raises(tiny: Path) -> None:
    model = load_model(tiny)
    with pytest.raises(ValueError, match="Text 1 has no tokens"):
        model.pooled([[1], []], "mean")
    with pytest.raises(ValueError, match="Text 1 has 129 tokens"):
        model.pooled([[1], [1] * 129], "mean")


@pytest.mark.parametrize("name", MODELS)
def test_save_pretrained_writes_what_load_model_reads(name: str, tmp_path: Path) -> None:
    model = load_model(DATA / name)
    tokenizer = WordPieceTokenizer.from_pretrained(DATA / name)
    model.save_pretrained(tmp_path / "model", tokenizer)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    again = load_model(tmp_path / "model")
    assert type(again) is type(model)
    ids = np.arange(12).reshape(2, 6)
    for got, expected in zip(again(ids), model(ids), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert WordPieceTokenizer.from_pretrained(tmp_path / "model") == tokenizer


def test_save_pretrained_warns_if_transformers_differs(tiny: Path, tmp_path: Path) -> None:
    model = load_model(tiny)
    config = replace(model.config, layer_norm_eps=1e-5)
    with pytest.warns(UserWarning, match="layer_norm_eps is 1e-05, but .* always uses 1e-12"):
        DistilBertModel(config, dict(model.weights)).save_pretrained(tmp_path / "model")
    assert load_model(tmp_path / "model").config.layer_norm_eps == 1e-12


def test_repr_shows_the_sizes(tiny: Path) -> None:
    expected = "DistilBertModel(n_layers=5, dim=32, n_heads=4, vocab_size=1124)"
    assert repr(load_model(tiny)) == expected


def test_a_missing_file_raises(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors does not exist"):
        load_model(tmp_path / "model")
    with pytest.raises(CheckpointError, match="is not a directory"):
        load_model(tmp_path / "nowhere")
