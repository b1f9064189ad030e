"""Features of texts from the embedding cache, those that are missing from the encoder."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.estimators.embedding_store import StoredEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from skdistilbert.estimators.embedding_cache import EmbeddingCache

    FloatArray = NDArray[np.float32]
    Encode = Callable[[Sequence[str]], tuple[FloatArray, list[int]]]

# What is encoded, and then kept, at a time: enough for batches of equal lengths on all threads,
# some seconds' work at most.
CHARACTERS_A_PIECE = 2**15
# No text counts for more, as what stands after the model's last position is not read.
CHARACTERS_A_TEXT = 2**12
KEYS_A_READING = 4096
SECONDS_BETWEEN_LOOKS = 0.05


def cached_features(
    texts: Sequence[str],
    encode: Encode,
    context: bytes,
    cache: EmbeddingCache,
    advance: Callable[[int], object],
) -> tuple[FloatArray, list[int]]:
    """Return the features of texts, (n_texts, n_features), and the truncated rows.

    Each text is encoded once, however often it stands there, and not at all if it is in the
    cache, or if another process is encoding it, which is then waited for.

    Parameters
    ----------
    texts : sequence of str
    encode : callable
        Texts to features, and the rows of those that were cut.
    context : bytes
        All that the features depend on besides the text.
    cache : EmbeddingCache
    advance : callable
        Is told of how many texts the features have become known.
    """
    keys = _keys(texts, context)
    gathered = _Gathered(keys, advance)
    text_of = dict(zip(keys, texts, strict=True))
    for some in _slices(list(text_of), KEYS_A_READING):
        gathered.add(cache.read(some))
    missing = [key for key in text_of if key not in gathered.seen]
    while missing:
        waiting: list[bytes] = []
        for piece in _pieces(missing, text_of):
            found, own = cache.claim(piece)
            gathered.add(found)
            if own:
                gathered.add(_encode_own(own, text_of, encode, cache))
            waiting += [key for key in piece if key not in gathered.seen]
        if len(waiting) == len(missing):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        missing = waiting
    return gathered.features, sorted(gathered.truncated_rows)


def _keys(texts: Sequence[str], context: bytes) -> list[bytes]:
    start, keys = hashlib.blake2b(context, digest_size=32), []
    for text in texts:
        digest = start.copy()
        digest.update(text.encode())
        keys.append(digest.digest())
    return keys


def _slices(keys: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _pieces(keys: list[bytes], text_of: Mapping[bytes, str]) -> Iterator[list[bytes]]:
    piece: list[bytes] = []
    n_characters = 0
    for key in keys:
        piece.append(key)
        n_characters += min(len(text_of[key]), CHARACTERS_A_TEXT)
        if n_characters >= CHARACTERS_A_PIECE or len(piece) >= KEYS_A_READING:
            yield piece
            piece, n_characters = [], 0
    if piece:
        yield piece


def _encode_own(
    keys: Sequence[bytes], text_of: Mapping[bytes, str], encode: Encode, cache: EmbeddingCache
) -> dict[bytes, StoredEmbedding]:
    """Encode claimed texts and keep their features."""
    try:
        vectors, truncated = encode([text_of[key] for key in keys])
    except BaseException:
        cache.release(keys)
        raise
    embeddings = {
        key: StoredEmbedding(vector, row in truncated)
        for row, (key, vector) in enumerate(zip(keys, vectors, strict=True))
    }
    cache.write(embeddings)
    return embeddings


class _Gathered:
    """The features of all texts, as far as they are known."""

    def __init__(self, keys: Sequence[bytes], advance: Callable[[int], object]) -> None:
        self._advance = advance
        self.seen: set[bytes] = set()
        self.features: FloatArray = np.empty((len(keys), 0), np.float32)
        self.truncated_rows: list[int] = []
        self._rows: dict[bytes, list[int]] = {}
        for row, key in enumerate(keys):
            self._rows.setdefault(key, []).append(row)

    def add(self, embeddings: Mapping[bytes, StoredEmbedding]) -> None:
        """Put features into the rows of their texts."""
        n_rows = 0
        for key, (vector, truncated) in embeddings.items():
            if not self.seen:
                self.features = np.empty((len(self.features), len(vector)), np.float32)
            rows = self._rows[key]
            self.features[rows] = vector
            self.truncated_rows += rows if truncated else []
            n_rows += len(rows)
            self.seen.add(key)
        if n_rows:
            self._advance(n_rows)
