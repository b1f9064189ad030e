"""Base class of the classifier and the regressor of texts: their input and their logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.text_encoder import check_finite
from skdistilbert.estimators.text_examples import TextWindows, truncated_examples, warn_about_texts
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import single_threaded_blas
from skdistilbert.nn.training import Examples
from skdistilbert.tasks.embedding_plan import resolve_stride
from skdistilbert.tasks.pair_input import are_pairs, check_single_texts, check_texts_or_pairs
from skdistilbert.tasks.text_batches import USE_WINDOWS
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tasks.window_batches import mean_over_windows

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.estimators.encoder_tuner import Training
    from skdistilbert.estimators.fine_tuning import FineTuning, Score
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.estimators.training_texts import TrainingTexts
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.pair_input import TextOrPair

    FloatArray = NDArray[np.float32]
    Rows = NDArray[np.intp]

PREDICTOR_PARAMETERS = """\
long_text : {"truncate", "window"}
    Truncate texts of more than `max_length` tokens, or read them completely in overlapping
    windows; see `skdistilbert.embed`. A head that is not trained together with layers reads one
    vector for each text, in which each token is pooled once. If layers and head are trained
    together, each window is trained as a text with the target of its text and the weight
    1 / n_windows. The logits of a text are then the mean of the logits of its windows, weighted
    by their numbers of tokens. The same applies to heads that other programs have trained.
    `embedding_cache` keeps vectors of texts only. Pairs of texts are not read in windows.
"""


class TextPredictor(TrainedEstimator):
    """Base of the estimators that predict from texts or pairs of texts."""

    long_text: LongText = "truncate"  # a pickle of version 0.1 has neither
    stride: int | None = None
    _embedding_parameters = (*TrainedEstimator._embedding_parameters, "long_text", "stride")

    _reads_pairs: bool | None = None  # None: not known, after `from_pretrained`
    # Whether the head reads one vector for all windows of a text. Otherwise it reads each window.
    _pools_windows = False

    def _check_texts(self, X: object) -> list[TextOrPair]:
        texts = check_texts_or_pairs(X, self.missing, allow_empty=False)
        if self.max_length == 2 and are_pairs(texts):
            raise ValueError(
                "max_length must be at least 3 for pairs of texts, which have [CLS] and two "
                "[SEP]; got 2."
            )
        if self.long_text == "window":
            check_single_texts(texts)
        return texts

    # -- training

    def _check_texts_to_fit(self, X: object, *, continues: bool) -> list[TextOrPair]:
        """Return validated texts, of the fitted kind if the training continues."""
        texts = self._check_texts(X)
        if continues and hasattr(self, "head_"):
            self._check_fitted_kind(texts)
        return texts

    def _resolve_options(self, encoder: TextEncoder) -> TrainingOptions:
        options = super()._resolve_options(encoder)
        resolve_stride(self.long_text, self.stride, options.max_length)
        return options

    def _warn_about(self, texts: list[TextOrPair]) -> None:
        """Warn about unknown and truncated texts, with their rows in all texts of `fit`."""
        warn_about_texts(self._encoder.tokenizer, texts, self._plan(), remedy=USE_WINDOWS)

    def _train_on_texts(
        self,
        training: FineTuning,
        texts: TrainingTexts,
        split: tuple[Rows, Rows | None],
        score: Score,
        data: dict[str, Any],
    ) -> None:
        """Train on the first rows of the split, validate on the others, and keep the result."""

        def examples_of(rows: Rows) -> Examples:
            return self._examples(training, texts.select(rows))

        if split[1] is not None and self._trains_on_windows(training.options):
            score = self._windows(texts.select(split[1])).score_of_texts(score)
        self._train(training, split, examples_of, score, data)

    def _examples(self, training: FineTuning, texts: TrainingTexts) -> Examples:
        """Return the training examples of the head, or of the layers and the head."""
        weights = texts.weights.astype(np.float32)
        if not training.options.n_layers:
            features = self._features(texts.texts, warn=False)
            return Examples(None, features, texts.targets, weights)
        if self._trains_on_windows(training.options):
            return self._windows(texts).examples(training)
        return truncated_examples(training, texts.texts, texts.targets, weights)

    def _trains_on_windows(self, options: TrainingOptions) -> bool:
        """Return whether layers and head are trained together on windows of long texts."""
        return self.long_text == "window" and options.n_layers > 0

    def _windows(self, texts: TrainingTexts) -> TextWindows:
        return TextWindows.cut(texts, self._encoder, self._plan())

    def _results(self, training: Training) -> dict[str, Any]:
        return super()._results(training) | {"_pools_windows": training.pools_windows}

    # -- prediction

    def _logits(self, X: object) -> FloatArray:
        """Return the logits of texts, (n_texts, n_outputs)."""
        check_is_fitted(self)
        texts = self._check_texts(X)
        self._check_fitted_kind(texts)
        if self.long_text == "window" and not self._pools_windows:
            logits = self._mean_logits(texts)
        else:
            logits = self._head_logits(self._features(texts))
        return check_finite(logits, self.model)

    def _head_logits(self, features: FloatArray) -> FloatArray:
        """Apply the head to features (n_texts, dim)."""
        # In float32 a text's logits would change with the number and order of the other texts.
        columns = np.ascontiguousarray(features.T, np.float64)
        with single_threaded_blas(), np.errstate(over="ignore"):
            logits: FloatArray = self.head_.logits(columns).T.astype(np.float32)
        return logits

    def _mean_logits(self, texts: list[Any]) -> FloatArray:
        """Return the mean of the logits of each text's windows, weighted by their tokens."""
        loaded, plan = self._loaded_encoder(), self._plan()
        encoder = loaded.encoder.in_precision(plan.precision)
        n_outputs = len(self.head_.classifier.bias)
        warn_unknown(loaded.tokenizer, texts)

        def window_logits(input_ids: list[list[int]]) -> FloatArray:
            windows = Ragged.from_lists(input_ids)
            return self._head_logits(
                pooled_features(encoder, windows, plan.poolings, self.n_threads)
            )

        with showing_progress(len(texts), type(self).__name__ if self.verbose else "") as advance:
            return mean_over_windows(
                window_logits, loaded.tokenizer, texts, plan, n_outputs, advance=advance
            )

    def _check_fitted_kind(self, texts: Sequence[TextOrPair]) -> None:
        kinds = ("single texts", "pairs of texts")
        reads_pairs = are_pairs(texts)
        if self._reads_pairs not in (None, reads_pairs):
            raise ValueError(
                f"This {type(self).__name__} was fitted on {kinds[not reads_pairs]}; got "
                f"{kinds[reads_pairs]} (the first is {texts[0]!r:.100}). Pass one pair alone as "
                "[(text, text_pair)], and one text alone as [text]."
            )

    # -- checkpoints

    @classmethod
    def _from_text_checkpoint(
        cls,
        path: str | os.PathLike[str],
        **params: Any,  # noqa: ANN401
    ) -> tuple[Self, Checkpoint]:
        """Return an estimator with the encoder of a checkpoint, and the checkpoint."""
        if "pooling" in params:
            raise ValueError(
                "from_pretrained uses the pooling of the checkpoint's head; got "
                f"pooling={params['pooling']!r}. Leave it out, or fit {cls.__name__}(path, ...)."
            )
        predictor, checkpoint = cls._from_checkpoint(
            path, "sequence_classification", pooling="cls", **params
        )
        predictor.pooling = cast("Pooling", checkpoint.config.sklearn_pooling)
        predictor._pools_windows = checkpoint.config.sklearn_pools_windows
        return predictor, checkpoint
