"""A text whose score is explained, and its explanation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.inspection.word_spans import Span

Groups = list[list[int]]  # indices of words


class ExplainedText(NamedTuple):
    """A text and the score to explain."""

    text: str
    words: list[Span]
    units: Groups  # the words or sentences that get a value
    column: int  # of the scores of `ExplainedOutput`
    score: float

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Position of each unit in the text."""
        return [(self.words[unit[0]].start, self.words[unit[-1]].stop) for unit in self.units]


class Explanation(NamedTuple):
    """The contribution of each unit to the score, (n_units,), and the score without any word."""

    values: NDArray[np.float64]
    base_value: float
    error: float | None = None  # of completeness, see `integrated_gradients`
