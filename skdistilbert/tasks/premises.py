"""Read texts as premises, each with several hypotheses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.embedding_plan import plan_embedding, resolve_stride
from skdistilbert.tasks.text_logits import logits_of_tokens
from skdistilbert.tasks.window_batches import mean_over_windows
from skdistilbert.tokenization.ragged import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan, LongText
    from skdistilbert.tokenization import WordPieceTokenizer


class PremiseReader(NamedTuple):
    """A model of pairs, and how it reads the first text of a pair.

    Attributes
    ----------
    model : DistilBertForSequenceClassification
    tokenizer : WordPieceTokenizer
    max_length : int
        Maximum number of tokens of a premise with a hypothesis.
    stride : int or None
        Overlap of the windows of long premises in tokens; None truncates long premises.
    n_threads : int or None
    """

    model: DistilBertForSequenceClassification
    tokenizer: WordPieceTokenizer
    max_length: int
    stride: int | None
    n_threads: int | None

    @classmethod
    def from_options(
        cls,
        model: DistilBertForSequenceClassification,
        tokenizer: WordPieceTokenizer,
        max_length: int | None,
        long_text: LongText,
        stride: int | None,
        n_threads: int | None,
    ) -> Self:
        """Validate the options of `classify` and fill in their defaults."""
        max_length = check_max_length(max_length, model.config, tokenizer)
        stride = resolve_stride(long_text, stride, max_length)
        return cls(model, tokenizer, max_length, stride, n_threads)

    def logits(
        self, texts: Sequence[str], hypotheses: Sequence[str]
    ) -> tuple[FloatArray, set[int]]:
        """Return logits (n_texts, n_hypotheses, n_outputs), and the rows of truncated texts."""
        if self.stride is None:
            return self._truncated_logits(texts, hypotheses)
        plan = plan_embedding(
            self.model,
            self.tokenizer,
            "cls",
            self.max_length,
            long_text="window",
            stride=self.stride,
            precision=self.model.precision,
        )
        means = [self._mean_logits(texts, hypothesis, plan) for hypothesis in hypotheses]
        return np.stack(means, axis=1), set()

    def _truncated_logits(
        self, texts: Sequence[str], hypotheses: Sequence[str]
    ) -> tuple[FloatArray, set[int]]:
        pairs = [(text, hypothesis) for text in texts for hypothesis in hypotheses]
        encoded = encode_ragged(
            self.tokenizer, pairs, max_length=self.max_length, truncation="only_first"
        )
        ids, types = encoded.input_ids, encoded.token_type_ids
        logits = logits_of_tokens(self.model, ids, types, self.n_threads)
        rows = {row // len(hypotheses) for row in encoded.truncated_rows}
        return logits.reshape(len(texts), len(hypotheses), -1), rows

    def _mean_logits(
        self, texts: Sequence[str], hypothesis: str, plan: EmbeddingPlan
    ) -> FloatArray:
        """Return the mean logits of the windows of each text: (n_texts, n_outputs)."""
        sep = self.tokenizer.sep_token_id
        second = [*self.tokenizer.encode(hypothesis, add_special_tokens=False), sep]

        def logits_of(input_ids: list[list[int]]) -> FloatArray:
            types = [[0] * (len(ids) - len(second)) + [1] * len(second) for ids in input_ids]
            return logits_of_tokens(self.model, input_ids, types, self.n_threads)

        n_outputs = self.model.config.num_labels
        return mean_over_windows(
            logits_of, self.tokenizer, texts, plan, n_outputs, after=[sep, *second]
        )

    def check_room(self, hypotheses: Sequence[str]) -> None:
        """Raise ValueError if a hypothesis leaves no room for a text."""
        for hypothesis in hypotheses:
            n_tokens = len(self.tokenizer.encode(hypothesis, add_special_tokens=False))
            if n_tokens + 4 > self.max_length:  # three special tokens and one of the text
                raise ValueError(
                    f"{hypothesis!r:.99} has {n_tokens} tokens, which leave no room for a text in "
                    f"max_length={self.max_length}. Shorten the label or the template."
                )
