from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdistilbert import DistilBertContrastiveEmbedder, DistilBertEmbedder

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["where is it", "who is he", "it is here", "that is his"]
LABELS = [0, 1, 0, 1]


def test_features_are_named_by_the_model(tiny: Path) -> None:
    expected = [f"distilbert-tiny_{feature}" for feature in range(32)]
    embedder = DistilBertEmbedder(tiny)
    assert embedder.get_feature_names_out().tolist() == expected
    assert embedder.fit(TEXTS).get_feature_names_out().dtype == object
    # a column's name, which a ColumnTransformer passes on, changes nothing
    assert embedder.get_feature_names_out(["text"]).tolist() == expected
    pipeline = make_pipeline(embedder, StandardScaler()).fit(TEXTS)
    assert pipeline.get_feature_names_out().tolist() == expected


def test_the_bundled_model_has_a_short_name() -> None:
    assert DistilBertEmbedder().get_feature_names_out()[[0, -1]].tolist() == ["mini_0", "mini_191"]


def test_a_revision_is_not_part_of_a_name(tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "owner" / "name@v2")
    embedder = DistilBertEmbedder(tmp_path / "owner" / "name@v2")
    assert embedder.get_feature_names_out()[0] == "name_0"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_features_of_a_frame_are_named_by_the_column(tiny: Path, library: str) -> None:
    frame = pytest.importorskip(library).DataFrame({"title": TEXTS})
    for embedder in (
        DistilBertEmbedder(tiny),
        DistilBertContrastiveEmbedder(tiny, max_iter=1, random_state=0),
    ):
        embedder.set_output(transform=library)
        for features in (embedder.fit_transform(frame, LABELS), embedder.transform(TEXTS)):
            assert features.columns[0] == "title_distilbert-tiny_0"
        assert embedder.fit(TEXTS, LABELS).get_feature_names_out()[0] == "distilbert-tiny_0"


def test_names_survive_pickling_and_moving(tiny: Path, tmp_path: Path) -> None:
    embedder = pickle.loads(pickle.dumps(DistilBertEmbedder(tiny).fit(TEXTS)))
    shutil.copytree(tiny, tmp_path / "moved")
    embedder.set_params(model=tmp_path / "moved")
    assert embedder.get_feature_names_out()[0] == "distilbert-tiny_0"
    assert embedder.fit(TEXTS).get_feature_names_out()[0] == "moved_0"


def test_pickles_of_version_0_1_keep_their_names(tiny: Path) -> None:
    state = DistilBertEmbedder(tiny).fit(TEXTS).__getstate__()
    del state["_feature_prefix"]
    embedder = DistilBertEmbedder.__new__(DistilBertEmbedder)
    embedder.__setstate__(state)
    assert embedder.get_feature_names_out()[0] == "distilbertembedder0"


def test_before_training_there_are_no_names(tiny: Path) -> None:
    with pytest.raises(NotFittedError):
        DistilBertContrastiveEmbedder(tiny).get_feature_names_out()


def test_names_need_a_valid_model() -> None:
    with pytest.raises(ValueError, match="model must be .*; got 3"):
        DistilBertEmbedder(3).get_feature_names_out()


def test_an_array_has_no_column_name(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny).fit(np.array(TEXTS, dtype=object)[:, None])
    assert embedder.get_feature_names_out()[0] == "distilbert-tiny_0"
