"""A warning about texts that the vocabulary cannot express."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertTokenClassifier,
    DistilBertZeroShotClassifier,
    UnknownTokenWarning,
    classify,
    embed,
    extract_entities,
    predict,
)
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KHMER = ["កញ្ចប់របស់ខ្ញុំនៅឯណា", "ខ្ញុំភ្លេចពាក្យសម្ងាត់"]
ENGLISH = ["where is it", "who would", "what is it", "where is he", "who is it"]
WORDS = [text.split() for text in KHMER]
SEQUENCE = DATA / "distilbert-tiny-sequence-classification"
TOKEN = DATA / "distilbert-tiny-token-classification"


@pytest.mark.parametrize(
    "call",
    [
        lambda tiny: embed(tiny, KHMER),
        lambda tiny: predict(tiny, KHMER),
        lambda _: classify(SEQUENCE, KHMER),
        lambda _: extract_entities(TOKEN, KHMER),
        lambda _: extract_entities(TOKEN, WORDS, aggregation_strategy="first"),
        lambda tiny: DistilBertEmbedder(tiny).transform(KHMER),
        lambda tiny: DistilBertEmbedder(tiny, long_text="window").transform(KHMER),
        lambda tiny: DistilBertClassifier(tiny, max_iter=1).fit(KHMER, [0, 1]),
        lambda tiny: DistilBertClassifier(tiny, trainable_layers=1, max_iter=1).fit(KHMER, [0, 1]),
        lambda tiny: DistilBertTokenClassifier(tiny, max_iter=1).fit(WORDS, [["O"]] * 2),
        lambda tiny: DistilBertZeroShotClassifier(tiny, classes=["it"]).fit().predict(KHMER),
    ],
)
def test_one_warning_names_rows_and_share(call: Callable[[Path], Any], tiny: Path) -> None:
    message = r"^Most tokens of 2 of 2 texts \(100%, rows 0, 1\) are \[UNK\]: the vocabulary does"
    with pytest.warns(UnknownTokenWarning, match=message) as caught:
        call(tiny)
    assert len(caught) == 1


def test_predictions_of_words_warn_once(tiny: Path) -> None:
    classifier = DistilBertTokenClassifier(tiny, max_iter=1).fit([["it"]], [["O"]])
    with pytest.warns(UnknownTokenWarning, match=r"1 of 3 texts \(33%, row 1\)") as caught:
        classifier.predict([["it"], *WORDS[:1], ["who", "is"]])
    assert len(caught) == 1


def test_a_few_unknown_texts_are_no_reason_to_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed("mini", [*ENGLISH * 2, KHMER[0]])
        embed("mini", ["it is 👍", "", " ", *ENGLISH])
        embed("mini", [])
    with pytest.warns(UnknownTokenWarning, match=r"1 of 10 texts \(10%, row 9\)"):
        embed("mini", [*ENGLISH, *ENGLISH[:4], "👍 👍 it"])
    with pytest.warns(UnknownTokenWarning, match=r"1 of 1 texts \(100%, row 0\)"):
        embed("mini", "👍")


def test_many_texts_are_checked_at_equal_distances(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny, layer=0).fit(ENGLISH)
    texts = [*ENGLISH * 300, *KHMER * 250]  # 2,000
    message = r"Most tokens of 62 of 250 texts that were checked \(25%, rows 1504, 1512, 1520, .*"
    with pytest.warns(UnknownTokenWarning, match=message):
        embedder.transform(texts)


def test_cached_features_warn_too(tiny: Path, tmp_path: Path) -> None:
    embedder = DistilBertEmbedder(tiny, embedding_cache=tmp_path / "cache.sqlite")
    for _ in range(2):
        with pytest.warns(UnknownTokenWarning, match="2 of 2 texts"):
            embedder.transform(KHMER)
