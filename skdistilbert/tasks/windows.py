"""Read long texts in overlapping windows that fit the model.

If two windows overlap, the first half of the overlap is read from the first window, and the second
half from the second window. Each token of the overlap therefore has context on both sides, and
each token of a text counts once. The mean over the text is the mean of the windows' means,
weighted by their numbers of tokens. Every window has its own states of [CLS] and [SEP], which are
averaged with the same weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.pooling import Windows
from skdistilbert.tokenization.truncation import windows
from skdistilbert.tokenization.word_lists import encode_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.text_input import Text
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

DEFAULT_STRIDE = 128  # the default of transformers' pipeline for question answering


class Window(NamedTuple):
    """A window of a text: its range of the text's tokens, and the ids that the model reads."""

    start: int
    stop: int
    input_ids: list[int]


def cut(
    ids: list[int], before: list[int], after: list[int], max_length: int, stride: int
) -> list[Window]:
    """Return the windows of a text, each of at most `max_length` tokens.

    Parameters
    ----------
    ids : list of int
        The tokens of the text.
    before, after : list of int
        The tokens before and after the text in every window.
    max_length : int
    stride : int
        The number of tokens in the overlap of two windows.

    Raises
    ------
    ValueError
        If the text needs several windows and these have no room for more than `stride` tokens.
    """
    room = max_length - len(before) - len(after)
    return [
        Window(start, stop, [*before, *ids[start:stop], *after])
        for start, stop in windows(len(ids), room, stride)
    ]


def encode_each(tokenizer: WordPieceTokenizer, texts: Iterable[Text]) -> Iterator[Encoding]:
    """Yield the tokens of each text, or of each text's words, without special tokens."""
    for text in texts:
        if isinstance(text, str):
            yield tokenizer.encode_with_offsets(text, add_special_tokens=False)
        else:
            yield encode_words(tokenizer, text, add_special_tokens=False)


def counted_ranges(windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Return the range of the text's tokens that each window counts for."""
    middles = [(window.stop + after.start + 1) // 2 for window, after in pairwise(windows)]
    return list(pairwise([0, *middles, windows[-1].stop]))


def join_windows(windows: Sequence[Window], scores: Sequence[FloatArray]) -> FloatArray:
    """Return the scores of a text's tokens, (n_tokens, n_scores), given the scores of windows."""
    ranges = counted_ranges(windows)
    return np.concatenate(
        [
            window_scores[start - window.start : stop - window.start]
            for window, window_scores, (start, stop) in zip(windows, scores, ranges, strict=True)
        ]
    )


class WindowPlaces(NamedTuple):
    """The places of windows in their texts; the windows of a text follow one another.

    Positions include [CLS], the prompt and [SEP] of the text.

    Attributes
    ----------
    rows : int ndarray of shape (n_windows,)
        The row of each window's text, ascending.
    firsts, stops, offsets : int ndarray of shape (n_windows,)
        The fields of `Windows`.
    text_firsts, text_stops : int ndarray of shape (n_windows,)
        The range of positions that all windows of the text count for.
    """

    rows: IntArray
    firsts: IntArray
    stops: IntArray
    offsets: IntArray
    text_firsts: IntArray
    text_stops: IntArray

    @property
    def pooled(self) -> Windows:
        """The tokens to pool."""
        return Windows(self.firsts, self.stops, self.offsets)

    def shares(self, pooling: Pooling) -> NDArray[np.float64]:
        """Return the weight of each window's vector in the vector of its text."""
        shares = _weights(self.firsts, self.stops, pooling) / _weights(
            self.text_firsts, self.text_stops, pooling
        )
        return np.sqrt(shares) if pooling == "mean_sqrt_len_tokens" else shares


def _weights(firsts: IntArray, stops: IntArray, pooling: Pooling) -> IntArray:
    """Return the weight in a mean of the tokens from `firsts` to before `stops`."""
    if pooling == "weightedmean":
        return stops * (stops + 1) - firsts * (firsts + 1)
    return stops - firsts


def place_windows(
    row: int, windows: Sequence[Window], n_before: int, n_skipped: int
) -> Iterator[tuple[int, ...]]:
    """Yield one tuple per window of a text, with the fields of `WindowPlaces`.

    Parameters
    ----------
    row : int
        The row of the text.
    windows : list of Window
    n_before : int
        The number of tokens before the text in every window: [CLS] and the prompt.
    n_skipped : int
        The number of positions at the start of the text that are not pooled.
    """
    text_stop = n_before + windows[-1].stop + 1
    text_first = first = min(n_skipped, text_stop - 1)
    for window, (_, end) in zip(windows, counted_ranges(windows), strict=True):
        stop = text_stop if window is windows[-1] else n_before + end
        yield row, first, stop, window.start, text_first, text_stop
        first = stop


class TextVectors:
    """The pooled vectors of texts, as sums over their windows.

    Attributes
    ----------
    vectors : float32 ndarray of shape (n_texts, n_poolings, dim)
    """

    def __init__(self, n_texts: int, poolings: Sequence[Pooling], dim: int) -> None:
        self._poolings = poolings
        self.vectors = np.zeros((n_texts, len(poolings), dim), np.float32)
        self.vectors[:, [pooling == "max" for pooling in poolings]] = -np.inf

    def add(self, pooled: FloatArray, places: WindowPlaces) -> None:
        """Add the pooled vectors of windows, (n_windows, n_poolings * dim)."""
        pooled = pooled.reshape(len(pooled), *self.vectors.shape[1:])
        starts = np.flatnonzero(np.diff(places.rows, prepend=-1))
        rows = places.rows[starts]
        for index, pooling in enumerate(self._poolings):
            vectors, totals = pooled[:, index], self.vectors[:, index]
            if pooling == "max":
                highest = np.maximum.reduceat(vectors, starts, axis=0)
                totals[rows] = np.maximum(totals[rows], highest)
            else:  # in float64, because a long text has thousands of windows
                weighted = vectors * places.shares(pooling)[:, None]
                totals[rows] += np.add.reduceat(weighted, starts, axis=0)
