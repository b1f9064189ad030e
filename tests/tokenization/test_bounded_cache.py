from __future__ import annotations

import sys
from typing import Any

import pytest

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import bounded_cache
from skdistilbert.tokenization.bounded_cache import BoundedCache
from tests.conftest import DATA


def test_values_are_computed_once() -> None:
    computed: list[str] = []

    def compute(key: str) -> str:
        computed.append(key)
        return key.upper()

    cache = BoundedCache(compute)
    assert [cache["a"], cache["b"], cache["a"]] == ["A", "B", "A"]
    assert computed == ["a", "b"]


def test_errors_are_not_cached() -> None:
    values = iter([1])
    cache = BoundedCache(lambda _: next(values))
    assert cache["a"] == 1
    for _ in range(2):
        with pytest.raises(StopIteration):
            cache["b"]
    assert list(cache) == ["a"]


def test_a_full_cache_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_cache, "MAX_BYTES", 10_000)
    cache = BoundedCache(len)
    for number in range(1000):
        assert cache[f"{number:10}"] == 10
        assert 0 < len(cache) <= 10_000 / bounded_cache.BYTES_PER_ENTRY


def test_long_strings_are_not_cached() -> None:
    cache = BoundedCache(len)
    assert cache["a" * 5000] == 5000
    assert not cache


@pytest.mark.parametrize(
    "text", ["tokenization", "- - - -", "\u4e2d\u6587" * 20, "\U0001f600" * 9]
)
def test_the_estimated_size_is_near_the_true_size(text: str) -> None:
    pipeline = WordPieceTokenizer(DATA / "distilbert-tiny" / "vocab.txt")._pipeline
    for number in range(2000):
        pipeline.id_bytes(f"{text}{number}")
        pipeline.align(f"{text}{number}")
    caches: list[BoundedCache[Any]] = [pipeline._chunk_ids, pipeline._text_ids]
    for cache in (*caches, pipeline._word_pieces):
        objects = [cache, *cache, *cache.values()]
        if cache is pipeline._word_pieces:
            objects += [part for value in pipeline._word_pieces.values() for part in value]
        assert sum(map(sys.getsizeof, objects)) < 1.5 * cache._n_bytes
