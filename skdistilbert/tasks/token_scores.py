"""Score every token of texts of any length, and the first token of every word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.checks import window_room
from skdistilbert.tasks.windows import DEFAULT_STRIDE, Window, cut, encode_each, join_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.tasks.text_input import Text
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

    # Maps the ids of windows to the logits (n_tokens, num_labels) of each window.
    Logits = Callable[[Sequence[TokenIds]], list[FloatArray]]


class ScoredText(NamedTuple):
    """The tokens of a text and the probabilities of their labels in each window."""

    encoding: Encoding
    windows: list[Window]
    scores: list[FloatArray]  # of each window: (n_tokens, num_labels), without [CLS] and [SEP]

    @property
    def joined_scores(self) -> FloatArray:
        """The scores of all tokens, (n_tokens, num_labels), each from one window."""
        return join_windows(self.windows, self.scores)


def default_stride(max_length: int) -> int:
    """Return the number of tokens in the overlap of two windows."""
    return min(window_room(max_length) // 2, DEFAULT_STRIDE)


def score_tokens(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[Text],
    max_length: int,
    stride: int,
    logits: Logits,
) -> Iterator[ScoredText]:
    """Yield the tokens and the scores of each text, which do not depend on the order of texts."""
    before, after = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    encodings = list(encode_each(tokenizer, texts))
    windows = [cut(each.input_ids, before, after, max_length, stride) for each in encodings]
    # Each distinct window is read once. Sorted windows form the same batches for every order of
    # the texts, and BLAS rounds them alike.
    distinct = sorted({tuple(window.input_ids) for of_text in windows for window in of_text})
    scores_of = {
        input_ids: softmax(rows[1:-1])
        for input_ids, rows in zip(distinct, logits(distinct), strict=True)
    }
    for encoding, of_text in zip(encodings, windows, strict=True):
        scores = [scores_of[tuple(window.input_ids)] for window in of_text]
        yield ScoredText(encoding, of_text, scores)


def word_scores(text: ScoredText, n_words: int, default: int) -> FloatArray:
    """Return the scores of the first token of each word, (n_words, num_labels).

    A word without tokens has the score 1 for the label `default`.
    """
    token_scores = text.joined_scores
    scores = np.zeros((n_words, token_scores.shape[1]), token_scores.dtype)
    scores[:, default] = 1
    words, first_tokens = np.unique(np.array(text.encoding.word_ids, np.intp), return_index=True)
    scores[words] = token_scores[first_tokens]
    return scores
