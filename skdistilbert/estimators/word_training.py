"""The training of the token classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from skdistilbert.estimators.fine_tuning import FineTuning, new_linear
from skdistilbert.estimators.labelled_words import (
    NO_WORDS,
    EntityScore,
    LabelledWords,
    WordWindows,
)
from skdistilbert.estimators.training_options import split_rows
from skdistilbert.estimators.word_input import check_word_labels, check_words
from skdistilbert.estimators.word_predictor import WordPredictor
from skdistilbert.nn.heads import LinearHead
from skdistilbert.nn.training import Examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.training_options import TrainingOptions

    Words = Sequence[str]
    Rows = NDArray[np.intp]

# Least number of epochs of trained layers if `max_iter` is "auto"; see benchmarks/README.md.
EPOCHS = 4


class WordTraining(WordPredictor):
    """Base of the token classifier."""

    def _check_labelled(
        self, X: Iterable[Words], y: Iterable[Words]
    ) -> tuple[list[list[str]], list[list[str]]]:
        """Return validated words and labels."""
        texts = check_words(X, self.missing)
        label_rows = check_word_labels(y, texts)
        if not any(texts):
            raise ValueError(NO_WORDS)
        return texts, label_rows

    def _train_on(
        self, words: LabelledWords, options: TrainingOptions, data: dict[str, Any]
    ) -> None:
        random_state = check_random_state(self.random_state)
        rows = np.flatnonzero([len(text) > 0 for text in words.texts])
        trained, held_out = split = split_rows(rows, options, random_state)
        if options.n_layers and options.max_iter == "auto":
            n_epochs = max(EPOCHS, options.n_epochs(len(trained)))
            options = options._replace(max_iter=n_epochs)
        training = self._start_classifier(options, random_state)
        score = None
        if held_out is not None:
            validation = words.select(held_out)
            token_words = self._cut(options, validation).token_words
            score = EntityScore(validation, token_words, self.classes_, self._default_class)
        normalized = words.normalized()

        def examples_of(rows: Rows) -> Examples:
            return self._word_examples(training, normalized.select(rows))

        self._train(training, split, examples_of, score, data)

    def _new_head(self, config: DistilBertConfig, random_state: RandomState) -> LinearHead:
        return LinearHead(new_linear(len(self.classes_), config.dim, random_state))

    def _word_examples(self, training: FineTuning, words: LabelledWords) -> Examples:
        """Return windows of texts; the first token of each word has a target."""
        cut = self._cut(training.options, words)
        targets, weights = cut.targets(words)
        if training.options.n_layers:
            return training.token_examples(cut.windows, targets, weights)
        states = self._token_states(cut.windows)
        return Examples(cut.windows, states, targets, weights, by_token=True)

    def _cut(self, options: TrainingOptions, words: LabelledWords) -> WordWindows:
        return WordWindows.cut(words.texts, self._encoder.tokenizer, options.max_length)
