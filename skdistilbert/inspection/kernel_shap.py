"""Kernel SHAP (Lundberg and Lee, 2017) on the coalitions of one word, and of all words but one.

Kernel SHAP fits values whose sum over a coalition of words approximates the score of the text
without all other words. The coalitions of one word and of all words but one have the largest
weights. With these coalitions, the value of a word is the mean of two effects: the effect of
removing the word from the text, and the effect of adding it to an empty text. A constant makes the
values add up to the effect of all words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.inspection.occlusion import Occlusion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.inspection.explained_text import ExplainedText, Explanation, Groups


class KernelShap(Occlusion):
    """The values of Kernel SHAP, in the interface of `Occlusion`."""

    def explanations(
        self, texts: list[ExplainedText], output: ExplainedOutput
    ) -> list[Explanation]:
        """Return the value of each unit, and the score without any word."""
        found = super().explanations(texts, output)
        return [_with_exact_sum(*of_text) for of_text in zip(texts, found, strict=True)]

    def _hidden(self, text: ExplainedText, groups: Groups) -> Groups:
        """Return the groups, all words but each group, and all words."""
        if not groups:
            return []
        all_words = range(len(text.words))
        return [*groups, *(sorted({*all_words} - {*group}) for group in groups), [*all_words]]

    def _combine(self, falls: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the effects of removing a group and of adding it to an empty text."""
        n_groups = len(falls) // 2
        of_group, of_others, total = np.split(falls, [n_groups, 2 * n_groups])
        return (of_group + total - of_others) / 2


def _with_exact_sum(text: ExplainedText, explanation: Explanation) -> Explanation:
    values = explanation.values
    missing = text.score - explanation.base_value - values.sum()
    return explanation._replace(values=values + missing / len(values))
