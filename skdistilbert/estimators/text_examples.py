"""Training examples of texts: truncated, or one for each window of a long text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.training import Examples
from skdistilbert.tasks.text_batches import SPLIT_TEXTS, encode_in_batches, warn_truncated
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tasks.window_batches import split_places, windows_of_texts
from skdistilbert.tasks.windows import TextVectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.estimators.fine_tuning import FineTuning, Score
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.estimators.training_texts import TrainingTexts
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tasks.windows import WindowPlaces
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]


def warn_about_texts(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[TextOrPair],
    plan: EmbeddingPlan,
    *,
    singles: Sequence[str] | None = None,
    remedy: str = SPLIT_TEXTS,
) -> None:
    """Warn about texts of unknown tokens and about truncated texts, and name their rows.

    If both texts of each pair are read separately, `singles` are all first texts before all
    second texts.
    """
    warn_unknown(tokenizer, texts)
    if plan.stride is None:
        read = singles or texts
        encodings = encode_in_batches(tokenizer, read, plan.max_length, plan.prompt)
        rows = {row % len(texts) for _, encoded in encodings for row in encoded.truncated_rows}
        warn_truncated(sorted(rows), texts, f"max_length={plan.max_length}", remedy=remedy)


def truncated_examples(
    training: FineTuning,
    texts: Sequence[TextOrPair],
    targets: NDArray[Any],
    weights: FloatArray,
    prompt: str = "",
) -> Examples:
    """Tokenise texts, compute their frozen layers, and return them with one target each."""
    tokenizer, max_length = training.encoder.tokenizer, training.options.max_length
    encodings = [encoded for _, encoded in encode_in_batches(tokenizer, texts, max_length, prompt)]
    types = [types for encoded in encodings for types in encoded.token_type_ids or ()]
    tokens = Ragged.from_lists(
        [ids for encoded in encodings for ids in encoded.input_ids], types or None
    )
    return training.token_examples(tokens, targets, weights, by_token=False)


class TextWindows(NamedTuple):
    """The windows of long texts. Each window is trained as a text with the target of its text.

    Attributes
    ----------
    texts : TrainingTexts
    input_ids : list of list of int
        The token ids of each window.
    places : WindowPlaces
    """

    texts: TrainingTexts
    input_ids: list[list[int]]
    places: WindowPlaces

    @classmethod
    def cut(cls, texts: TrainingTexts, encoder: TextEncoder, plan: EmbeddingPlan) -> TextWindows:
        """Return the windows of single texts; the plan has a stride."""
        windows = windows_of_texts(encoder.tokenizer, texts.texts, plan)  # type: ignore[arg-type]
        return cls(texts, *split_places(windows))

    def examples(self, training: FineTuning) -> Examples:
        """Compute the frozen layers of the windows, and return them with one target each."""
        tokens = Ragged.from_lists(self.input_ids)
        return training.token_examples(tokens, self.targets, self.weights, by_token=False)

    @property
    def targets(self) -> NDArray[Any]:
        """The target of each window, (n_windows,) or (n_outputs, n_windows)."""
        targets: NDArray[Any] = self.texts.targets[..., self.places.rows]
        return targets

    @property
    def weights(self) -> FloatArray:
        """The weight of each text, divided by its number of windows: (n_windows,).

        The weights are scaled so that the mean loss of windows is the mean loss of texts.
        """
        counts = np.bincount(self.places.rows)
        weights = self.texts.weights * counts.mean() / counts
        return np.asarray(weights[self.places.rows], np.float32)

    def score_of_texts(self, score: Score) -> Score:
        """Return a function of the windows' logits that computes the score of the texts."""
        texts, targets, weights = self.texts
        of_texts = Examples(None, None, targets, weights.astype(np.float32))

        def mean_score(logits: FloatArray, _: Examples) -> float:
            means = TextVectors(len(texts), ("mean",), len(logits))
            means.add(np.ascontiguousarray(logits.T), self.places)
            return score(means.vectors[:, 0].T, of_texts)

        return mean_score
