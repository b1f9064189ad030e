"""A program that the tests of the embedding cache run in other processes.

    python -m tests.estimators.cache_worker CACHE N_TEXTS SECONDS

Embed texts, and sleep SECONDS before each piece. Print the number of texts of each piece, then
the sum of all features.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from skdistilbert import DistilBertEmbedder
from skdistilbert.estimators import text_encoder
from skdistilbert.estimators.cache import features as features_module
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def some_texts(n_texts: int) -> list[str]:
    return [f"text number {number}" for number in range(n_texts)]


def on_encoding(note: Callable[[int], Any]) -> AbstractContextManager[object]:
    """Call `note` with the number of texts whenever estimators of this process encode some."""
    pool_texts = text_encoder.pool_texts

    def noting(model: Any, tokenizer: Any, texts: list[str], *args: Any) -> Any:  # noqa: ANN401
        note(len(texts))
        return pool_texts(model, tokenizer, texts, *args)

    return mock.patch.object(text_encoder, "pool_texts", noting)


def main() -> None:
    cache, n_texts, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])

    def note(n: int) -> None:
        print(n, flush=True)
        time.sleep(seconds)

    embedder = DistilBertEmbedder(DATA / "distilbert-tiny", embedding_cache=cache).fit(["a"])
    with on_encoding(note), small_pieces():
        features = embedder.transform(some_texts(n_texts))
    print(np.abs(features).sum(dtype=float))


def small_pieces() -> AbstractContextManager[object]:
    """Encode and store fewer texts at a time."""
    return mock.patch.object(features_module, "CHARACTERS_PER_PIECE", 400)


if __name__ == "__main__":
    main()
