"""Check a user's script with mypy in strict mode."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import skdistilbert

ROOT = Path(skdistilbert.__file__).parents[1]
SCRIPT = """
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from skdistilbert import (
    AttributionDisplay, DistilBertClassifier, DistilBertEmbedder, DistilBertRegressor,
    DistilBertTokenClassifier, DistilBertZeroShotClassifier, answer, classify, embed,
    extract_entities, load_model, predict, rank, score_pairs, unmask,
)
from skdistilbert.tasks.aggregation import Entity
from skdistilbert.tasks.answer_spans import Answer
from skdistilbert.tasks.classification import Label
from skdistilbert.tasks.cross_encoding import RankedDocument
from skdistilbert.tasks.masked_words import Guess
from skdistilbert.tasks.token_labels import TokenLabel

m = load_model("dir")
t = m.tokenizer
assert_type(classify(m, t, "a")[0]["score"], float)
assert_type(classify(m, "a"), list[Label])
assert_type(classify("dir", ["a"], top_k=None), list[list[Label]])
assert_type(classify("dir", texts="a"), list[Label])
assert_type(classify("dir", ["a"], labels=["b"], multi_label=True), list[list[Label]])
assert_type(classify(m, {"text": "a", "text_pair": "b"}), list[Label])
assert_type(classify(m, t, {"text": "a", "text_pair": "b"}), list[Label])
assert_type(classify(m, [("a", "b")], top_k=2), list[list[Label]])
assert_type(classify(m, t, [{"text": "a", "text_pair": "b"}]), list[list[Label]])
assert_type(extract_entities("dir", "a"), list[Entity])
assert_type(extract_entities(m, t, ["a"], aggregation_strategy="none"), list[list[TokenLabel]])
assert_type(extract_entities(m, t, [["a"]], aggregation_strategy="max"), list[list[TokenLabel]])
assert_type(answer("dir", "q", "c"), Answer)
assert_type(answer(m, t, "q", "c", top_k=2), list[Answer])
assert_type(answer(m, t, ["q"], "c"), list[Answer])
assert_type(answer(m, ["q"], ["c"], top_k=2), list[list[Answer]])
assert_type(unmask("dir", ["a"]), list[list[Guess] | list[list[Guess]]])
assert_type(rank("dir", "a", ["b"], top_k=2), list[RankedDocument])
assert_type(rank(m, t, "a", ["b"], prompt="c"), list[RankedDocument])
assert_type(score_pairs("dir", [("a", "b")]), NDArray[np.float32])
assert_type(score_pairs(m, t, [["a", "b"]], max_length=9), NDArray[np.float32])
assert_type(embed("dir", "a", pooling="mean"), NDArray[np.float32])
assert_type(predict(m, t, ["a"]), NDArray[np.float32])
assert_type(DistilBertClassifier().fit(["a"], ["b"]), DistilBertClassifier)
assert_type(DistilBertClassifier().fit(["a"], ["b"]).predict_proba(["a"]), NDArray[np.float32])
assert_type(DistilBertRegressor().fit(["a"], [1.0]), DistilBertRegressor)
assert_type(DistilBertRegressor().fit([["a", "b"]], [1.0]), DistilBertRegressor)
assert_type(DistilBertClassifier().fit([("a", "b")], ["c"]), DistilBertClassifier)
assert_type(DistilBertTokenClassifier().fit([["a"]], [["O"]]), DistilBertTokenClassifier)
tagger = DistilBertTokenClassifier().fit([["a"]], [["O"]])
assert_type(tagger.predict_entities(["a"]), list[list[Entity]])
assert_type(tagger.predict_entities(["a"], aggregation_strategy="none"), list[list[TokenLabel]])
assert_type(tagger.predict_proba([["a"]]), list[NDArray[np.float32]])
assert_type(DistilBertZeroShotClassifier(classes={1: "a"}).fit(), DistilBertZeroShotClassifier)
assert_type(AttributionDisplay.from_estimator(1, ["a"]).plot(), AttributionDisplay)
assert_type(DistilBertEmbedder().fit(["a"]).transform(["a"]), NDArray[np.float32])
classify(m, "a", topk=1)  # type: ignore[call-overload]
embed("dir", ["a"], "mean")  # type: ignore[call-overload]
"""


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_results_have_the_right_types_in_strict_mode(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir"]
    done = subprocess.run(
        [*command, tmp_path / "cache", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(str(script))]
    assert not lines, done.stdout
    assert done.returncode in (0, 1), done.stderr
