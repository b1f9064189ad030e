from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skdistilbert.estimators import token_states as token_states_module
from skdistilbert.estimators.cache import features as features_module
from tests.estimators.test_token_classifier import LABELS, TEXTS, quick

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert import DistilBertTokenClassifier

LONG = [["Where", "is", "New", "York", "?"] * 10]


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of windows of each call that encodes windows."""
    counts: list[int] = []
    frozen_states = token_states_module.frozen_states

    def noting(encoder: Any, windows: Any, *args: Any) -> Any:  # noqa: ANN401
        counts.append(len(windows.lengths))
        return frozen_states(encoder, windows, *args)

    monkeypatch.setattr(token_states_module, "frozen_states", noting)
    return counts


def head(model: Path, cache: Path | None, **params: Any) -> DistilBertTokenClassifier:  # noqa: ANN401
    few = {"trainable_layers": 0, "max_iter": 3, "embedding_cache": cache}
    return quick(model, **(few | params))


def test_results_are_those_without_a_cache(
    tiny: Path, tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "CHARACTERS_PER_PIECE", 100)
    cache, texts, labels = tmp_path / "cache.sqlite", [*TEXTS, *LONG], [*LABELS, ["O"] * 50]
    plain = head(tiny, None, max_length=12).fit(texts, labels)
    cached = head(tiny, cache, max_length=12).fit(texts, labels)
    np.testing.assert_allclose(cached.head_.classifier.weight, plain.head_.classifier.weight, 1e-4)
    for found, expected in zip(
        cached.predict_proba(texts), plain.predict_proba(texts), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert cached.predict(texts) == plain.predict(texts)
    encoded.clear()
    head(tiny, cache, max_length=12, alpha=0.1).fit(texts, labels).predict(texts)
    assert encoded == []


def test_equal_windows_are_encoded_once(tiny: Path, tmp_path: Path, encoded: list[int]) -> None:
    head(tiny, tmp_path / "cache.sqlite").fit(TEXTS * 2, LABELS * 2)
    assert sum(encoded) == len(TEXTS)


def test_a_grid_search_encodes_each_text_once(
    tiny: Path, tmp_path: Path, encoded: list[int]
) -> None:
    estimator = head(tiny, tmp_path / "cache.sqlite")
    grid = {"alpha": [0.0, 0.1], "class_weight": [None, "balanced"]}
    GridSearchCV(estimator, grid, cv=2).fit(TEXTS, LABELS)
    assert sum(encoded) == len(TEXTS)


def test_states_of_trained_layers_are_not_kept(
    tiny: Path, tmp_path: Path, encoded: list[int]
) -> None:
    cache = tmp_path / "cache.sqlite"
    classifier = head(tiny, cache, trainable_layers=1).fit(TEXTS, LABELS)
    classifier.predict([["Where"], *TEXTS])
    assert not cache.exists()
    assert encoded == []
    again = head(tiny, None, trainable_layers=1).fit(TEXTS, LABELS)
    np.testing.assert_allclose(again.head_.classifier.weight, classifier.head_.classifier.weight)
