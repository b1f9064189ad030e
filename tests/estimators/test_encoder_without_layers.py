"""Encoders whose hidden states are the embeddings have no layers to train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertContrastiveEmbedder,
    DistilBertModel,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    WordPieceTokenizer,
)

if TYPE_CHECKING:
    from pathlib import Path

TEXTS, NUMBERS = ["where is it", "who is it", "where", "who"], [0, 1, 0, 1]
WORDS, LABELS = [text.split() for text in TEXTS], [["O"] * len(t.split()) for t in TEXTS]
ESTIMATORS = [
    (DistilBertClassifier, TEXTS, NUMBERS),
    (DistilBertRegressor, TEXTS, NUMBERS),
    (DistilBertTokenClassifier, WORDS, LABELS),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    sizes = {"n_layers": 0, "dim": 32, "n_heads": 4, "vocab_size": tokenizer.vocab_size}
    model = DistilBertModel.from_config(DistilBertConfig(**sizes), random_state=0)
    model.save_pretrained(tmp_path, tokenizer)
    return tmp_path


@pytest.mark.parametrize(("cls", "X", "y"), ESTIMATORS)
def test_only_the_head_can_be_trained(directory: Path, cls: Any, X: Any, y: Any) -> None:  # noqa: ANN401
    params = {"max_iter": 2, "random_state": 0}
    assert np.shape(cls(directory, trainable_layers=0, **params).fit(X, y).predict(X)[:1])
    for trainable_layers in ("all", 1):
        message = (
            f"trainable_layers must be 0 for .*, which has no layers; got {trainable_layers!r}"
        )
        with pytest.raises(ValueError, match=message):
            cls(directory, trainable_layers=trainable_layers, **params).fit(X, y)


def test_the_default_classifier_trains_its_head(directory: Path) -> None:
    classifier = DistilBertClassifier(directory, random_state=0).fit(TEXTS, NUMBERS)
    assert classifier.predict(TEXTS).tolist() == NUMBERS
    assert not classifier._encoder.changes


@pytest.mark.parametrize("trainable_layers", ["auto", "all", 1])
def test_a_contrastive_embedder_needs_layers(directory: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    embedder = DistilBertContrastiveEmbedder(directory, trainable_layers=trainable_layers)
    with pytest.raises(ValueError, match="model must have layers to train; got .*n_layers is 0"):
        embedder.fit(TEXTS, NUMBERS)
