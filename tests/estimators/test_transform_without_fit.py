"""An embedder transforms texts without `fit`."""

from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from skdistilbert import CheckpointError, DistilBertEmbedder, load_model
from skdistilbert.models import DistilBertModel

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["where", "who", "where is it", "who would"]


@pytest.fixture
def embedder(tiny: Path) -> DistilBertEmbedder:
    return DistilBertEmbedder(tiny)


def test_features_equal_those_of_a_fitted_embedder(embedder: DistilBertEmbedder) -> None:
    fitted = clone(embedder).fit(TEXTS)
    before = dict(vars(embedder))
    np.testing.assert_array_equal(embedder.transform(TEXTS), fitted.transform(TEXTS))
    assert embedder.get_feature_names_out().tolist() == fitted.get_feature_names_out().tolist()
    assert vars(embedder) == before


def test_clones_pickles_and_threads(embedder: DistilBertEmbedder) -> None:
    expected = embedder.transform(TEXTS)
    for copy in (clone(embedder), pickle.loads(pickle.dumps(embedder))):
        np.testing.assert_array_equal(copy.transform(TEXTS), expected)
    with ThreadPoolExecutor(4) as pool:
        for features in pool.map(embedder.transform, [TEXTS] * 8):
            np.testing.assert_allclose(features, expected, atol=1e-5)


def test_pipelines_and_frames(embedder: DistilBertEmbedder) -> None:
    assert make_pipeline(embedder, Normalizer()).transform(TEXTS).shape == (4, 32)
    pandas = pytest.importorskip("pandas")
    texts = pandas.DataFrame({"text": TEXTS}, index=[4, 3, 2, 1])
    frame = embedder.set_output(transform="pandas").transform(texts)
    assert frame.columns.tolist() == [f"distilbert-tiny_{i}" for i in range(32)]
    assert frame.index.tolist() == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pooling": "sum"}, "pooling must be one of .*; got 'sum'"),
        ({"max_length": 1000}, "max_length must be an integer between 2.*got 1000"),
        ({"missing": "drop"}, "missing must be .*; got 'drop'"),
        ({"verbose": -1}, "verbose must be .*; got -1"),
        ({"model": "no/such/model"}, "no/such/model"),
    ],
)
def test_parameters_are_validated(
    embedder: DistilBertEmbedder, params: dict[str, Any], message: str
) -> None:
    embedder.set_params(**params)
    with pytest.raises((ValueError, OSError), match=message):
        embedder.transform(TEXTS)


def test_only_fit_fixes_the_weights(tiny: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    embedder = DistilBertEmbedder(directory)
    fitted = clone(embedder).fit(TEXTS)
    before = embedder.transform(TEXTS)
    model = load_model(directory)
    weights = {name: -tensor for name, tensor in model.weights.items()}
    DistilBertModel(model.config, weights).save_pretrained(directory)
    assert np.abs(embedder.transform(TEXTS) - before).max() > 0.01
    np.testing.assert_array_equal(fitted.transform(TEXTS), before)
    with pytest.raises(CheckpointError, match="these are not the weights"):
        pickle.loads(pickle.dumps(fitted)).transform(TEXTS)
