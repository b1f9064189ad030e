"""Kernel SHAP (Lundberg and Lee, 2017) on the coalitions of one word, and of all words but one.

Kernel SHAP fits values whose sum over a coalition of words approximates the score of the text
without all other words. The coalitions of one word and of all words but one have the largest
weights. With these coalitions, the value of a word is the mean of two effects: the effect of
removing the word from the text, and the effect of adding it to an empty text. A constant makes the
values add up to the effect of all words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.inspection.occlusion import Occlusion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.inspection.explained_text import ExplainedText, Explanation, Groups


def explain_by_kernel_shap(
    texts: list[ExplainedText], output: ExplainedOutput, *, refine_passages: bool
) -> list[Explanation]:
    """Return the Kernel SHAP values of the units of the texts; see `explain_by_occlusion`."""
    found = _Coalitions(texts, output, replacement="").explanations(
        refine_passages=refine_passages
    )
    return [_with_exact_sum(*of_text) for of_text in zip(texts, found, strict=True)]


def _with_exact_sum(text: ExplainedText, explanation: Explanation) -> Explanation:
    values = explanation.values
    missing = text.score - explanation.base_value - values.sum()
    return explanation._replace(values=values + missing / len(values))


class _Coalitions(Occlusion):
    """The effects of words: the mean of hiding only them, and of hiding all others."""

    def effects(self, groups: list[Groups]) -> list[NDArray[np.float64]]:
        """Return the mean of both effects for each group of words, (n_groups,)."""
        hidden = self._effects_of_hiding(groups)
        others = self._effects_of_hiding(
            [
                [_others(group, text) for group in of_text]
                for of_text, text in zip(groups, self._texts, strict=True)
            ]
        )
        return [
            (effect + total - of_others) / 2
            for effect, total, of_others in zip(hidden, self._totals, others, strict=True)
        ]


def _others(group: list[int], text: ExplainedText) -> list[int]:
    return sorted({*range(len(text.words))} - {*group})
