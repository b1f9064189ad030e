from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import DistilBertEmbedder, TruncationWarning
from skdistilbert.estimators.shared_batch import encoding_together

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["one", "one two three four five six", "two words", "one"]


def test_features_are_those_of_separate_calls(tiny: Path, tmp_path: Path) -> None:
    for cache in (None, tmp_path / "cache.db"):
        embedder = DistilBertEmbedder(tiny, embedding_cache=cache).fit(TEXTS)
        calls = [TEXTS, TEXTS[2:], TEXTS[:1], [*TEXTS, "a text outside the batch"]]
        expected = [embedder.transform(texts) for texts in calls]
        with encoding_together(TEXTS):
            for texts, features in zip(calls, expected, strict=True):
                np.testing.assert_allclose(embedder.transform(texts), features, atol=1e-5)


def test_changed_features_do_not_change_those_of_later_calls(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny).fit(TEXTS)
    with encoding_together(TEXTS):
        first = embedder.transform(TEXTS)
        expected = first.copy()
        first += 1
        np.testing.assert_array_equal(embedder.transform(TEXTS), expected)


def test_other_options_have_other_features(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny).fit(TEXTS)
    expected = DistilBertEmbedder(tiny, pooling="cls").fit_transform(TEXTS)
    with encoding_together(TEXTS):
        embedder.transform(TEXTS)
        features = embedder.set_params(pooling="cls").transform(TEXTS)
    np.testing.assert_allclose(features, expected, atol=1e-5)


def test_warnings_name_the_rows_of_each_call(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny, max_length=4).fit(TEXTS)
    with encoding_together(TEXTS):
        with pytest.warns(TruncationWarning, match=r"1 of 2 texts was truncated .*\(row 0\)"):
            embedder.transform(TEXTS[1:3])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            embedder.transform(TEXTS[:1])


def test_other_threads_have_no_shared_batch(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny).fit(TEXTS)
    expected = embedder.transform(TEXTS[:1])
    with encoding_together([*TEXTS, 1]), ThreadPoolExecutor(1) as thread:  # 1 cannot be encoded
        features = thread.submit(embedder.transform, TEXTS[:1]).result()
    np.testing.assert_array_equal(features, expected)
