from __future__ import annotations

import json
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from skdistilbert import (
    CheckpointError,
    DistilBertEmbedder,
    NonFiniteError,
    TruncationWarning,
    WordPieceTokenizer,
    embed,
    load_model,
    predict,
)

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert import DistilBertModel
    from skdistilbert.nn.pooling import Pooling

PROMPTS = {"query": "what is ", "passage": "one "}


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
    embedder = DistilBertEmbedder(directory).fit(["one"])
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
        ("1_Pooling", {"include_prompt": "no"}, "include_prompt must be true or false; got 'no'"),
        ("2_Dense", {"use_residual": True}, "use_residual must be false"),
        ("2_Dense", {"in_features": 33}, "in_features must be 32, .* got 33"),
        ("2_Dense", {"out_features": 10**9}, r"2_Dense.model.safetensors: expected the tensors"),
        ("2_Dense", {"bias": None}, "bias must be true or false; got None"),
        (
            "2_Dense",
            {"module_input_name": ["x"]},
            "module_input_name must be 'sentence_",
        ),
        ("2_Dense", {"activation_function": "os.system"}, "activation_function must be a class"),
        ("2_Dense", {"activation_function": "my.Tanh"}, "activation_function must be a class"),
        ("2_Dense", {"activation_function": "torch.nn.SELU"}, "activation_function must be one"),
        ("1_Pooling", {"pooling_mode_new": True}, "pooling_mode_new must be false"),
    ],
)
def test_invalid_modules_are_reported(
    file: str, changes: dict[str, object], message: str, directory: Path
) -> None:
    config = directory / file / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    with pytest.raises(CheckpointError, match=message) as error:
        DistilBertEmbedder(directory).fit_transform(["one"])
    assert str(directory / file) in str(error.value)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ("3", "None is not a sentence-transformers module"),
        ("[]", "expected Transformer, "),
        ('[], "x": []', "is not valid JSON"),
        ('[{"type": "os.system", "path": ""}]', "'os.system' is not a sentence"),
    ],
)
def test_an_invalid_list_of_modules_is_reported(
    modules: str, message: str, directory: Path
) -> None:
    (directory / "modules.json").write_text(modules)
    with pytest.raises(CheckpointError, match=rf"modules\.json: {message}"):
        DistilBertEmbedder(directory).fit_transform(["one"])


def test_a_directory_must_not_have_two_encoders(directory: Path, tiny: Path) -> None:
    shutil.copytree(tiny, directory / "0_Transformer")
    modules = json.loads((directory / "modules.json").read_text())
    modules[0]["path"] = "0_Transformer"
    (directory / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(CheckpointError, match="has two encoders: .* in '0_Transformer'"):
        DistilBertEmbedder(directory).fit(["one"])
    with pytest.raises(CheckpointError, match="Cannot save to .* the encoder is in '0_Tr"):
        load_model(tiny).save_pretrained(directory)
    (directory / "config.json").unlink()
    DistilBertEmbedder(directory).fit(["one"])


def test_vectors_are_truncated_to_truncate_dim(directory: Path) -> None:
    whole = DistilBertEmbedder(directory).fit_transform(["one", "two"])
    config = directory / "config_sentence_transformers.json"
    for stated, n_features in ((1, 1), (9, 2), (None, 2)):
        config.write_text(json.dumps({"truncate_dim": stated}))
        embedder = DistilBertEmbedder(directory).fit(["one"])
        np.testing.assert_array_equal(embedder.transform(["one", "two"]), whole[:, :n_features])
        assert len(embedder.get_feature_names_out()) == n_features
    config.write_text('{"truncate_dim": 0}')
    with pytest.raises(CheckpointError, match="truncate_dim must be an integer of at least 1"):
        DistilBertEmbedder(directory).fit(["one"])


def test_a_dense_module_must_be_finite(directory: Path) -> None:
    file = directory / "2_Dense" / "model.safetensors"
    save_file({"linear.weight": np.full((2, 32), np.nan, np.float32)}, file)
    with pytest.raises(CheckpointError, match="'linear.weight' holds NaN"):
        DistilBertEmbedder(directory).fit_transform(["one"])


def test_features_that_overflow_in_a_dense_module_do_not_warn(directory: Path) -> None:
    file = directory / "2_Dense" / "model.safetensors"
    weight = np.full((2, 32), 3e38, np.float32)
    weight[:, ::2] *= -1
    save_file({"linear.weight": weight}, file)
    with pytest.raises(NonFiniteError, match="returned NaN or infinity for the text in row 0"):
        DistilBertEmbedder(directory).fit_transform(["one"])


def test_a_changed_module_affects_new_fits_only(directory: Path) -> None:
    fitted = DistilBertEmbedder(directory).fit(["one"])
    before, pickled = fitted.transform(["one"]), pickle.dumps(fitted)
    file = directory / "2_Dense" / "model.safetensors"
    # Older releases of safetensors write into the mapped file, so it is replaced here.
    save_file({"linear.weight": np.ones((2, 32), np.float32)}, file.with_name("new"))
    file.with_name("new").replace(file)
    after = DistilBertEmbedder(directory).fit_transform(["one"])
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(fitted.transform(["one"]), before)
    with pytest.raises(CheckpointError, match="not the weights that this DistilBertEmbedder"):
        pickle.loads(pickled).transform(["one"])


def test_a_pickled_dense_module_is_refused(directory: Path) -> None:
    (directory / "2_Dense" / "model.safetensors").rename(directory / "2_Dense/pytorch_model.bin")
    with pytest.raises(CheckpointError, match="Pickles are never read; convert it once"):
        DistilBertEmbedder(directory).fit(["one"])
    DistilBertEmbedder(directory, pooling="mean").fit(["one"])


def edit(file: Path, **values: object) -> None:
    config = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(config | values))


def pair(directory: Path) -> tuple[DistilBertModel, WordPieceTokenizer]:
    return load_model(directory), WordPieceTokenizer.from_pretrained(directory)


def test_prompts_come_before_every_text(directory: Path) -> None:
    without = pair(directory)
    expected = embed(*without, ["what is it", "what is "])
    edit(directory / "config_sentence_transformers.json", prompts=PROMPTS)
    ours = pair(directory)
    texts = ["it", ""]
    for asked_for in ({"prompt": "what is "}, {"prompt_name": "query"}):
        np.testing.assert_allclose(embed(*ours, texts, **asked_for), expected, atol=1e-6)
        np.testing.assert_allclose(embed(*ours, "it", **asked_for), expected[0], atol=1e-6)
        embedder = DistilBertEmbedder(directory, **asked_for)
        np.testing.assert_allclose(embedder.fit_transform(texts), expected, atol=1e-6)
    np.testing.assert_array_equal(embed(*ours, texts), embed(*without, texts))
    np.testing.assert_array_equal(
        embed(*ours, texts, prompt_name="document"), embed(*ours, texts)
    )  # empty, as sentence-transformers has it


def test_the_default_prompt_belongs_to_the_modules(directory: Path) -> None:
    file = directory / "config_sentence_transformers.json"
    edit(file, prompts=PROMPTS, default_prompt_name="query")
    ours = pair(directory)

    def without(text: str, pooling: Pooling | None = None) -> np.ndarray:
        return embed(*ours, text, pooling=pooling, prompt="")

    np.testing.assert_array_equal(embed(*ours, "it"), without("what is it"))
    np.testing.assert_array_equal(embed(*ours, "it", pooling="mean"), without("it", "mean"))
    np.testing.assert_array_equal(
        embed(*ours, "it", pooling="mean", prompt_name="passage"), without("one it", "mean")
    )


def test_a_prompt_may_be_excluded_from_pooling(directory: Path) -> None:
    edit(directory / "1_Pooling" / "config.json", include_prompt=False, pooling_mode="mean")
    modules = json.loads((directory / "modules.json").read_text())
    (directory / "modules.json").write_text(json.dumps(modules[:2]))
    ours = pair(directory)
    (states,) = predict(*ours, "what is it then")  # [CLS] what is it then [SEP]
    got = embed(*ours, ["it then"], prompt="what is ")
    np.testing.assert_allclose(got[0], states[3:].mean(axis=0), atol=1e-6)
    with pytest.warns(TruncationWarning):
        cut = embed(*ours, ["it then"], prompt="what is ", max_length=4)
    np.testing.assert_allclose(cut[0], predict(*ours, "what is")[0, -1], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"prompt_name": "no"}, ValueError, "'query', 'document', 'passage', .*; got 'no'"),
        ({"prompt_name": "query", "prompt": "a"}, ValueError, "not both; got 'a' and 'query'"),
        ({"prompt": 3}, TypeError, "prompt must be .*; got 3"),
    ],
)
def test_wrong_prompts_are_reported(
    arguments: dict[str, Any], error: type[Exception], message: str, directory: Path
) -> None:
    edit(directory / "config_sentence_transformers.json", prompts=PROMPTS)
    with pytest.raises(error, match=message):
        embed(*pair(directory), "a", **arguments)
    with pytest.raises(error, match=message):
        DistilBertEmbedder(directory, **arguments).fit(["a"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"prompts": ["a"]}, "prompts must be an object; got"),
        ({"prompts": {"a": 3}}, "prompt 'a' must be a string; got 3"),
        ({"default_prompt_name": "a"}, "default_prompt_name must be one of 'query', 'document'"),
        ({"default_prompt_name": ["a"]}, "default_prompt_name must be one of"),
    ],
)
def test_malformed_prompts_are_reported(
    config: dict[str, Any], message: str, directory: Path
) -> None:
    edit(directory / "config_sentence_transformers.json", **config)
    with pytest.raises(CheckpointError, match=message):
        embed(*pair(directory), "a")
