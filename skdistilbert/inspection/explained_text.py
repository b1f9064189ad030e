"""A text whose score is explained, and its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.inspection.word_spans import Span, split_pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.tasks.pair_input import TextOrPair

Groups = list[list[int]]  # indices of words


class ExplainedText(NamedTuple):
    """A text, or a pair of texts, and the score to explain."""

    text: TextOrPair
    words: list[Span]
    units: Groups  # the words or sentences that receive a value
    column: int = 0  # of the scores of `ExplainedOutput`, set together with the score
    score: float = 0.0

    @property
    def spans(self) -> list[Span]:
        """Position of each unit."""
        ends = [(self.words[unit[0]], self.words[unit[-1]]) for unit in self.units]
        return [Span(first.start, last.stop, first.segment) for first, last in ends]

    def part(self, span: Span) -> str:
        """Return the text at a position."""
        return split_pair(self.text)[span.segment][span.start : span.stop]


class Explanation(NamedTuple):
    """The contribution of each unit to the score, (n_units,), and the score without any word."""

    values: NDArray[np.float64]
    base_value: float
    error: float | None = None  # the error of completeness, see `integrated_gradients`
