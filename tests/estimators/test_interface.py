"""Tags, names, frames and representations of the estimators."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr, get_tags

from skdistilbert import DistilBertClassifier, DistilBertEmbedder

if TYPE_CHECKING:
    from pathlib import Path

    Estimator = DistilBertEmbedder | DistilBertClassifier

TEXTS, LABELS = ["where", "who", "where is it", "who would"], [0, 1, 0, 1]


@pytest.fixture(params=[DistilBertEmbedder, DistilBertClassifier])
def estimator(request: pytest.FixtureRequest, tiny: Path) -> Estimator:
    made: Estimator = request.param(tiny)
    return made if request.param is DistilBertEmbedder else made.set_params(max_iter=1)


def test_tags_that_both_estimators_share(estimator: Estimator) -> None:
    tags = get_tags(estimator)
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert get_tags(estimator.set_params(missing="empty")).input_tags.allow_nan
    assert tags.requires_fit == isinstance(estimator, DistilBertClassifier)
    assert not tags.non_deterministic
    assert not tags.no_validation


def test_tags_of_each_estimator(tiny: Path) -> None:
    tags = get_tags(DistilBertEmbedder(tiny))
    assert not tags.target_tags.required
    assert tags.transformer_tags.preserves_dtype == []  # float32 for every input
    tags = get_tags(DistilBertClassifier(tiny))
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert tags.classifier_tags.multi_class


def test_text_has_no_columns(estimator: Estimator) -> None:
    estimator.fit(TEXTS, LABELS)
    assert not hasattr(estimator, "n_features_in_")
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_as_output(tiny: Path, library: str) -> None:
    frame = pytest.importorskip(library).DataFrame
    embedder = DistilBertEmbedder(tiny).fit(TEXTS)
    expected = embedder.transform(TEXTS)
    embedder.set_output(transform=library)
    for features in (embedder.transform(TEXTS), clone(embedder).fit_transform(TEXTS)):
        assert isinstance(features, frame)
        assert list(features.columns) == embedder.get_feature_names_out().tolist()
        np.testing.assert_allclose(features.to_numpy(), expected, atol=1e-5)
        assert features.to_numpy().dtype == np.float32


@pytest.mark.parametrize("call", ["fit_transform", "transform"])
def test_the_index_of_a_frame_is_kept(tiny: Path, call: str) -> None:
    table = pytest.importorskip("pandas").DataFrame({"text": TEXTS}, index=[7, 1, 8, 2])
    embedder = DistilBertEmbedder(tiny).fit(TEXTS).set_output(transform="pandas")
    assert getattr(embedder, call)(table).index.tolist() == [7, 1, 8, 2]


def test_repr_shows_changed_parameters(estimator: Estimator) -> None:
    text = repr(estimator.set_params(pooling="cls", n_threads=None))
    assert "pooling='cls'" in text
    assert "n_threads" not in text


def test_html_repr(estimator: Estimator) -> None:
    needs_fit = isinstance(estimator, DistilBertClassifier)
    assert ("Not fitted" in estimator_html_repr(estimator)) == needs_fit
    html = estimator_html_repr(make_pipeline(estimator.fit(TEXTS, LABELS)))
    assert "Fitted" in html
    assert type(estimator).__name__ in html
    # There are no pages of documentation that a link could lead to.
    assert estimator._get_doc_link() == ""
    assert not re.search(rf'href="[^"]*{type(estimator).__name__}', html)
