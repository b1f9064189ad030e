"""Read features of texts from the cache, and compute the missing features."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.estimators.cache.embedding_store import StoredEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from skdistilbert.estimators.cache.embedding_cache import EmbeddingCache
    from skdistilbert.tasks.pair_input import TextOrPair

    FloatArray = NDArray[np.float32]
    CachedText = TextOrPair | bytes
    # The argument is a part of the texts, so it has their type.
    Encode = Callable[[Sequence[Any]], tuple[Sequence[FloatArray] | FloatArray, list[int]]]

# Texts are encoded and stored in pieces: large enough for efficient batches on all threads, small
# enough to take at most a few seconds.
CHARACTERS_PER_PIECE = 2**15
# Longer texts count as texts of this length, because most models truncate them.
CHARACTERS_PER_TEXT = 2**12
SECONDS_BETWEEN_READS = 0.05


def cached_features(
    texts: Sequence[CachedText],
    encode: Encode,
    context: bytes,
    cache: EmbeddingCache,
    advance: Callable[[int], object],
) -> tuple[FloatArray, list[int]]:
    """Return the features of texts and the rows of truncated texts, as `encode` does.

    The vectors of all texts have the same length. `read_through` explains the arguments.
    """
    array = np.empty((len(texts), 0), np.float32)

    def put(rows: list[int], vector: FloatArray) -> None:
        nonlocal array
        if not array.size:
            array = np.empty((len(texts), len(vector)), np.float32)
        array[rows] = vector

    truncated = read_through(texts, encode, context, cache, put, advance)
    return array, truncated


def read_through(
    texts: Sequence[CachedText],
    encode: Encode,
    context: bytes,
    cache: EmbeddingCache,
    put: Callable[[list[int], FloatArray], None],
    advance: Callable[[int], object],
) -> list[int]:
    """Read the vectors of texts from the cache; encode and store the missing vectors.

    Equal texts are encoded once. If another process is encoding a text, wait for its vector.

    Parameters
    ----------
    texts : list of str, of pairs, or of bytes, which are the token ids of a window
    encode : callable
        Returns the vector of each of some texts, and the rows of truncated texts.
    context : bytes
        Everything except the text that affects the vectors.
    cache : EmbeddingCache
    put : callable
        Called once for each distinct text, with its rows and its vector.
    advance : callable
        Called with the number of rows that have become known.

    Returns
    -------
    list of int
        The rows of truncated texts.
    """
    prefix = hashlib.blake2b(context).digest()
    keys = [_key(prefix, text) for text in texts]
    text_of = dict(zip(keys, texts, strict=True))
    features = _Features(keys, put, advance)
    for piece in _pieces(list(text_of), text_of):
        features.add(cache.read(piece))
    while missing := [key for key in text_of if key not in features.known]:
        for piece in _pieces(missing, text_of):
            found, own = cache.claim(piece)
            features.add(found)
            if own:
                features.add(_encode_claimed(own, text_of, encode, cache))
        if all(key not in features.known for key in missing):
            time.sleep(SECONDS_BETWEEN_READS)
    return sorted(features.truncated)


def _key(prefix: bytes, text: CachedText) -> bytes:
    if isinstance(text, bytes):
        return hashlib.blake2b(prefix + text, digest_size=32, person=b"token ids").digest()
    if isinstance(text, str):
        return hashlib.blake2b(prefix + text.encode(), digest_size=32).digest()
    # The length of the first text marks its end, and `person` excludes the keys of single texts.
    first, second = (each.encode() for each in text)
    content = b"%d %b%b" % (len(first), first, second)
    return hashlib.blake2b(prefix + content, digest_size=32, person=b"pair").digest()


def _n_characters(text: CachedText) -> int:
    length = len(text) if isinstance(text, str | bytes) else sum(map(len, text))
    return min(length, CHARACTERS_PER_TEXT)


def _pieces(keys: list[bytes], text_of: Mapping[bytes, CachedText]) -> Iterator[list[bytes]]:
    piece: list[bytes] = []
    n_characters = 0
    for key in keys:
        piece.append(key)
        n_characters += _n_characters(text_of[key])
        if n_characters >= CHARACTERS_PER_PIECE:
            yield piece
            piece, n_characters = [], 0
    if piece:
        yield piece


def _encode_claimed(
    keys: Sequence[bytes],
    text_of: Mapping[bytes, CachedText],
    encode: Encode,
    cache: EmbeddingCache,
) -> dict[bytes, StoredEmbedding]:
    embeddings = {}
    try:
        vectors, truncated = encode([text_of[key] for key in keys])
        for row, key in enumerate(keys):
            embeddings[key] = StoredEmbedding(vectors[row], row in truncated)
    finally:  # an error must not leave claims that others would wait for
        cache.write(embeddings, keys)
    return embeddings


class _Features:
    """The texts whose features are known; a key may belong to several rows."""

    def __init__(
        self,
        keys: Sequence[bytes],
        put: Callable[[list[int], FloatArray], None],
        advance: Callable[[int], object],
    ) -> None:
        self.known: set[bytes] = set()
        self.truncated: list[int] = []
        self._put, self._advance = put, advance
        self._rows: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            self._rows.setdefault(key, []).append(row)

    def add(self, embeddings: Mapping[bytes, StoredEmbedding]) -> None:
        n_rows = 0
        for key, (vector, truncated, _) in embeddings.items():
            rows = self._rows[key]
            self._put(rows, vector)
            self.known.add(key)
            self.truncated += rows if truncated else []
            n_rows += len(rows)
        if n_rows:
            self._advance(n_rows)
