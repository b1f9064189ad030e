"""The estimator that predicts numbers from texts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_consistent_length, check_random_state

from skdistilbert.estimators.export import sequence_model
from skdistilbert.estimators.fine_tuning import new_sequence_head
from skdistilbert.estimators.parameters import documented
from skdistilbert.estimators.sklearn_compat import check_sample_weight, fit_data, with_callbacks
from skdistilbert.estimators.targets import Scale, check_numbers
from skdistilbert.estimators.text_predictor import PREDICTOR_PARAMETERS, TextPredictor
from skdistilbert.estimators.training_options import split_rows
from skdistilbert.estimators.training_texts import TrainingTexts
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.training import squared_error
from skdistilbert.tasks.pair_input import are_pairs

if TYPE_CHECKING:
    import os

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.nn.training import Examples
    from skdistilbert.nn.weights import Array
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.pair_input import Texts
    from skdistilbert.tasks.text_input import Missing


@documented(PREDICTOR_PARAMETERS, score="R2")
class DistilBertRegressor(RegressorMixin, TextPredictor):  # type: ignore[misc]
    """Predict numbers with DistilBERT's classification head; optionally fine-tune the encoder.

    AdamW minimises the squared error (``problem_type="regression"`` of transformers), with the
    schedule and the dropout that `DistilBertClassifier` describes. The head starts with random
    weights. By default, only the head is trained. The targets are standardised, so the losses
    refer to standardised targets. A text may be a pair of texts, as in `DistilBertClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    head_ : SequenceClassificationHead
        The trained weights of the head; its logits are the standardised predictions.
    {attributes}

    See Also
    --------
    DistilBertClassifier : Classify texts.

    Examples
    --------
    >>> from skdistilbert import DistilBertRegressor
    >>> texts = ["not good at all", "quite good", "very good", "bad"]
    >>> regressor = DistilBertRegressor(random_state=0)
    >>> regressor.fit(texts, [2.0, 4.0, 5.0, 1.0]).predict(texts).shape
    (4,)
    """

    head_: SequenceClassificationHead

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        trainable_layers: int | Literal["all"] = 0,
        pooling: Pooling = "mean",
        max_length: int | None = None,
        missing: Missing = "error",
        long_text: LongText = "truncate",
        stride: int | None = None,
        learning_rate_init: float | Literal["auto"] = "auto",
        alpha: float = 0.01,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int | Literal["auto"] = "auto",
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: int | RandomState | None = None,
        verbose: bool | int = False,
        precision: Precision = "float32",
        n_threads: int | None = None,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._set_parameters(locals())

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str], **params: Any) -> Self:  # noqa: ANN401
        """Return a fitted regressor from a checkpoint that has a classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForSequenceClassification`` or
            ``BertForSequenceClassification`` whose logits are numbers.
        **params : dict
            Other parameters of the class, except `pooling`, which is that of the head. The
            checkpoint also has the `max_length` of the saved estimator, but not `long_text` and
            `stride`.

        Returns
        -------
        DistilBertRegressor

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be loaded, has no such head, or has a head of a
            `DistilBertClassifier`.
        ValueError
            If a parameter is not valid.
        """
        regressor, checkpoint = cls._from_text_checkpoint(path, **params)
        problem_type = checkpoint.config.problem_type or "regression"
        if problem_type != "regression":
            raise CheckpointError(
                f"{path} has a head that predicts labels ({problem_type}), not numbers. Load it "
                "with DistilBertClassifier.from_pretrained."
            )
        regressor.head_ = SequenceClassificationHead.from_tensors(checkpoint.weights)
        n_outputs = len(regressor.head_.classifier.bias)
        regressor._scale = Scale(np.zeros(n_outputs), np.ones(n_outputs))
        regressor._n_dims = 1 if n_outputs == 1 else 2
        return regressor

    def _task_model(self) -> DistilBertForSequenceClassification:
        labels = np.array([f"LABEL_{index}" for index in range(len(self._scale.mean))])
        head = self._scale.unscaled_head(self.head_)
        model = self._loaded_encoder().model
        return sequence_model(model, head, self.pooling, labels, "regression", self._pools_windows)

    @with_callbacks
    def fit(self, X: Texts, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their numbers.

        Parameters
        ----------
        X : iterable of str, or of pairs
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of each text in the loss; scaled to a mean of 1. Texts of weight 0 are ignored.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter, a text, a target or a weight is not valid, or if training diverges.
        KeyboardInterrupt
            If Ctrl-C interrupts the training. The estimator is then not fitted, or keeps the
            weights so far if `warm_start` is True.
        """
        # Validate everything before the previous fit is replaced.
        self._validate()
        texts = self._check_texts_to_fit(X, continues=self.warm_start)
        numbers = check_numbers(y)
        check_consistent_length(texts, numbers)
        weights = check_sample_weight(sample_weight, len(texts))
        used = TrainingTexts(texts, numbers.reshape(len(texts), -1).T, weights)
        used = used.with_weight().normalized()
        options = self._begin_fit()
        self._reads_pairs = are_pairs(texts)
        self._warn_about(texts)
        self._set_scale(numbers.ndim, used.targets, used.weights)
        used = used._replace(targets=self._scale.standardize(used.targets))
        new_head = partial(new_sequence_head, pooling=self.pooling, n_outputs=len(used.targets))
        random_state = check_random_state(self.random_state)
        training = self._start_training(options, squared_error, new_head, random_state)
        split = split_rows(np.arange(len(used.texts)), options, random_state)
        _check_held_out(split[1])
        data = fit_data(texts, y, sample_weight)
        self._train_on_texts(training, used, split, _score, data)
        return self

    def _set_scale(self, n_dims: int, targets: NDArray[np.float64], weights: Array) -> None:
        """Set the scale of targets (n_outputs, n_texts); a warm start keeps the first one."""
        if not hasattr(self, "head_"):
            self._scale, self._n_dims = Scale.from_targets(targets, weights), n_dims
        elif (n_dims, len(targets)) != (self._n_dims, len(self._scale.mean)):
            raise ValueError(
                f"warm_start needs the shape of the first targets, {len(self._scale.mean)} "
                f"number(s) for each text in {self._n_dims} dimension(s); got {len(targets)} in "
                f"{n_dims}. Set warm_start=False to train a new head."
            )

    def predict(self, X: Texts) -> NDArray[np.float64]:
        """Return the predicted number or numbers of each text.

        Parameters
        ----------
        X : iterable of str, or of pairs

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_outputs)
            The numbers have the units of the targets of `fit`. They are computed in float32 and
            returned in float64, like the predictions of other regressors of scikit-learn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        CheckpointError
            If the pretrained weights have changed since `fit`.
        ValueError, TypeError
            If a text is not valid.
        """
        logits = self._logits(X)
        numbers = logits * self._scale.deviation + self._scale.mean
        return numbers.ravel() if self._n_dims == 1 else numbers

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_held_out(rows: NDArray[np.intp] | None) -> None:
    if rows is not None and len(rows) < 2:
        raise ValueError(
            "early_stopping must hold out at least 2 texts, because R2 is not defined for one; "
            f"got {len(rows)}. Increase validation_fraction or pass more texts."
        )


def _score(logits: NDArray[np.float32], examples: Examples) -> float:
    """Return R2 for logits (n_outputs, n_texts)."""
    return float(r2_score(examples.targets.T, logits.T, sample_weight=examples.weights))
