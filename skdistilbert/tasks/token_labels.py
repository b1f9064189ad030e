"""The labels of single tokens and of given words."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from skdistilbert.tasks.aggregation import label_of_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.aggregation import AggregationStrategy, Token
    from skdistilbert.tokenization import Encoding


class TokenLabel(TypedDict):
    """A token or word with its label."""

    entity: str | None
    score: float
    index: int
    word: str
    start: int
    end: int


def label_tokens(
    tokens: Sequence[Token], scores: FloatArray, id2label: Mapping[int, str]
) -> list[TokenLabel]:
    """Return the label of each token of a text; `index` counts [CLS] as 0."""
    best = scores.argmax(axis=1).tolist()
    return [
        {
            "entity": id2label[label],
            "score": float(row[label]),
            "index": index,
            "word": token.word,
            "start": token.start,
            "end": token.end,
        }
        for index, (token, row, label) in enumerate(zip(tokens, scores, best, strict=True), 1)
    ]


def label_words(
    words: Sequence[str],
    encoding: Encoding,
    scores: FloatArray,
    strategy: AggregationStrategy,
    id2label: Mapping[int, str],
) -> list[TokenLabel]:
    """Return the label of each word, which is None for a word without tokens."""
    word_ids = np.array(encoding.word_ids, np.intp)  # ascending
    borders = np.searchsorted(word_ids, np.arange(len(words) + 1))
    starts = accumulate((len(word) + 1 for word in words), initial=0)
    labels: list[TokenLabel] = []
    for index, (word, start) in enumerate(zip(words, starts, strict=False)):
        word_scores = scores[borders[index] : borders[index + 1]]
        best, score = label_of_word(word_scores, strategy) if len(word_scores) else (None, 0.0)
        labels.append(
            {
                "entity": None if best is None else id2label[best],
                "score": float(score),
                "index": index,
                "word": word,
                "start": start,
                "end": start + len(word),
            }
        )
    return labels
