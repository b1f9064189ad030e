"""Short runs of extremes.py: the longest, the most and the most unusual texts."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import DistilBertEmbedder, TruncationWarning
from skdistilbert.tasks import text_batches
from tests import extremes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", extremes.CASES)
def test_cases(name: str, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extremes, "MEGABYTE", 50_000)
    result = extremes.run(name, tiny, 2000)
    assert result.n_texts >= 1
    assert result.seconds > 0


def test_an_unexpected_warning_fails_a_case(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = extremes.CASES["one token too many"]._replace(n_warnings=0)
    monkeypatch.setitem(extremes.CASES, "one token too many", case)
    with pytest.raises(AssertionError):
        extremes.run("one token too many", tiny, 1)


def test_texts_with_one_token_too_many_are_truncated_with_one_warning(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny, pooling="mean")
    longest, too_long = extremes.numbered(3, 126), extremes.numbered(3, 127)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.fit_transform(longest)
    with pytest.warns(TruncationWarning, match="3 of 3 texts") as caught:
        cut = embedder.fit_transform(too_long)
    assert len(caught) == 1
    expected = embedder.transform([text[:-2] for text in too_long])
    np.testing.assert_allclose(cut, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Most tokens of")
def test_equal_empty_and_unknown_texts(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny, pooling="mean").fit([""])
    for text in ("where is it?", "", "\U0001f9ff\u2603"):
        alone = embedder.transform([text])
        together = embedder.transform([text] * 100)
        np.testing.assert_allclose(together, np.repeat(alone, 100, axis=0), atol=1e-5)
    unknown = embedder.transform(["\U0001f9ff", "\u2603", "[UNK]"])
    np.testing.assert_allclose(unknown, unknown[[2, 2, 2]], atol=1e-5)


def test_max_length_2_leaves_only_special_tokens(tiny: Path) -> None:
    embedder = DistilBertEmbedder(tiny, pooling="mean", max_length=2).fit([""])
    with pytest.warns(TruncationWarning, match="2 of 3 texts"):
        features = embedder.transform(["one", "", "two"])
    np.testing.assert_allclose(features, features[[1, 1, 1]], atol=1e-5)


def test_memory_does_not_grow_with_the_number_of_texts(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_batches, "TEXTS_PER_BATCH", 128)
    embedder = DistilBertEmbedder(tiny, pooling="mean").fit([""])

    def peak(n_texts: int) -> int:
        texts = [f"{i // 64} {i % 64}" for i in range(n_texts)]
        tracemalloc.start()
        features = embedder.transform(texts)
        memory = tracemalloc.get_traced_memory()[1] - features.nbytes
        tracemalloc.stop()
        return memory

    peak(4096)  # fills the caches of the tokenizer
    # A text's token ids take 100 bytes as a list and 80 packed; checking its features takes 32.
    assert peak(4096) < peak(256) + 4096 * 64
