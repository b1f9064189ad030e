"""Fitted encoders as checkpoints of sentence-transformers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertTokenClassifier,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.nn.pooling import POOLINGS

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["what is it", "who would you do", "where then", "is it"]
LABELS = ["a", "b", "a", "c"]
LONG_TEXTS = [*TEXTS, "what is it " * 50]


def fitted(model: Path | str, **params: Any) -> DistilBertClassifier:  # noqa: ANN401
    classifier = DistilBertClassifier(model, max_iter=2, random_state=0)
    return classifier.set_params(**params).fit(TEXTS, LABELS)


def assert_all_embed_alike(directory: Path, expected: np.ndarray) -> None:
    """Compare features of the long texts, read in every way."""
    model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
    for features in (
        DistilBertEmbedder(directory).fit_transform(LONG_TEXTS),
        embed(model, tokenizer, LONG_TEXTS),
    ):
        np.testing.assert_allclose(features, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*truncated")
@pytest.mark.parametrize(
    ("trainable_layers", "pooling", "max_length"),
    [*((0, pooling, None) for pooling in POOLINGS), (2, "max", 8), ("all", "cls", 8)],
)
def test_the_directory_records_pooling_and_maximum_length(
    tiny: Path,
    tmp_path: Path,
    trainable_layers: Any,  # noqa: ANN401
    pooling: str,
    max_length: int | None,
) -> None:
    classifier = fitted(
        tiny, trainable_layers=trainable_layers, pooling=pooling, max_length=max_length
    )
    embedder = clone(classifier.to_embedder(tmp_path / "tuned"))
    expected = embedder.fit_transform(LONG_TEXTS)
    np.testing.assert_allclose(expected, classifier._features(LONG_TEXTS), atol=1e-6)
    assert_all_embed_alike(tmp_path / "tuned", expected)


@pytest.mark.filterwarnings("ignore:.*truncated")
def test_files_of_an_earlier_model_have_no_effect(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
    for name, content in (
        ("1_Pooling/config.json", pooling),
        ("sentence_bert_config.json", {"max_seq_length": 4}),
        (
            "config_sentence_transformers.json",
            {"truncate_dim": 3, "prompts": {"query": "what "}, "default_prompt_name": "query"},
        ),
    ):
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "README.md").write_text("mine")
    expected = fitted(tiny, pooling="max").to_embedder(tmp_path).fit_transform(LONG_TEXTS)
    assert_all_embed_alike(tmp_path, expected)
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.filterwarnings("ignore:.*truncated")
def test_the_bundled_model_and_the_token_classifier(tmp_path: Path) -> None:
    long_texts = ["what is it " * 100]
    tagger = DistilBertTokenClassifier(trainable_layers=1, max_iter=1, random_state=0)
    words = [text.split() for text in TEXTS]
    tagger.fit(words, [["O"] * len(each) for each in words])
    for estimator in (fitted("mini"), tagger):
        expected = estimator.to_embedder(tmp_path).fit_transform(long_texts)
        features = DistilBertEmbedder(tmp_path).fit_transform(long_texts)
        np.testing.assert_allclose(features, expected, atol=1e-6)


def test_before_fit(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        DistilBertClassifier(tiny).to_embedder(tmp_path / "tuned")
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("pooling", POOLINGS)
def test_sentence_transformers_embeds_alike(tiny: Path, tmp_path: Path, pooling: str) -> None:
    transformers = pytest.importorskip("sentence_transformers")
    for max_length in (None, 8):
        classifier = fitted(tiny, pooling=pooling, max_length=max_length)
        expected = classifier.to_embedder(tmp_path).fit_transform(LONG_TEXTS)
        peer = transformers.SentenceTransformer(str(tmp_path), device="cpu")
        np.testing.assert_allclose(peer.encode(LONG_TEXTS), expected, atol=1e-5)
