"""Write the pickles that `tests/estimators/test_earlier_pickles.py` loads.

    python -m tests.data.pickles.make_pickles

The files were written once, by the version whose pickles still held classes of this package. Run
this script again only to add a file for a later format, under a new name.
"""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
)

DIRECTORY = Path(__file__).parent
ROOT = DIRECTORY.parents[2]
TINY = "tests/data/distilbert-tiny"  # relative to ROOT
TEXTS = ["what is it", "who would you do", "where then", "is it then"]
WORDS = [text.split() for text in TEXTS]
TAGS = [["B-x" if word == "it" else "O" for word in words] for words in WORDS]


def estimators() -> dict[str, Any]:
    """Return the fitted estimators by the name of their files."""
    few: dict[str, Any] = {"max_iter": 5, "learning_rate_init": 5e-3, "random_state": 0}
    labels = ["a", "b", "a", "c"]
    return {
        "embedder": DistilBertEmbedder(normalize=True).fit(TEXTS),
        "head": DistilBertClassifier(TINY, **few).fit(TEXTS, labels),
        "one_layer": DistilBertClassifier(TINY, trainable_layers=1, **few).fit(TEXTS, labels),
        "regressor": DistilBertRegressor(TINY, **few).fit(TEXTS, [100.0, 120.0, 140.0, 90.0]),
        "tokens": DistilBertTokenClassifier(
            TINY, trainable_layers="all", **few | {"max_iter": 40}
        ).fit(WORDS, TAGS),
    }


def output(name: str, estimator: Any) -> Any:  # noqa: ANN401
    """Return what an estimator predicts."""
    if name == "embedder":
        return np.round(estimator.transform(TEXTS)[:, :8], 7).tolist()
    if name == "regressor":
        return estimator.predict(TEXTS).tolist()
    if name == "tokens":
        return estimator.predict(WORDS)
    return estimator.predict_proba(TEXTS).tolist()


def main() -> None:
    os.chdir(ROOT)  # so that the pickles hold no absolute path
    outputs = {}
    for name, estimator in estimators().items():
        (DIRECTORY / f"{name}.pickle").write_bytes(pickle.dumps(estimator, protocol=4))
        outputs[name] = output(name, estimator)
    (DIRECTORY / "outputs.json").write_text(json.dumps(outputs, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
