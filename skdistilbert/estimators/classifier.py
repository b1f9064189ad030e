"""The estimator that classifies texts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length

from skdistilbert.estimators.export import is_regression, sequence_model
from skdistilbert.estimators.fine_tuning import TrainingOptions, new_sequence_head
from skdistilbert.estimators.parameters import documented
from skdistilbert.estimators.saved_labels import labels_from_config
from skdistilbert.estimators.sklearn_compat import check_sample_weight, with_callbacks
from skdistilbert.estimators.targets import Labels, nonzero_weight_rows, normalize_to_mean_one
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.training import History, binary_cross_entropy, cross_entropy
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.pair_input import are_pairs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.fine_tuning import FineTuning
    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import Examples
    from skdistilbert.tasks.pair_input import Texts
    from skdistilbert.tasks.text_input import Missing


@documented(score="Accuracy")
class DistilBertClassifier(ClassifierMixin, TrainedEstimator):  # type: ignore[misc]
    """Classify texts with DistilBERT's classification head; optionally fine-tune the encoder.

    `fit` trains the head of ``DistilBertForSequenceClassification`` (``pre_classifier``, ReLU,
    ``classifier``) and the last `trainable_layers` layers of the encoder. The head on [CLS] of a
    BERT is that of ``BertForSequenceClassification``, with tanh instead of ReLU. Training uses
    AdamW [1]_, linear warm-up and decay of the learning rate, gradients clipped to a norm of 1,
    and the dropout of the checkpoint's configuration in the trained parts.

    A text may also be a pair of texts, such as a question and an answer: ``(text, text_pair)``, an
    array of shape (n_texts, 2) or a frame of two columns. Then all rows are pairs. The tokens of a
    pair are [CLS] text [SEP] text_pair [SEP], with token types if the encoder has them. If a pair
    has more than `max_length` tokens, the longer text is truncated first.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted labels; for multi-label targets the names of the columns of a frame, or of the
        argument `classes` of `partial_fit`, and otherwise their indices.
    head_ : SequenceClassificationHead
        The trained weights of the head.
    {attributes}

    See Also
    --------
    DistilBertEmbedder : Compute features of texts for any other classifier.

    Notes
    -----
    A pickle holds the head, the trained layers and the changed rows of the embeddings; all other
    weights are read from the checkpoint again. With scikit-learn 1.9 or newer ``set_callbacks``
    accepts its callbacks, such as ``ProgressBar`` and ``ScoringMonitor``.

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
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._set_parameters(locals())

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str], **params: Any) -> Self:  # noqa: ANN401
        """Return a fitted classifier from a checkpoint that has a classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForSequenceClassification`` or
            ``BertForSequenceClassification``: a directory or a name on the Hugging Face hub.
        **params : dict
            Other parameters of the class; `pooling` is "cls", which such a head reads.

        Returns
        -------
        DistilBertClassifier
            With the sorted labels of the checkpoint's ``id2label`` as ``classes_``. They have the
            type of the original labels if `save_pretrained` of this class wrote the checkpoint,
            and are strings otherwise.

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be loaded, has no such head, or has a head of a
            `DistilBertRegressor`.

        Examples
        --------
        >>> from skdistilbert import DistilBertClassifier
        >>> classifier = DistilBertClassifier.from_pretrained(
        ...     "distilbert-tiny-sequence-classification"
        ... )
        >>> classifier.predict_proba(["one text", "another"]).shape
        (2, 3)
        """
        classifier, checkpoint = cls._from_checkpoint(
            path, "sequence_classification", pooling="cls", **params
        )
        if is_regression(checkpoint.config):
            raise CheckpointError(
                f"{path} has a head that predicts numbers, not labels. Load it with "
                "DistilBertRegressor.from_pretrained."
            )
        head = SequenceClassificationHead.from_tensors(checkpoint.weights)
        labels = labels_from_config(checkpoint.config)
        multilabel = checkpoint.config.problem_type == "multi_label_classification"
        # The metrics of scikit-learn need sorted classes, or columns in their order.
        order = np.arange(len(labels)) if multilabel else np.argsort(labels)
        classifier._labels = Labels(labels[order], multilabel)
        output = Linear(head.classifier.weight[order], head.classifier.bias[order])
        classifier.head_ = replace(head, classifier=output)
        return classifier

    @with_callbacks
    def fit(self, X: Texts, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their labels.

        Parameters
        ----------
        X : iterable of str, or of pairs
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_classes)
            Labels: strings, integers or booleans; or 1 for each label of a text.
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
            If a parameter, a text, a label or a weight is not valid, or if training diverges.
        KeyboardInterrupt
            If Ctrl-C interrupts the training. The estimator is then not fitted, or keeps the
            weights so far if `warm_start` is True.
        """
        # Validate everything before the previous fit is replaced.
        self._validate()
        texts, labels = self._check_texts(X), Labels.from_targets(y)
        if self.warm_start and hasattr(self, "head_"):
            labels = self._fitted_labels_for(labels)
        targets = labels.encode(y)
        check_consistent_length(texts, targets.T)
        weights = check_sample_weight(sample_weight, len(texts))
        weights = weights * labels.class_weights(self.class_weight, targets)
        rows = nonzero_weight_rows(weights)
        if self.early_stopping:
            labels.check_can_be_held_out(targets[rows])
        options = self._begin_fit()
        self._labels, self._reads_pairs = labels, are_pairs(texts)
        training = self._start(options)
        split = training.split(rows, None if labels.multilabel else targets[rows])
        scaled = normalize_to_mean_one(weights, rows)
        examples_of = partial(self._examples, training, texts, targets, scaled)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": texts, "y": y, "metadata": metadata}
        self._train(training, split, examples_of, self._score, data)
        return self

    def partial_fit(
        self,
        X: Texts,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch with the constant learning rate ``learning_rate_init``.

        Parameters
        ----------
        X : iterable of str, or of pairs
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_classes)
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls; required in the first call. For multi-label
            targets the names of the columns in their order; None: the names of the columns of a
            frame, or their indices.
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of each text in the loss; not scaled.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError, CheckpointError
            For the reasons of `fit`; if a label is not among the classes; if the classes differ
            from the classes of the first call; or with ``early_stopping`` or
            ``class_weight="balanced"``, which need all texts at once.

        Notes
        -----
        The state of the optimiser is not pickled. If Ctrl-C interrupts a call,
        KeyboardInterrupt is raised. The estimator then keeps the weights so far, or is not fitted
        if it was the first call.
        """
        self._validate()
        texts, labels = self._check_texts(X), Labels.from_targets(y, classes)
        options = self._begin_partial_fit(labels, are_given=classes is not None)
        self._reads_pairs = are_pairs(texts)
        targets = self._labels.encode(y)
        check_consistent_length(texts, targets.T)
        weights = check_sample_weight(sample_weight, len(texts))
        weights = weights * self._labels.class_weights(self.class_weight, targets)
        rows = nonzero_weight_rows(weights)
        training = self._fine_tuning = self._fine_tuning or self._start(options)
        training.set_pace(options)
        examples = self._examples(training, texts, targets, weights.astype(np.float32), rows)
        history = History(list(getattr(self, "loss_curve_", [])))
        try:
            history.losses += training.run_epoch(examples).losses
        except BaseException:
            if hasattr(self, "head_"):  # Its arrays are being trained, so the others must follow.
                self._keep(training, history)
            raise
        self._keep(training, history)
        return self

    def _begin_partial_fit(self, labels: Labels, *, are_given: bool) -> TrainingOptions:
        """Check the classes; load the encoder in the first call."""
        if self.early_stopping or self.class_weight == "balanced":
            raise ValueError(
                "partial_fit sees only some of the texts, so early_stopping must be False and "
                "class_weight must be weights or None; got "
                f"early_stopping={self.early_stopping!r} and class_weight={self.class_weight!r}. "
                "sklearn.utils.compute_class_weight computes balanced weights."
            )
        if hasattr(self, "head_"):
            differ = labels.has_other_columns_than(self._labels)
            if differ or (are_given and not np.array_equal(labels.classes, self.classes_)):
                raise ValueError(
                    f"classes must equal the classes of the first call, "
                    f"{self.classes_.tolist()}; got {labels.classes.tolist()}."
                )
            return TrainingOptions.resolve(self, self._loaded_encoder().pretrained)
        if not (are_given or labels.multilabel):
            raise ValueError(
                "classes must be given in the first call of partial_fit; got classes=None."
            )
        options = self._begin_fit()
        self._labels = labels
        return options

    def _task_model(self) -> DistilBertForSequenceClassification:
        kind = "multi" if self._multilabel else "single"
        model = self._loaded_encoder().model
        labels, problem_type = self.classes_, f"{kind}_label_classification"
        return sequence_model(model, self.head_, self.pooling, labels, problem_type)

    def _fitted_labels_for(self, labels: Labels) -> Labels:
        """Return the labels of the previous fit, or raise if some of the new ones are unknown."""
        if not labels.is_compatible_with(self._labels):
            kinds = ("one label for each text", "an indicator matrix")
            raise ValueError(
                f"warm_start needs the classes of the first fit, {self.classes_.tolist()}, in "
                f"{kinds[self._multilabel]}; got {labels.classes.tolist()} in "
                f"{kinds[labels.multilabel]}. Set warm_start=False to train a new head."
            )
        return self._labels

    @property
    def _labels(self) -> Labels:
        return Labels(self.classes_, self._multilabel)

    @_labels.setter
    def _labels(self, labels: Labels) -> None:
        self.classes_, self._multilabel = labels.classes, labels.multilabel

    def _start(self, options: TrainingOptions) -> FineTuning:
        loss = binary_cross_entropy if self._multilabel else cross_entropy
        new_head = partial(new_sequence_head, pooling=self.pooling, n_outputs=len(self.classes_))
        return self._start_training(options, loss, new_head)

    def _score(self, logits: NDArray[np.float32], examples: Examples) -> float:
        """Return the accuracy; for multi-label targets all labels of a text must be right."""
        if self._labels.multilabel:
            correct = ((logits > 0) == examples.targets).all(axis=0)
        else:
            correct = logits.argmax(axis=0) == examples.targets
        return float(np.average(correct, weights=examples.weights))

    def decision_function(self, X: Texts) -> NDArray[np.float32]:
        """Return the logits of texts.

        Parameters
        ----------
        X : iterable of str, or of pairs

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes the logit of the second minus that of the first. For
            multi-label targets always one logit for each label.
        """
        logits = self._logits(X)
        binary = logits.shape[1] == 2 and not self._labels.multilabel
        return logits[:, 1] - logits[:, 0] if binary else logits

    def predict_proba(self, X: Texts) -> NDArray[np.float32]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : iterable of str, or of pairs

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Float32, in the order of ``classes_``. For multi-label targets the probability of each
            label, independent of the others.
        """
        logits = self._logits(X)
        return self._labels.probabilities(logits)

    def predict(self, X: Texts) -> NDArray[Any]:
        """Return the most probable class of each text.

        Parameters
        ----------
        X : iterable of str, or of pairs

        Returns
        -------
        ndarray of shape (n_texts,)
            With the type of the labels of `fit`. For multi-label targets the indicator matrix
            (n_texts, n_classes) of labels with a probability above 0.5.
        """
        logits = self._logits(X)
        return self._labels.decode(logits)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
