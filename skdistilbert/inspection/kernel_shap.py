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


class KernelShap(Occlusion):
    """The values of Kernel SHAP, in the interface of `Occlusion`."""

    def __init__(self, texts: list[ExplainedText], output: ExplainedOutput) -> None:
        super().__init__(texts, output, replacement="")

    def explanations(self, *, refine_passages: bool) -> list[Explanation]:
        """Return the value of each unit, and the score without any word."""
        found = super().explanations(refine_passages=refine_passages)
        return [_with_exact_sum(*of_text) for of_text in zip(self._texts, found, strict=True)]

    def effects(self, groups: list[Groups]) -> list[NDArray[np.float64]]:
        """Return the mean effect of hiding only a group, and of hiding all others: (n_groups,)."""
        others = [
            [_others(group, text) for group in of_text]
            for of_text, text in zip(groups, self._texts, strict=True)
        ]
        effects = super().effects(groups), self._totals, super().effects(others)
        return [
            (effect + total - of_others) / 2
            for effect, total, of_others in zip(*effects, strict=True)
        ]


def _with_exact_sum(text: ExplainedText, explanation: Explanation) -> Explanation:
    values = explanation.values
    missing = text.score - explanation.base_value - values.sum()
    return explanation._replace(values=values + missing / len(values))


def _others(group: list[int], text: ExplainedText) -> list[int]:
    return sorted({*range(len(text.words))} - {*group})
