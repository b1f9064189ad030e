"""Read texts of any length in batches of windows.

A batch may end within a text, so a text of any length needs little more memory than its ids.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH
from skdistilbert.tasks.windows import TextVectors, WindowPlaces, cut, place_windows
from skdistilbert.tokenization.ragged import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tokenization import WordPieceTokenizer

    PlacedWindow = tuple[list[int], tuple[int, ...]]


def split_places(windows: Iterable[PlacedWindow]) -> tuple[list[list[int]], WindowPlaces]:
    """Return the token ids and the places of windows."""
    input_ids, places = zip(*windows, strict=True)
    return [*input_ids], WindowPlaces(*np.array(places).T)


def windows_of_texts(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    after: list[int] | None = None,
) -> Iterator[PlacedWindow]:
    """Yield the token ids and the place of each window.

    Every window begins with the prompt, and ends with the token ids `after`; None is [SEP].
    """
    assert plan.stride is not None
    after = [tokenizer.sep_token_id] if after is None else after
    for row, text in enumerate(texts):
        (encoded,) = encode_ragged(
            tokenizer, [plan.prompt + text], add_special_tokens=False
        ).input_ids
        ids = encoded.tolist()
        before = [tokenizer.cls_token_id, *ids[: plan.n_prompt]]
        windows = cut(ids[plan.n_prompt :], before, after, plan.max_length, plan.stride)
        for window, place in zip(
            windows, place_windows(row, windows, len(before), plan.n_skipped), strict=True
        ):
            yield window.input_ids, place


def window_batches(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    after: list[int] | None = None,
) -> Iterator[tuple[list[list[int]], WindowPlaces]]:
    """Yield the token ids of at most `TEXTS_PER_BATCH` windows, and their places."""
    stream = windows_of_texts(tokenizer, texts, plan, after)
    while batch := list(islice(stream, TEXTS_PER_BATCH)):
        yield split_places(batch)


def mean_over_windows(
    function: Callable[[list[list[int]]], FloatArray],
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    n_values: int,
    *,
    after: list[int] | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> FloatArray:
    """Return the mean of the values of the windows of each text: (n_texts, n_values).

    The weight of a window is the number of tokens that it counts for.

    Parameters
    ----------
    function : callable
        Maps the token ids of windows to their values (n_windows, n_values).
    tokenizer, texts, plan, after
        As in `windows_of_texts`.
    n_values : int
    advance : callable
        It is called with the number of texts that have been read.
    """
    totals, n_read = TextVectors(len(texts), ("mean",), n_values), 0
    for input_ids, places in window_batches(tokenizer, texts, plan, after):
        totals.add(function(input_ids), places)
        advance(int(places.rows[-1]) + 1 - n_read)
        n_read = int(places.rows[-1]) + 1
    return totals.vectors[:, 0]
