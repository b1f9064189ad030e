"""Texts to labels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, compute_class_weight, compute_sample_weight
from sklearn.utils._param_validation import StrOptions

from skdistilbert.estimators.callbacks import with_callbacks
from skdistilbert.estimators.export import is_regression, sequence_model
from skdistilbert.estimators.fine_tuning import (
    FineTunedEstimator,
    check_weights,
    new_sequence_head,
    of_mean_one,
    rows_of_weight,
)
from skdistilbert.estimators.targets import Labels
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.training.losses import binary_cross_entropy, cross_entropy
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.tasks.text_input import Missing


class DistilBertClassifier(ClassifierMixin, FineTunedEstimator):  # type: ignore[misc]
    """Classify texts with DistilBERT's classification head, fine-tuning the encoder if asked to.

    `fit` trains the head of ``DistilBertForSequenceClassification`` (``pre_classifier``, ReLU,
    ``classifier``) and as many of the encoder's topmost layers as `trainable_layers` says, with
    AdamW [1]_, linear warm-up and decay of the learning rate, gradients clipped to a norm of 1,
    and the dropout of the checkpoint's configuration in what is trained.

    Parameters
    ----------
    model : str or path-like, default="mini"
        "mini": the small encoder that comes with this package, good for a start without a
        download; larger ones are more accurate. Or the directory of a Hugging Face checkpoint,
        or the name of one on the Hugging Face hub; a task head in it is not used.
    trainable_layers : int or "all", default=0
        How many layers of the encoder are trained, from the top. 0: the head alone, on features
        computed once. "all": every layer and the embeddings, as transformers fine-tunes; the most
        accurate from some hundred texts on, and the slowest. What is below is computed once,
        without dropout.
    pooling : {"mean", "cls", "max"}, default="mean"
        How the states of a text's tokens become the features that the head reads.
        transformers' head reads "cls", which suits encoders that were fine-tuned with it;
        `save_pretrained` writes no other, as it would give other logits there.
    max_length : int, default=None
        Cut texts to so many tokens, with a warning that counts them; None: to the model's
        ``max_position_embeddings``.
    missing : {"error", "empty"}, default="error"
        What to do about None, NaN and pandas.NA: raise, naming the rows, or read them as "".
    learning_rate_init : float or "auto", default="auto"
        Highest learning rate, reached after a tenth of all steps. "auto": 5e-3 for the head
        alone, 1e-4 with layers.
    alpha : float, default=0.01
        Weight decay of all matrices, decoupled from the gradient (AdamW): not divided by the
        number of texts, as scikit-learn's L2 penalty is.
    batch_size : int or "auto", default="auto"
        Texts a step of the optimiser. "auto": 32 for the head alone, 16 with layers.
    max_iter : int or "auto", default="auto"
        Epochs at most; at their end the learning rate is 0. "auto": 100 for the head alone; with
        layers 3, or as many as make 250 steps if that is more, but 30 at most.
    tol : float, default=1e-4
        An epoch counts as progress if the validation score is better by so much.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the texts, stop when their score stands still, and
        keep the weights of the epoch that scored best.
    validation_fraction : float, default=0.1
        Share of the texts held out by ``early_stopping``.
    n_iter_no_change : int, default=10
        With ``early_stopping``: stop after so many epochs without progress.
    class_weight : dict, "balanced", list of dict or None, default=None
        Weights of the classes in the loss, as elsewhere in scikit-learn: 1 for those that a dict
        leaves out; of multi-label targets a list has a dict of 0 and 1 for each column.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Draws the first weights of the head, the order of texts, dropout and the held-out texts.
        The result does not depend on the number of threads.
    verbose : bool or int, default=False
        Print the loss of each epoch, and show of how many texts the features were computed: in a
        bar, with the extra ``progress``, else in lines.
    n_threads : int, default=None
        Threads to compute in; None: as many as BLAS may use.
    revision : str, default=None
        Branch, tag or commit on the hub; None: its main branch.
    cache_dir : str or path-like, default=None
        The hub's cache; None: where ``HF_HUB_CACHE`` or ``HF_HOME`` say.
    local_files_only : bool, default=False
        Never use the network.
    embedding_cache : None, True or path-like, default=None
        Keep the features that the head reads in a file, as `DistilBertEmbedder` does; never those
        of an encoder that was fine-tuned.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; for multi-label targets the columns' indices, or their names, if
        `partial_fit` or a checkpoint gave them.
    head_ : SequenceClassificationHead
        The trained weights of the head.
    n_iter_ : int
        Epochs run; only after `fit`.
    loss_curve_ : list of float
        Mean loss of each epoch, dropout at work; only after `fit`.
    best_loss_ : float or None
        The lowest of them; None with ``early_stopping``.
    validation_scores_ : list of float or None
        Accuracy on the held-out texts after each epoch; None without ``early_stopping``.
    best_validation_score_ : float or None
        The highest of them.
    fingerprint_ : str
        Hash of the pretrained encoder's weights and configuration.
    revision_ : str or None
        Commit on the hub, used again when a pickle is loaded; None for a directory.

    See Also
    --------
    DistilBertEmbedder : Texts to features, for any other classifier.

    Notes
    -----
    A pickle holds the head, and of the encoder the layers and the rows of the embeddings that
    were trained; the rest is read from the checkpoint again. With scikit-learn 1.9 or newer
    ``set_callbacks`` takes its callbacks, such as ``ProgressBar`` and ``ScoringMonitor``.

    References
    ----------
    .. [1] Loshchilov and Hutter (2019). Decoupled Weight Decay Regularization.

    Examples
    --------
    >>> from skdistilbert import DistilBertClassifier
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> classifier = DistilBertClassifier(random_state=0)
    >>> classifier.fit(texts, ["order", "order", "account", "account"]).predict(texts)
    array(['order', 'order', 'account', 'account'], dtype='<U7')
    """

    head_: SequenceClassificationHead
    classes_: NDArray[Any]
    _multilabel: bool

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FineTunedEstimator._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), list, None],
    }

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
        class_weight: Mapping[Any, float]
        | Literal["balanced"]
        | list[Mapping[int, float]]
        | None = None,
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
        self.class_weight = class_weight
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
        """Give a fitted classifier from a checkpoint that has a classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForSequenceClassification``: a directory or a name on the
            Hugging Face hub.
        **params : dict
            Further parameters of the class; `pooling` is "cls", which such a head reads.

        Returns
        -------
        DistilBertClassifier
            With ``classes_`` from the checkpoint's ``id2label``, sorted.

        Raises
        ------
        CheckpointError
            If the checkpoint can't be loaded or has another head or none, or one that gives
            numbers, as a `DistilBertRegressor` does.

        Examples
        --------
        >>> from skdistilbert import DistilBertClassifier
        >>> classifier = DistilBertClassifier.from_pretrained(
        ...     "distilbert-tiny-sequence-classification"
        ... )
        >>> classifier.predict_proba(["one text", "another"]).shape
        (2, 3)
        """
        classifier, checkpoint = cls._read_pretrained(
            path, "sequence_classification", pooling="cls", **params
        )
        if is_regression(checkpoint.config):
            raise CheckpointError(
                f"{path}: its head gives numbers, not labels; DistilBertRegressor reads it."
            )
        head = SequenceClassificationHead.from_tensors(checkpoint.weights)
        labels = np.array([label for _, label in sorted(checkpoint.config.id2label.items())])
        multilabel = checkpoint.config.problem_type == "multi_label_classification"
        # scikit-learn's metrics rely on sorted classes, or on the order of the columns.
        order = np.arange(len(labels)) if multilabel else np.argsort(labels)
        classifier._set_labels(Labels(labels[order], multilabel))
        output = Linear(head.classifier.weight[order], head.classifier.bias[order])
        classifier.head_ = SequenceClassificationHead(head.pre_classifier, output)
        return classifier

    @with_callbacks
    def fit(self, X: Iterable[str], y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their labels.

        Parameters
        ----------
        X : iterable of str
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_classes)
            Labels: strings, integers or booleans; or 1 for each label that a text has.
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
            If a parameter, a text, a label or a weight is not valid, or if training diverges.

        Warns
        -----
        UserWarning
            If Ctrl-C ended the training; the weights so far are kept.
        """
        # All before what was learnt before is forgotten.
        texts, labels = self._check_texts(X), Labels.of(y)
        targets = labels.encode(y)
        check_consistent_length(texts, targets.T)
        weights = check_weights(sample_weight, len(texts))
        self._begin_fit()
        self._set_labels(labels)
        weights = weights * self._class_weights(targets)
        rows = rows_of_weight(weights)
        trainer = self._new_trainer(self._loss())
        examples_of = partial(self._examples_of, texts, targets, of_mean_one(weights, rows))
        split = self._held_out(rows, None if self._labels.multilabel else targets[rows])
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._run(trainer, examples_of, split, self._score, X=texts, y=y, metadata=metadata)
        return self

    def partial_fit(
        self,
        X: Iterable[str],
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch, at the constant rate ``learning_rate_init``.

        Parameters
        ----------
        X : iterable of str
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_classes)
        classes : array-like of shape (n_classes,), default=None
            All labels that will come; needed in the first call. For multi-label targets the names
            of the columns, in their order; their indices if there are none.
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of each text in the loss, taken as it is.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError, CheckpointError
            As `fit`; or if a label is not among the classes, if these are others than in the
            first call, or with ``early_stopping`` or ``class_weight="balanced"``, which need all
            texts at once.

        Notes
        -----
        The optimiser's state lives as long as the process: it is not pickled.
        """
        texts, labels = self._check_texts(X), Labels.of(y, classes)
        self._begin_partial_fit(labels, are_given=classes is not None)
        targets = self._labels.encode(y)
        check_consistent_length(texts, targets.T)
        weights = check_weights(sample_weight, len(texts)) * self._class_weights(targets)
        rows = rows_of_weight(weights)
        if not hasattr(self, "_trainer"):
            self._trainer = self._new_trainer(self._loss())
        examples = self._examples_of(texts, targets, weights.astype(np.float32), rows)
        self._learn_once(self._trainer, examples)
        return self

    def _begin_partial_fit(self, labels: Labels, *, are_given: bool) -> None:
        if self.early_stopping or self.class_weight == "balanced":
            raise ValueError(
                "partial_fit sees a part of the texts: early_stopping must be False, and "
                "class_weight weights or None, not 'balanced' (sklearn.utils.compute_class_weight "
                "gives such weights)."
            )
        if not hasattr(self, "head_"):
            if not (are_given or labels.multilabel):
                raise ValueError("classes must be given in the first call of partial_fit.")
            self._begin_fit()
            self._set_labels(labels)
        elif are_given and not np.array_equal(labels.classes, self.classes_):
            raise ValueError(
                f"classes must be those of the first call of partial_fit, or of fit, "
                f"{self.classes_.tolist()}; got {labels.classes.tolist()}."
            )

    def _task_model(self) -> DistilBertForSequenceClassification:
        kind = "multi" if self._multilabel else "single"
        problem_type = f"{kind}_label_classification"
        return sequence_model(self._model(), self.head_, self.pooling, self.classes_, problem_type)

    def _set_labels(self, labels: Labels) -> None:
        if not hasattr(self, "head_"):
            self.classes_, self._multilabel = labels.classes, labels.multilabel
        elif not labels.are_like(self._labels):
            kinds = ("one label a text", "an indicator matrix")
            raise ValueError(
                f"warm_start needs the classes of the first fit, {self.classes_.tolist()}, in "
                f"{kinds[self._multilabel]}; got {labels.classes.tolist()} in "
                f"{kinds[labels.multilabel]}."
            )

    @property
    def _labels(self) -> Labels:
        return Labels(self.classes_, self._multilabel)

    def _class_weights(self, targets: NDArray[Any]) -> NDArray[np.float64] | float:
        """Give what `class_weight` makes of encoded targets, a weight a text."""
        if self.class_weight is None:
            return 1.0
        if self._multilabel:
            weights = compute_sample_weight(self.class_weight, targets.T.astype(int))
        else:  # of all classes, as a part of the texts may not have each
            y = self.classes_[targets]
            weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)[targets]
        return np.asarray(weights, np.float64)

    def _loss(self) -> Loss:
        return binary_cross_entropy if self._labels.multilabel else cross_entropy

    def _new_head(self, rng: RandomState) -> SequenceClassificationHead:
        return new_sequence_head(self._dim(), len(self.classes_), rng)

    def _score(self, logits: NDArray[np.float32], examples: Examples) -> float:
        """Accuracy; of multi-label targets, of all labels of a text together."""
        if self._labels.multilabel:
            correct = ((logits > 0) == examples.targets).all(axis=0)
        else:
            correct = logits.argmax(axis=0) == examples.targets
        return float(np.average(correct, weights=examples.weights))

    def decision_function(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Logits of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes: of the second, less that of the first; for multi-label
            targets one for each label, always.
        """
        logits = self._logits(X)
        binary = logits.shape[1] == 2 and not self._labels.multilabel
        return logits[:, 1] - logits[:, 0] if binary else logits

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Float32, in the order of ``classes_``; for multi-label targets each by itself.
        """
        logits = self._logits(X)
        return self._labels.probabilities(logits)

    def predict(self, X: Iterable[str]) -> NDArray[Any]:
        """Give the most probable class of each text.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts,)
            In the type of the labels given to `fit`; for multi-label targets the indicator matrix
            (n_texts, n_classes) of labels more probable than not.
        """
        # Before its labels are asked for, as an estimator that is not fitted has none.
        logits = self._logits(X)
        return self._labels.decode(logits)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
