"""Tests of the bundled model."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertEmbedder,
    DistilBertModel,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.files.hub import BUNDLED_DIRECTORY

TEXTS = ["Where is my parcel?", "the parcel has not come", "I forgot my password", "a"]


def test_the_model_is_small_and_in_half_precision() -> None:
    files = [file for file in BUNDLED_DIRECTORY.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20
    weights = load_file(BUNDLED_DIRECTORY / "model.safetensors")
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float16)}
    assert (BUNDLED_DIRECTORY / "README.md").read_text("utf-8").startswith("---\nlicense:")


def test_mini_loads_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    for model in (load_model("mini"), DistilBertModel.from_pretrained("mini")):
        assert embed(model, tokenizer, TEXTS).shape == (4, model.config.dim)


def test_a_directory_named_mini_does_not_replace_the_model(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copytree(tiny, tmp_path / "mini")
    assert load_model("mini").config.dim != 32
    for directory in ("./mini", Path("mini"), tmp_path / "mini"):
        assert load_model(directory).config.dim == 32


def test_the_configuration_is_read_by_name() -> None:
    assert DistilBertConfig.from_pretrained("mini") == load_model("mini").config


@pytest.mark.parametrize(
    "estimator",
    [
        DistilBertEmbedder(),
        DistilBertClassifier(),
        DistilBertRegressor(),
        DistilBertTokenClassifier(),
        DistilBertZeroShotClassifier(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_mini_is_the_default_model(estimator: Any) -> None:  # noqa: ANN401
    assert estimator.get_params()["model"] == "mini"


def test_similar_texts_have_similar_features() -> None:
    units = DistilBertEmbedder(normalize=True).fit_transform(TEXTS)
    similarities = units @ units.T
    assert similarities[0, 1] > similarities[0, 2] + 0.2


def test_embed_uses_mean_pooling_by_default() -> None:
    model, tokenizer = load_model("mini"), WordPieceTokenizer.from_pretrained("mini")
    np.testing.assert_array_equal(
        embed(model, tokenizer, TEXTS), embed(model, tokenizer, TEXTS, pooling="mean")
    )


def test_a_pickle_loads_in_another_process(tmp_path: Path) -> None:
    embedder = DistilBertEmbedder().fit(TEXTS)
    content = pickle.dumps(embedder)
    assert len(content) < 3000
    assert str(BUNDLED_DIRECTORY).encode() not in content
    (tmp_path / "embedder.pickle").write_bytes(content)
    script = (
        "import pickle, sys\n"
        "embedder = pickle.loads(open('embedder.pickle', 'rb').read())\n"
        f"print(repr(embedder.transform({TEXTS!r})[0, :3].tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = repr(embedder.transform(TEXTS)[0, :3].tolist())
    assert done.stdout.strip() == expected


def test_a_pickle_fitted_on_other_weights_is_refused() -> None:
    embedder = DistilBertEmbedder().fit(TEXTS)
    embedder.fingerprint_ = "0" * 64
    with pytest.raises(CheckpointError, match="mini: these are not the weights"):
        pickle.loads(pickle.dumps(embedder)).transform(TEXTS)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_transformers_computes_the_same_hidden_states() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    directory = str(BUNDLED_DIRECTORY)
    theirs = transformers.AutoModel.from_pretrained(directory).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = theirs(batch.input_ids, batch.attention_mask).last_hidden_state.numpy()
    ours = WordPieceTokenizer.from_pretrained("mini").encode_batch(TEXTS)
    np.testing.assert_array_equal(ours.input_ids, batch.input_ids.numpy())
    got = load_model("mini")(ours.input_ids, ours.attention_mask).last_hidden_state
    visible = ours.attention_mask.astype(bool)
    np.testing.assert_allclose(got[visible], expected[visible], atol=1e-5)
