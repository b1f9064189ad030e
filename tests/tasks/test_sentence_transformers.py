"""Compare embeddings with sentence-transformers.

tests/data/make_sentence_reference.py stores them; tests with the marker compute them again.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from skdistilbert import DistilBertEmbedder, WordPieceTokenizer, embed, load_model
from skdistilbert.checkpoint.module_files import LEGACY_POOLINGS
from skdistilbert.exceptions import TruncationWarning
from skdistilbert.nn.pooling import Pooling
from tests.conftest import DATA
from tests.tasks.texts import TEXTS

if TYPE_CHECKING:
    from pathlib import Path

STORED = dict(np.load(DATA / "sentence-transformers.npz"))
CASES = [name.partition(":")[0] for name in STORED if name.endswith(":embeddings")]


def check(case: str, reference: dict[str, Any], directory: Path) -> None:
    """Compare with the embeddings of one case, from the files that sentence-transformers wrote."""
    modules = json.loads(reference[f"{case}:modules.json"].tobytes())
    shutil.copytree(DATA / "distilbert-tiny", directory / modules[0]["path"])
    for name, content in reference.items():
        of_case, _, path = name.partition(":")
        if of_case == case and path != "embeddings":
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_bytes(content.tobytes())
    texts, expected = reference["texts"].tolist(), reference[f"{case}:embeddings"]
    model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
    embedder = DistilBertEmbedder(directory).fit(texts)
    with pytest.warns(TruncationWarning, match="1 of 4 texts was truncated to max_length=16"):
        got = embed(model, tokenizer, texts)
    with pytest.warns(TruncationWarning):
        features = embedder.transform(texts)
    np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=case)
    np.testing.assert_allclose(features, expected, atol=1e-5, err_msg=case)
    assert len(embedder.get_feature_names_out()) == expected.shape[1]


@pytest.mark.parametrize("case", CASES)
def test_embeddings_equal_the_stored_ones(case: str, tmp_path: Path) -> None:
    check(case, STORED, tmp_path / "model")


def test_the_stored_cases_differ() -> None:
    different = {STORED[f"{case}:embeddings"].round(3).tobytes() for case in CASES}
    # The last token is never one of a prompt, and weighted layers may have no effect.
    assert len(different) == len(CASES) - 2


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_embeddings_equal_those_of_sentence_transformers(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    from tests.data.make_sentence_reference import results

    made_now = results()
    assert set(made_now) >= {f"{case}:embeddings" for case in CASES}
    for case in CASES:
        check(case, made_now, tmp_path / case)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("mode", [*get_args(Pooling), ("cls", "mean"), ("max", "weightedmean")])
def test_poolings_in_the_format_of_older_releases(
    mode: str | tuple[str, ...], tiny: Path, tmp_path: Path
) -> None:
    peer = pytest.importorskip("sentence_transformers")
    theirs = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    modules = [theirs.Transformer(str(tiny), max_seq_length=16), theirs.Pooling(32, mode)]
    peer.SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path))
    modes = (mode,) if isinstance(mode, str) else mode
    config = {name: ours in modes for name, ours in LEGACY_POOLINGS.items()}
    config["word_embedding_dimension"] = 32
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    expected = peer.SentenceTransformer(str(tmp_path), device="cpu").encode(list(TEXTS))
    ours, tokenizer = load_model(tmp_path), WordPieceTokenizer.from_pretrained(tmp_path)
    np.testing.assert_allclose(embed(ours, tokenizer, TEXTS), expected, atol=1e-5)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("mode", get_args(Pooling))
def test_prompts_equal_those_of_sentence_transformers(
    mode: Pooling, include_prompt: bool, tiny: Path, tmp_path: Path
) -> None:
    peer = pytest.importorskip("sentence_transformers")
    theirs = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    modules = [theirs.Transformer(str(tiny), max_seq_length=16)]
    modules += [theirs.Pooling(32, mode, include_prompt=include_prompt)]
    prompts = {"query": "what is ", "long": "one two three four five six seven " * 4, "no": ""}
    peer.SentenceTransformer(
        modules=modules, prompts=prompts, default_prompt_name="query", device="cpu"
    ).save(str(tmp_path))
    model = peer.SentenceTransformer(str(tmp_path), device="cpu")
    texts = ["the one", "", "what would you do? it is there, too. " * 3]
    ours, tokenizer = load_model(tmp_path), WordPieceTokenizer.from_pretrained(tmp_path)
    names = [{"prompt_name": name} for name in (*prompts, "document")]
    for asked_for in (*names, {"prompt": ""}, {"prompt": "who is "}, {}):
        got = embed(ours, tokenizer, texts, **asked_for)
        np.testing.assert_allclose(got, model.encode(texts, **asked_for), atol=1e-5)


@pytest.mark.parity
@pytest.mark.minilm
@pytest.mark.filterwarnings("default")
def test_embeddings_of_minilm_equal_those_of_sentence_transformers(minilm: Path) -> None:
    peer = pytest.importorskip("sentence_transformers")
    expected = peer.SentenceTransformer(str(minilm), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(
        DistilBertEmbedder(minilm).fit_transform(TEXTS), expected, atol=1e-5
    )
    got = embed(load_model(minilm), WordPieceTokenizer.from_pretrained(minilm), TEXTS)
    np.testing.assert_allclose(got, expected, atol=1e-5)
