"""From logits of starts and ends to the answers in one context."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple, TypedDict, cast

import numpy as np

from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.ranking import best_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from skdistilbert.tasks.windows import Window
    from skdistilbert.tokenization import Encoding

    FloatArray = NDArray[np.float32]


class Answer(TypedDict):
    """A part of the context, and how sure the model is of it."""

    score: float
    start: int
    end: int
    answer: str


class AnswerOptions(NamedTuple):
    """How answers are chosen, as in `answer`."""

    top_k: int
    max_answer_len: int
    handle_impossible_answer: bool
    align_to_words: bool

    @property
    def n_spans(self) -> int:
        """How many spans of a window to look at: aligned ones often fall together."""
        return self.top_k * 2 + 10 if self.align_to_words else self.top_k


def answers_in_context(
    context: str,
    encoding: Encoding,
    windows: Sequence[Window],
    logits: Iterable[FloatArray],
    options: AnswerOptions,
) -> list[Answer]:
    """Give the best answers of all windows of a context, best first.

    Parameters
    ----------
    context : str
    encoding : Encoding
        The tokens of the context, without special ones.
    windows : list of Window
    logits : list of ndarray of shape (n_tokens of the window, 2)
        Of starts and ends.
    options : AnswerOptions
    """
    answers: dict[str, Answer] = {}
    null_scores = []
    for window, of_window in zip(windows, logits, strict=True):
        start, end = _probabilities(of_window, window)
        null_scores.append(float(start[0] * end[0]))
        for first, last, score in best_spans(
            start[1:], end[1:], options.n_spans, options.max_answer_len
        ):
            place = _characters(encoding, window, first, last, options.align_to_words)
            text = context[slice(*place)]
            # The same words found elsewhere, or in the next window, make their first place surer.
            found = answers.setdefault(
                text.lower(), {"score": 0.0, "start": place[0], "end": place[1], "answer": text}
            )
            found["score"] += score
    ranked = list(answers.values())
    if options.handle_impossible_answer or not ranked:
        ranked.append({"score": min(null_scores), "start": 0, "end": 0, "answer": ""})
    return sorted(ranked, key=lambda answer: answer["score"], reverse=True)[: options.top_k]


def _probabilities(logits: FloatArray, window: Window) -> FloatArray:
    """Of starts and ends (2, 1 + n): at [CLS], then at the tokens of the context."""
    n_tokens = window.stop - window.start
    possible = np.concatenate([logits[:1], logits[-1 - n_tokens : -1]])  # [SEP] is last
    return softmax(np.ascontiguousarray(possible.T))


def best_spans(
    start: FloatArray, end: FloatArray, n_spans: int, max_answer_len: int
) -> Iterator[tuple[int, int, float]]:
    """Yield the first and last token and the score of the best spans, best first.

    Parameters
    ----------
    start, end : ndarray of shape (n_tokens,)
        Probabilities.
    n_spans : int
        How many to yield; less if there are less of a score above 0.
    max_answer_len : int
        In tokens.
    """
    n_tokens = len(start)
    longest = min(max_answer_len, n_tokens)
    scores = np.zeros((n_tokens, longest), start.dtype)  # by first token and length
    for more in range(longest):
        scores[: n_tokens - more, more] = start[: n_tokens - more] * end[more:]
    flat = scores.ravel()
    for place in best_first(flat, n_spans):
        first, more = divmod(place, longest)
        if flat[place] > 0:
            yield first, first + more, float(flat[place])


def _characters(
    encoding: Encoding, window: Window, first: int, last: int, align_to_words: bool
) -> tuple[int, int]:
    """Where a span of a window's tokens, or the words it touches, stands in the context."""
    first, last = window.start + first, window.start + last
    if align_to_words:
        words = cast("list[int]", encoding.word_ids)  # ascending; no special tokens are in it
        # What another window has of a word is not seen from this one, as in transformers.
        first = bisect_left(words, words[first], window.start, window.stop)
        last = bisect_right(words, words[last], window.start, window.stop) - 1
    return encoding.offsets[first][0], encoding.offsets[last][1]
