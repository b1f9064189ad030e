"""Texts to numbers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skdistilbert.estimators.callbacks import with_callbacks
from skdistilbert.estimators.export import sequence_model
from skdistilbert.estimators.fine_tuning import (
    FineTunedEstimator,
    check_weights,
    new_sequence_head,
    of_mean_one,
    rows_of_weight,
)
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.training.losses import squared_error
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.weights import Array
    from skdistilbert.tasks.text_input import Missing


class DistilBertRegressor(RegressorMixin, FineTunedEstimator):  # type: ignore[misc]
    """Give texts numbers with DistilBERT's classification head, fine-tuning the encoder if asked.

    `fit` trains as `DistilBertClassifier` does, with the squared error as its loss:
    ``problem_type="regression"`` of transformers. The targets are standardised for that.

    Parameters
    ----------
    model : str or path-like, default="mini"
        "mini": the small encoder that comes with this package, good for a start without a
        download; larger ones are more accurate. Or the directory of a Hugging Face checkpoint,
        or the name of one on the Hugging Face hub.
    trainable_layers : int or "all", default=0
    pooling : {"mean", "cls", "max"}, default="mean"
        `save_pretrained` writes heads on "cls" alone, as transformers' head reads that.
    max_length : int, default=None
    missing : {"error", "empty"}, default="error"
    learning_rate_init : float or "auto", default="auto"
    alpha : float, default=0.01
    batch_size, max_iter : int or "auto", default="auto"
    tol : float, default=1e-4
    early_stopping : bool, default=False
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    warm_start : bool, default=False
    random_state : int, RandomState or None, default=None
    verbose : bool or int, default=False
    n_threads : int, default=None
    revision : str, default=None
    cache_dir : str or path-like, default=None
    local_files_only : bool, default=False
    embedding_cache : None, True or path-like, default=None
        All as in `DistilBertClassifier`.

    Attributes
    ----------
    head_ : SequenceClassificationHead
        The trained weights of the head; its logits are the predictions, standardised.
    n_iter_, loss_curve_, best_loss_, validation_scores_, best_validation_score_
        As in `DistilBertClassifier`; losses are those of standardised targets, and scores are R2.
    fingerprint_, revision_
        As in `DistilBertClassifier`.

    See Also
    --------
    DistilBertClassifier : Texts to labels.

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
        n_threads: int | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self.model = model
        self.trainable_layers = trainable_layers
        self.pooling = pooling
        self.max_length = max_length
        self.missing = missing
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads
        self.revision = revision
        self.cache_dir = cache_dir
        self.local_files_only = local_files_only
        self.embedding_cache = embedding_cache

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str], **params: Any) -> Self:  # noqa: ANN401
        """Give a fitted regressor from a checkpoint that has a classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForSequenceClassification`` whose logits are numbers.
        **params : dict
            Further parameters of the class; `pooling` is "cls", which such a head reads.

        Returns
        -------
        DistilBertRegressor

        Raises
        ------
        CheckpointError
            If the checkpoint can't be loaded or has another head or none, or one that gives
            labels, as a `DistilBertClassifier` does.
        """
        regressor, checkpoint = cls._read_pretrained(
            path, "sequence_classification", pooling="cls", **params
        )
        problem_type = checkpoint.config.problem_type or "regression"
        if problem_type != "regression":
            raise CheckpointError(
                f"{path}: its head gives labels ({problem_type}); DistilBertClassifier reads it."
            )
        regressor.head_ = SequenceClassificationHead.from_tensors(checkpoint.weights)
        n_outputs = len(regressor.head_.classifier.bias)
        regressor._scale = Scale(np.zeros(n_outputs), np.ones(n_outputs))
        regressor._n_dims = 1 if n_outputs == 1 else 2
        return regressor

    def _task_model(self) -> DistilBertForSequenceClassification:
        labels = (f"LABEL_{index}" for index in range(len(self._scale.mean)))
        head = self._scale.head_in_units(self.head_)
        return sequence_model(self._model(), head, self.pooling, labels, "regression")

    @with_callbacks
    def fit(self, X: Iterable[str], y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their numbers.

        Parameters
        ----------
        X : iterable of str
        y : array-like of shape (n_texts,) or (n_texts, n_outputs)
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of each text in the loss; scaled to a mean of 1. Texts of weight 0 are left.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the model can't be loaded.
        ValueError, TypeError
            If a parameter, a text, a target or a weight is not valid, or if training diverges.

        Warns
        -----
        UserWarning
            If Ctrl-C ended the training; the weights so far are kept.
        """
        # All before what was learnt before is forgotten.
        texts, numbers = self._check_texts(X), _check_numbers(y)
        check_consistent_length(texts, numbers)
        all_weights = check_weights(sample_weight, len(texts))
        rows = rows_of_weight(all_weights)
        weights = of_mean_one(all_weights, rows)[rows]
        kept, targets = [texts[row] for row in rows], numbers[rows].reshape(len(rows), -1).T
        self._begin_fit()
        self._set_scale(numbers.ndim, targets, weights)
        standardised = self._scale.standardise(targets)
        trainer = self._new_trainer(squared_error)
        examples_of = partial(self._examples_of, kept, standardised, weights)
        split = self._held_out(np.arange(len(kept)), None)
        _check_held_out(split[1])
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._run(trainer, examples_of, split, _score, X=texts, y=y, metadata=metadata)
        return self

    def _set_scale(self, n_dims: int, targets: NDArray[np.float64], weights: Array) -> None:
        """Take the scale of the targets (n_outputs, n_texts); a warm start keeps the first one."""
        if not hasattr(self, "head_"):
            self._scale, self._n_dims = Scale.of(targets, weights), n_dims
        elif (n_dims, len(targets)) != (self._n_dims, len(self._scale.mean)):
            raise ValueError(
                f"warm_start needs targets as in the first fit, {len(self._scale.mean)} a text."
            )

    def _new_head(self, rng: RandomState) -> SequenceClassificationHead:
        return new_sequence_head(self._dim(), len(self._scale.mean), rng)

    def predict(self, X: Iterable[str]) -> NDArray[np.float64]:
        """Give the number, or numbers, of each text.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts,) or (n_texts, n_outputs)
            Float64, as scikit-learn's regressors, though computed in float32; in the units of the
            targets given to `fit`.
        """
        # Before its scale is asked for, as an estimator that is not fitted has none.
        logits = self._logits(X)
        numbers = logits * self._scale.deviation + self._scale.mean
        return numbers.ravel() if self._n_dims == 1 else numbers

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class Scale(NamedTuple):
    """Mean and standard deviation of each output, between its units and standardised numbers."""

    mean: NDArray[np.float64]  # (n_outputs,)
    deviation: NDArray[np.float64]  # (n_outputs,), 1 for a constant

    @classmethod
    def of(cls, targets: NDArray[np.float64], weights: NDArray[np.float32]) -> Self:
        """Take those of targets (n_outputs, n_texts)."""
        mean = np.average(targets, axis=1, weights=weights)
        squares = (targets - mean[:, None]) ** 2
        deviation = np.sqrt(np.average(squares, axis=1, weights=weights))
        # The mean of a constant is rounded; the squares of very small numbers are 0.
        deviation[(np.ptp(targets, axis=1) == 0) | (deviation == 0)] = 1
        return cls(mean, deviation)

    def standardise(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Give targets (n_outputs, n_texts) of mean 0 and deviation 1."""
        standardised = (targets - self.mean[:, None]) / self.deviation[:, None]
        return standardised.astype(np.float32)

    def head_in_units(self, head: SequenceClassificationHead) -> SequenceClassificationHead:
        """Give the head whose logits are in the units of the targets."""
        weight = head.classifier.weight * self.deviation[:, None]
        bias = head.classifier.bias * self.deviation + self.mean
        output = Linear(weight.astype(np.float32), bias.astype(np.float32))
        return SequenceClassificationHead(head.pre_classifier, output)


def _check_numbers(y: ArrayLike) -> NDArray[np.float64]:
    """Give targets of shape (n_texts,) or (n_texts, n_outputs), or raise."""
    if y is None:
        raise ValueError("fit requires y to be passed, but the target y is None.")
    numbers: NDArray[np.float64] = check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = column_or_1d(numbers, warn=True)
    return numbers.astype(np.float64)


def _check_held_out(rows: NDArray[np.intp] | None) -> None:
    if rows is not None and len(rows) < 2:
        raise ValueError(
            f"early_stopping holds out {len(rows)} text, whose R2 is not defined: give a larger "
            "validation_fraction, or more texts."
        )


def _score(logits: NDArray[np.float32], examples: Examples) -> float:
    """R2 of logits (n_outputs, n_texts)."""
    return float(r2_score(examples.targets.T, logits.T, sample_weight=examples.weights))
