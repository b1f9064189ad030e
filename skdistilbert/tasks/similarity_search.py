"""Find the most similar vectors, and nearly equal ones, without all similarities in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.number_checks import check_at_least, is_finite_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Matrix = NDArray[np.floating[Any]]

# A block of similarities takes 16 MB in float32.
QUERIES_PER_BLOCK = 1024
ROWS_PER_BLOCK = 4096


class NearDuplicates(NamedTuple):
    """Rows that are nearly equal.

    Attributes
    ----------
    pairs : int64 ndarray of shape (n_pairs, 2)
        The rows of each pair, the smaller one first. The most similar pair is first.
    scores : ndarray of shape (n_pairs,)
        The similarity of each pair.
    groups : list of lists of int
        Rows that are connected by pairs, each group ascending, in the order of their first rows.
    """

    pairs: NDArray[np.int64]
    scores: Matrix
    groups: list[list[int]]


def semantic_search(
    queries: ArrayLike, corpus: ArrayLike, top_k: int = 10
) -> tuple[Matrix, NDArray[np.int64]]:
    """Return the most similar rows of a corpus for each query, by exact search.

    Parameters
    ----------
    queries : array-like of shape (n_queries, n_features) or (n_features,)
    corpus : array-like of shape (n_rows, n_features)
        The similarity is the dot product. For vectors of unit length, which
        ``DistilBertEmbedder(normalize=True)`` returns, it is the cosine. A memory-mapped array is
        read in blocks.
    top_k : int, default=10
        Number of rows to return for each query. If the corpus has fewer rows, all are returned.

    Returns
    -------
    scores : ndarray of shape (n_queries, top_k), or (top_k,) for one query
        The similarities, in descending order. They are float64 if an argument is float64, and
        otherwise float32.
    indices : int64 ndarray of the same shape
        The rows of the corpus.

    Raises
    ------
    ValueError, TypeError
        If an argument has another shape or type, is empty or contains NaN or infinity, or `top_k`
        is not a positive integer.

    Examples
    --------
    >>> from skdistilbert import DistilBertEmbedder, semantic_search
    >>> embedder = DistilBertEmbedder(normalize=True)
    >>> corpus = embedder.transform(["Where is my parcel?", "I was charged twice.", "Thank you!"])
    >>> scores, indices = semantic_search(embedder.transform(["a delivery"]), corpus, top_k=2)
    >>> indices.shape
    (1, 2)
    """
    check_at_least("top_k", top_k, 1)
    asked, rows = np.asarray(queries), _check_rows(corpus, "corpus")
    vectors = _check_rows(asked[None] if asked.ndim == 1 else asked, "queries")
    if vectors.shape[1] != rows.shape[1]:
        raise ValueError(
            f"queries and corpus must have the same number of features; got {vectors.shape[1]} "
            f"and {rows.shape[1]}."
        )
    k, dtype = min(int(top_k), len(rows)), _common_dtype(vectors, rows)
    scores = np.full((len(vectors), k), -np.inf, dtype)
    indices = np.zeros((len(vectors), k), np.int64)
    for start in range(0, len(vectors), QUERIES_PER_BLOCK):
        part = slice(start, start + QUERIES_PER_BLOCK)
        few = vectors[part].astype(dtype, copy=False)
        with np.errstate(all="ignore"):
            _check_finite(few.sum(axis=1), "queries", start)
        for first, block in _blocks(rows, dtype):
            similarities = _similarities(few, block, "corpus", first)
            scores[part], indices[part] = _merge(scores[part], indices[part], similarities, first)
    return (scores[0], indices[0]) if asked.ndim == 1 else (scores, indices)


def near_duplicates(embeddings: ArrayLike, threshold: float) -> NearDuplicates:
    """Return all pairs of rows with at least a given similarity, and the groups that they form.

    Parameters
    ----------
    embeddings : array-like of shape (n_rows, n_features)
        The similarity is the dot product, which is the cosine for vectors of unit length.
    threshold : float
        The lowest similarity of a pair. The memory grows with the number of pairs.

    Returns
    -------
    NearDuplicates
        `pairs`, `scores` and `groups`.

    Raises
    ------
    ValueError, TypeError
        If an argument has another shape or type, is empty or contains NaN or infinity.

    Examples
    --------
    >>> from skdistilbert import DistilBertEmbedder, near_duplicates
    >>> texts = ["Where is my parcel?", "Thank you!", "where is my parcel"]
    >>> embeddings = DistilBertEmbedder(normalize=True).transform(texts)
    >>> near_duplicates(embeddings, threshold=0.9).groups
    [[0, 2]]
    """
    if not is_finite_number(threshold):
        raise ValueError(f"threshold must be a finite number; got {threshold!r:.99}.")
    rows = _check_rows(embeddings, "embeddings")
    dtype = _common_dtype(rows)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], Matrix]] = []
    for first, block in _blocks(rows, dtype):
        for start in range(0, first + len(block), QUERIES_PER_BLOCK):
            few = rows[start : min(start + QUERIES_PER_BLOCK, first + len(block))]
            scores = _similarities(few.astype(dtype, copy=False), block, "embeddings", first)
            i, j = np.divmod(np.flatnonzero(scores >= threshold), len(block))
            is_pair = i + start < j + first
            i, j = i[is_pair], j[is_pair]
            found.append((i + start, j + first, scores[i, j]))
    left, right, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((right, left, -values))
    pairs = np.stack([left, right], axis=1)[order]
    return NearDuplicates(pairs, values[order], _connected(pairs, len(rows)))


def _check_rows(value: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{name} must have numbers; got an array of type {array.dtype}. Embed texts first, "
            "such as DistilBertEmbedder(normalize=True).transform(texts)."
        )
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{name} must have the shape (n_rows, n_features) with at least one row and one "
            f"feature; got {array.shape}."
        )
    return array


def _common_dtype(*arrays: NDArray[Any]) -> type[np.floating[Any]]:
    return np.float64 if any(array.dtype == np.float64 for array in arrays) else np.float32


def _similarities(few: Matrix, block: Matrix, name: str, first: int) -> Matrix:
    """Return the dot products of vectors with the rows of a block, which must be finite."""
    with np.errstate(all="ignore"):
        similarities = few @ block.T
    # NaN and infinity in a row make each of its products NaN or infinite, so one is enough.
    _check_finite(similarities[0], name, first)
    return similarities


def _check_finite(values: Matrix, name: str, first: int) -> None:
    """Raise ValueError if the value of a row is not finite."""
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise ValueError(
            f"{name} has NaN or infinity in row {first + int(wrong[0])}. Remove this row."
        )


def _blocks(rows: NDArray[Any], dtype: type[np.floating[Any]]) -> Iterator[tuple[int, Matrix]]:
    """Yield the first row and the vectors of each block."""
    for first in range(0, len(rows), ROWS_PER_BLOCK):
        yield first, rows[first : first + ROWS_PER_BLOCK].astype(dtype, copy=False)


def _merge(
    scores: Matrix, indices: NDArray[np.int64], similarities: Matrix, first: int
) -> tuple[Matrix, NDArray[np.int64]]:
    """Return the best scores and indices of the previous blocks and of a new block."""
    n_queries, k = scores.shape
    candidates = np.flatnonzero(similarities > scores[:, -1:])  # faster than np.nonzero
    row, column = np.divmod(candidates, similarities.shape[1])
    if len(row) > 4 * scores.size and similarities.shape[1] > k:  # as in the first block
        best = np.argpartition(similarities, -k, axis=1)[:, -k:]
        row, column = np.repeat(np.arange(n_queries), k), best.ravel()
    rows = np.concatenate([np.repeat(np.arange(n_queries), k), row])
    values = np.concatenate([scores.ravel(), similarities[row, column]])
    places = np.concatenate([indices.ravel(), column + first])
    order = np.lexsort((places, -values, rows))
    starts = np.searchsorted(rows[order], np.arange(n_queries))
    kept = order[starts[:, None] + np.arange(k)]
    return values[kept], places[kept]


def _connected(pairs: NDArray[np.int64], n_rows: int) -> list[list[int]]:
    """Return the groups of rows that are connected by pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), bool), tuple(pairs.T)), shape=(n_rows, n_rows))
    labels = connected_components(graph, directed=False)[1]
    groups: dict[int, list[int]] = {}
    for row in np.unique(pairs).tolist():
        groups.setdefault(int(labels[row]), []).append(row)
    return list(groups.values())
