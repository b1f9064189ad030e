"""Run in processes of their own by the tests of the embedding cache.

    python -m tests.estimators.cache_worker CACHE N_TEXTS SECONDS

Embeds texts, with SECONDS of sleep before each piece of `CHARACTERS_A_PIECE`. Prints how many
texts each piece had, then the sum of all features.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from skdistilbert import DistilBertEmbedder
from skdistilbert.estimators import cached_features, text_encoder
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

CHARACTERS_A_PIECE = 400


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
    return mock.patch.object(cached_features, "CHARACTERS_A_PIECE", CHARACTERS_A_PIECE)


if __name__ == "__main__":
    main()
