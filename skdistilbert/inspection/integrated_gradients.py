"""Integrated gradients (Sundararajan et al., 2017) of the hidden states of the embeddings.

The path leads from the text with [MASK] in place of each token to the text itself. [CLS], [SEP]
and a prompt stay. The values of all tokens add up to the difference of both scores: completeness.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.exceptions import warn_user
from skdistilbert.inspection.differentiable import as_differentiable
from skdistilbert.inspection.explained_text import Explanation
from skdistilbert.inspection.word_spans import split_pair
from skdistilbert.nn.encoder import embed_tokens
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import for_each, resolve_n_threads
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training import Inputs, forward, input_gradient
from skdistilbert.tasks.text_batches import add_prompt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from skdistilbert.inspection.differentiable import Differentiable
    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.inspection.explained_text import ExplainedText
    from skdistilbert.inspection.word_spans import Span
    from skdistilbert.nn.packing import IntArray
    from skdistilbert.nn.runtime import Workers
    from skdistilbert.nn.weights import Array
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import Encoding

    FloatArray = NDArray[np.float64]

# The number of points is doubled until the error of completeness is at most MAX_ERROR.
FEWEST_POINTS, MOST_POINTS = 16, 512
MAX_ERROR = 0.01
# Differences of scores below this size are not resolved in float32.
SMALLEST_DIFFERENCE = 1e-2
# Tokens whose forward and backward pass are computed together.
TOKENS_PER_PIECE = 512
FIRST = np.zeros(1, np.intp)


class IntegratedGradients:
    """The integrated gradients of an estimator, with the methods of `Explainer`."""

    def __init__(self, estimator: Any) -> None:  # noqa: ANN401
        self._estimator = estimator

    def first_variants(self, texts: list[ExplainedText]) -> Iterator[TextOrPair]:  # noqa: ARG002
        """Yield nothing, as only the texts themselves are predicted."""
        return iter(())

    def explanations(
        self, texts: list[ExplainedText], output: ExplainedOutput
    ) -> list[Explanation]:
        """Return the contributions of the units of texts; warn if they are not complete."""
        differentiable = as_differentiable(self._estimator, output)
        paths = [TextPath.to_text(text, differentiable) for text in texts]
        explanations: dict[int, Explanation] = {}
        pending, n_points = list(range(len(texts))), FEWEST_POINTS
        while pending and n_points <= MOST_POINTS:
            found = _integrate([paths[row] for row in pending], n_points, differentiable)
            explanations |= zip(pending, found, strict=True)
            pending = [row for row in pending if (explanations[row].error or 0) > MAX_ERROR]
            n_points *= 2
        if pending:
            warn_user(
                f"The values of {len(pending)} of {len(texts)} texts do not add up to the "
                f"difference of their scores; the relative error is above {MAX_ERROR}, see the "
                "attribute error. Use method='occlusion' for these texts."
            )
        return [explanations[row] for row in range(len(texts))]


class TextPath(NamedTuple):
    """The path from [MASK] tokens to the tokens of a text."""

    text: ExplainedText
    input_ids: IntArray  # (n_tokens,)
    token_words: IntArray  # (n_tokens,): index of the word; -1 for special tokens and the prompt
    start: Array  # (dim, n_tokens)
    difference: Array  # (dim, n_tokens)

    @classmethod
    def to_text(cls, text: ExplainedText, differentiable: Differentiable) -> TextPath:
        """Return the path to a text, which is truncated like the input of the estimator."""
        tokenizer, plan = differentiable.tokenizer, differentiable.plan
        assert tokenizer.mask_token_id is not None  # checked by `as_differentiable`
        encoding = tokenizer.encode_with_offsets(
            *split_pair(add_prompt(plan.prompt, text.text)),
            max_length=plan.max_length,
            truncation=True,
        )
        words = _words_of_tokens(text.words, encoding, len(plan.prompt))
        ids, types = np.array(encoding.input_ids), np.array(encoding.token_type_ids)
        masked = np.where(words < 0, ids, tokenizer.mask_token_id)
        start, end = (
            embed_tokens(differentiable.embeddings, Ragged.from_lists([x], [types]).pack(FIRST))
            for x in (masked, ids)
        )
        return cls(text, ids, words, start, end - start)


def _words_of_tokens(words: list[Span], encoding: Encoding, n_prompt: int) -> IntArray:
    """Return the index of the word that has the last character of each token, or -1."""
    starts = [(word.segment, word.start) for word in words]
    indices = []
    for segment, (_, end) in zip(encoding.sequence_ids, encoding.offsets, strict=True):
        place = end - n_prompt if segment == 0 else end
        is_fixed = segment is None or place <= 0  # a special token, or of the prompt
        indices.append(-1 if is_fixed else max(bisect_right(starts, (segment, place - 1)) - 1, 0))
    return np.array(indices)


def _integrate(
    paths: list[TextPath], n_points: int, differentiable: Differentiable
) -> list[Explanation]:
    """Return the contributions by Gauss-Legendre quadrature.

    Each text is computed in pieces of its own. Its values therefore do not depend on other texts
    or on the number of threads.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_points)
    points = np.array([0, *(nodes + 1) / 2, 1])  # both ends have no weight
    integrals = [_Integral(path, points, differentiable) for path in paths]
    pieces = [(integral, piece) for integral in integrals for piece in integral.pieces()]

    def fill(piece: tuple[_Integral, slice], _: Workers) -> None:
        integral, places = piece
        integral.fill(places)

    for_each(fill, pieces, resolve_n_threads(differentiable.n_threads))
    return [integral.explanation(np.array([0, *weights / 2, 0])) for integral in integrals]


class _Integral:
    """The scores of the points of a path, and the derivatives along the path."""

    def __init__(self, path: TextPath, points: FloatArray, differentiable: Differentiable) -> None:
        self._path, self._points, self._differentiable = path, points, differentiable
        self._scores = np.empty(len(points))
        self._slopes = np.empty((len(points), len(path.input_ids)))

    def pieces(self) -> list[slice]:
        """Return slices of the points that are computed together."""
        size = max(1, TOKENS_PER_PIECE // len(self._path.input_ids))
        return [slice(start, start + size) for start in range(0, len(self._points), size)]

    def fill(self, piece: slice) -> None:
        """Compute the scores and derivatives of some points."""
        points, path = self._points[piece], self._path
        column, differentiable = path.text.column, self._differentiable
        states = path.start[:, None] + np.multiply.outer(points, path.difference).swapaxes(0, 1)
        states = states.astype(path.start.dtype).reshape(len(path.start), -1)
        batch = Ragged.from_lists([path.input_ids] * len(points)).pack(np.arange(len(points)))
        inputs, tape = Inputs(batch, states), Tape()
        outputs = forward(differentiable.network, inputs, tape).T.astype(np.float64)
        self._scores[piece] = differentiable.scores(outputs)[:, column]
        d_outputs = differentiable.gradient(outputs, column).T.astype(states.dtype)
        d_states = input_gradient(differentiable.network, d_outputs, inputs, tape)
        by_point = d_states.reshape(len(d_states), len(points), -1)
        self._slopes[piece] = np.einsum("dpt,dt->pt", by_point, path.difference)

    def explanation(self, weights: FloatArray) -> Explanation:
        """Return the weighted sum of the derivatives, for each unit of the text."""
        words = self._path.token_words
        by_word = np.bincount(
            words + 1, weights @ self._slopes, minlength=len(self._path.text.words) + 1
        )[1:]
        values = np.array([by_word[unit].sum() for unit in self._path.text.units])
        base_value, score = float(self._scores[0]), float(self._scores[-1])
        difference = score - base_value
        error = abs(float(values.sum()) - difference) / max(abs(difference), SMALLEST_DIFFERENCE)
        return Explanation(values, base_value, error)
