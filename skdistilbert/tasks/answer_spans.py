"""Find the answers in one context, given the logits of answer starts and ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple, TypedDict, cast

import numpy as np

from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.ranking import best_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.windows import Window
    from skdistilbert.tokenization import Encoding


class Answer(TypedDict):
    """A part of the context with its score."""

    score: float
    start: int
    end: int
    answer: str


class AnswerOptions(NamedTuple):
    """Options of `answer` for the choice of answers."""

    top_k: int
    max_answer_len: int
    handle_impossible_answer: bool
    align_to_words: bool

    @property
    def n_spans(self) -> int:
        """Number of spans to consider in each window; several may align to the same words."""
        return self.top_k * 2 + 10 if self.align_to_words else self.top_k


def answers_in_context(
    context: str,
    encoding: Encoding,
    windows: Sequence[Window],
    logits: Iterable[FloatArray],
    options: AnswerOptions,
) -> list[Answer]:
    """Return the best answers in all windows of a context, best first.

    Parameters
    ----------
    context : str
    encoding : Encoding
        The tokens of the context, without special tokens.
    windows : list of Window
    logits : list of ndarray of shape (n_tokens of the window, 2)
        Logits of starts and ends.
    options : AnswerOptions
    """
    answers: dict[str, Answer] = {}
    null_scores = []
    for window, window_logits in zip(windows, logits, strict=True):
        start, end = _probabilities(window_logits, window)
        null_scores.append(float(start[0] * end[0]))
        spans = best_spans(start[1:], end[1:], options.n_spans, options.max_answer_len)
        for text, found in _answers_in_window(context, encoding, window, spans, options).items():
            if text not in answers or found["score"] > answers[text]["score"]:
                answers[text] = found
    ranked = list(answers.values())
    if options.handle_impossible_answer or not ranked:
        ranked.append({"score": min(null_scores), "start": 0, "end": 0, "answer": ""})
    return sorted(ranked, key=lambda answer: answer["score"], reverse=True)[: options.top_k]


def _answers_in_window(
    context: str,
    encoding: Encoding,
    window: Window,
    spans: Iterable[tuple[int, int, float]],
    options: AnswerOptions,
) -> dict[str, Answer]:
    """Return the answer of each text, in lower case, given spans in the order of their scores.

    Scores of the same words are added, as in transformers. The scores are probabilities of
    different spans of one window, so their sum is also a probability. The position is the position
    of the best span.
    """
    answers: dict[str, Answer] = {}
    for first, last, score in spans:
        a, b = _character_span(encoding, window, first, last, options.align_to_words)
        text = context[a:b]
        found = answers.setdefault(
            text.lower(), {"score": 0.0, "start": a, "end": b, "answer": text}
        )
        found["score"] = min(found["score"] + score, 1.0)  # rounding may exceed 1
    return answers


def _probabilities(logits: FloatArray, window: Window) -> FloatArray:
    """Return probabilities of starts and ends, (2, 1 + n), at [CLS] and the context's tokens."""
    n_tokens = window.stop - window.start
    possible = np.concatenate([logits[:1], logits[-1 - n_tokens : -1]])  # [SEP] is last
    return softmax(np.ascontiguousarray(possible.T))


def best_spans(
    start: FloatArray, end: FloatArray, n_spans: int, max_answer_len: int
) -> Iterator[tuple[int, int, float]]:
    """Yield the first token, the last token and the score of the best spans, best first.

    Parameters
    ----------
    start, end : ndarray of shape (n_tokens,)
        Probabilities.
    n_spans : int
        Maximum number of spans; spans with a score of 0 are not yielded.
    max_answer_len : int
        Maximum number of tokens.
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


def _character_span(
    encoding: Encoding, window: Window, first: int, last: int, align_to_words: bool
) -> tuple[int, int]:
    """Return the character range of some tokens of a window, or of the words of these tokens."""
    first, last = window.start + first, window.start + last
    if align_to_words:
        words = cast("list[int]", encoding.word_ids)  # ascending, without special tokens
        first = bisect_left(words, words[first])  # the word may begin before the window
        last = bisect_right(words, words[last]) - 1
    return encoding.offsets[first][0], encoding.offsets[last][1]
