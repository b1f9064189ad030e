"""Search for similar vectors, and for nearly equal ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import near_duplicates, semantic_search
from skdistilbert.tasks import similarity_search

if TYPE_CHECKING:
    from pathlib import Path


def unit_vectors(n: int, seed: int, dtype: Any = np.float32) -> np.ndarray:  # noqa: ANN401
    rows = np.random.default_rng(seed).normal(size=(n, 16))
    scaled: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)
    return scaled


@pytest.fixture(params=[(1024, 4096), (3, 7), (5, 1)])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    queries, rows = request.param
    monkeypatch.setattr(similarity_search, "QUERIES_PER_BLOCK", queries)
    monkeypatch.setattr(similarity_search, "ROWS_PER_BLOCK", rows)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("top_k", [1, 4, 50, 99])
@pytest.mark.parametrize("order", ["random", "ascending", "descending"])
def test_the_best_rows_are_found_in_their_order(top_k: int, order: str) -> None:
    queries, corpus = unit_vectors(11, 0), unit_vectors(50, 1)
    if order != "random":
        corpus = corpus[np.argsort(corpus @ queries[0])]
    if order == "descending":
        corpus = corpus[::-1]
    scores, indices = semantic_search(queries, corpus, top_k)
    similarities = queries @ corpus.T
    expected = np.argsort(-similarities, axis=1)[:, :top_k]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(scores, np.take_along_axis(similarities, expected, 1), atol=1e-6)
    assert scores.dtype == np.float32
    one = semantic_search(queries[3], corpus, top_k)
    np.testing.assert_array_equal(one[1], expected[3])
    assert one[0].shape == (min(top_k, 50),)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("threshold", [-2, 0.0, 0.5, 2])
def test_pairs_and_groups_of_near_duplicates(threshold: float) -> None:
    rows = unit_vectors(40, 2)
    rows[[7, 31, 39]] = rows[[3, 3, 8]]
    found = near_duplicates(rows, threshold)
    similarities = rows @ rows.T
    expected = {
        (i, j) for i in range(40) for j in range(i + 1, 40) if similarities[i, j] >= threshold
    }
    assert {(int(i), int(j)) for i, j in found.pairs} == expected
    assert len(found.pairs) == len(expected)
    np.testing.assert_allclose(found.scores, similarities[tuple(found.pairs.T)], atol=1e-6)
    assert (np.diff(found.scores) <= 0).all()
    assert sum(map(len, found.groups)) == len({row for pair in expected for row in pair})


def test_groups_are_connected_by_pairs() -> None:
    angles = np.radians([0, 90, 10, 200, 20, 95])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = near_duplicates(rows, np.cos(np.radians(12)))
    assert found.groups == [[0, 2, 4], [1, 5]]
    assert found.scores.dtype == np.float64
    assert found.pairs.tolist() == [[1, 5], *sorted(found.pairs.tolist()[1:])]
    assert near_duplicates(rows, 1.5).groups == []


def test_types_and_mapped_files(tmp_path: Path) -> None:
    queries, corpus = unit_vectors(3, 0), unit_vectors(20, 1)
    expected = semantic_search(queries, corpus)
    np.save(tmp_path / "corpus.npy", corpus.astype(np.float16))
    mapped = np.load(tmp_path / "corpus.npy", mmap_mode="r")
    scores, _ = semantic_search(queries, mapped)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected[0], atol=1e-2)
    scores, _ = semantic_search(queries.astype(np.float64), corpus.tolist())
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected[0], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 3)), np.ones((2, 4))), "same number of features; got 3 and 4"),
        ((np.ones((0, 3)), np.ones((2, 3))), r"queries must have the shape .*got \(0, 3\)"),
        ((np.ones((2, 3)), np.ones(3)), r"corpus must have the shape .*got \(3,\)"),
        ((["text"], np.ones((2, 3))), "queries must have numbers; got .* <U4. Embed texts"),
        ((np.ones((2, 3)), np.ones((2, 3)), 0), "top_k must be an integer of at least 1; got 0"),
        ((np.ones((2, 3)), [[1, 1, 1], [1, np.nan, 1]]), "corpus has NaN or infinity in row 1"),
        (([[np.inf, 1]], np.ones((2, 2))), "queries has NaN or infinity in row 0"),
    ],
)
def test_errors_of_search(arguments: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises((ValueError, TypeError), match=message):
        semantic_search(*arguments)


@pytest.mark.parametrize("row", [0, 3, 7])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_raise(row: int, value: float) -> None:
    rows = np.eye(8)
    rows[row, 2] = value
    with pytest.raises(ValueError, match="embeddings has NaN or infinity in row"):
        near_duplicates(rows, 0.5)
    with pytest.raises(ValueError, match=f"corpus has NaN or infinity in row {row}"):
        semantic_search(np.eye(8), rows)


@pytest.mark.parametrize("threshold", ["0.9", None, float("nan")])
def test_errors_of_near_duplicates(threshold: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=f"threshold must be a finite number; got {threshold!r}"):
        near_duplicates(np.eye(2), threshold)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_results_equal_those_of_sentence_transformers() -> None:
    util = pytest.importorskip("sentence_transformers.util")
    queries, corpus = unit_vectors(40, 0), unit_vectors(3000, 1)
    hits = util.semantic_search(queries, corpus, top_k=12)
    scores, indices = semantic_search(queries, corpus, 12)
    assert indices.tolist() == [[hit["corpus_id"] for hit in row] for row in hits]
    expected = [[hit["score"] for hit in row] for row in hits]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    mined = util.paraphrase_mining_embeddings(corpus, max_pairs=10**6, top_k=1000)
    mined = [pair for pair in mined if pair[0] >= 0.7]
    found = near_duplicates(corpus, 0.7)
    # Scores that differ by rounding may have another order.
    assert sorted(found.pairs.tolist()) == sorted(pair[1:] for pair in mined)
    np.testing.assert_allclose(found.scores, [pair[0] for pair in mined], atol=1e-5)
