from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skdistilbert import DistilBertClassifier, DistilBertEmbedder, TruncationWarning
from skdistilbert.tasks.text_batches import warn_truncated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = ["a " * 10, "b", "a " * 10, "b"]
LABELS = [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([4], "1 of 9 texts was truncated to max_length=8 tokens (row 4). Split long texts"),
        ([0, 4], "2 of 9 texts were truncated to max_length=8 tokens (rows 0, 4). Split long"),
        (
            list(range(6)),
            "6 of 9 texts were truncated to max_length=8 tokens (rows 0, 1, 2, 3, 4,",
        ),
    ],
)
def test_the_truncation_warning_names_up_to_five_rows(rows: list[int], message: str) -> None:
    with pytest.warns(TruncationWarning) as record:
        warn_truncated(rows, ["a"] * 9, "max_length=8")
    assert str(record[0].message).startswith(message)
    assert record[0].filename == __file__
    warn_truncated([], ["a"] * 9, "max_length=8")


@pytest.mark.parametrize(
    "call",
    [
        lambda embedder, _: embedder.fit_transform(TEXTS),
        lambda embedder, _: make_pipeline(embedder, LogisticRegression()).fit(TEXTS, LABELS),
        lambda embedder, _: cross_val_score(
            make_pipeline(embedder, LogisticRegression()), TEXTS, LABELS, cv=2
        ),
        lambda embedder, _: ColumnTransformer([("texts", embedder, 0)]).fit_transform(
            np.array(TEXTS)[:, None]
        ),
        lambda _, classifier: cross_val_score(classifier, TEXTS, LABELS, cv=2),
    ],
)
def test_the_truncation_warning_points_at_the_line_that_calls_scikit_learn(
    tiny: Path, call: Callable[[DistilBertEmbedder, DistilBertClassifier], object]
) -> None:
    embedder = DistilBertEmbedder(tiny, max_length=8)
    classifier = DistilBertClassifier(tiny, max_length=8, max_iter=2, tol=1)
    with pytest.warns(TruncationWarning) as record:
        call(embedder, classifier)
    truncations = [each for each in record if each.category is TruncationWarning]
    assert {each.filename for each in truncations} == {__file__}
