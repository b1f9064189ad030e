"""The estimator that classifies texts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, check_random_state

from skdistilbert.estimators.export import is_regression, sequence_model
from skdistilbert.estimators.fine_tuning import TrainingOptions, new_sequence_head, split_rows
from skdistilbert.estimators.parameters import ACCEPTED, Accepted, documented
from skdistilbert.estimators.saved_labels import labels_from_config
from skdistilbert.estimators.sklearn_compat import check_sample_weight, with_callbacks
from skdistilbert.estimators.staged_training import StagedTraining, staged_options
from skdistilbert.estimators.targets import Labels, nonzero_weight_rows, normalize_to_mean_one
from skdistilbert.estimators.trained_classifier import TrainedClassifier
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.nn.training import (
    LinearProblem,
    binary_cross_entropy,
    cross_entropy,
    fit_linear_head,
)
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.pair_input import are_pairs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.heads import LinearHead, TrainableHead
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import Examples
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.tasks.pair_input import TextOrPair, Texts
    from skdistilbert.tasks.text_input import Missing

OWN_PARAMETERS = """\
trainable_layers : int of at least 0, "all" or "auto"
    How many layers of the encoder are trained, counted from the top. "auto": the upper half, in
    two stages; none if layers cannot be trained with `pooling`. 0: only the head, on features
    that are computed once, by logistic regression. Another number or "all", which includes the
    embeddings: layers and head together, by AdamW. AdamW also trains multi-label targets, with
    `early_stopping` or `warm_start`, and if `learning_rate_init`, `batch_size` or `max_iter` is
    given with 0. The frozen layers are computed once, without dropout.
pooling : {POOLINGS} or "auto"
    How the hidden states of a text's tokens become the features that the head reads; see
    `skdistilbert.embed`. "auto": the pooling in ``modules.json`` of a sentence-transformers
    directory; without this file, "mean". Layers can be trained with "mean", "cls" and "max".
    The head of transformers reads "cls"; see `save_pretrained`.
learning_rate_init : float above 0 or "auto"
    Highest learning rate, reached after a tenth of all steps. "auto": 0.08 divided by the width of
    the encoder in the first of two stages, 5e-3 for a head alone, else 1e-4.
batch_size : int of at least 1 or "auto"
    Texts in a step of the optimiser. "auto": 64 in the first of two stages, 32 for a head alone,
    else 16.
max_iter : int of at least 1 or "auto"
    Maximum number of epochs; the learning rate decays to 0 at their end. "auto": in the first of
    two stages 2, or the number that makes 40 steps if that is more; 100 for a head alone; else 3,
    or the number that makes 250 steps if that is more, but at most 30.
"""
OWN_ACCEPTED = {
    "trainable_layers": Accepted(Integral, low=0, options=("all", "auto")),
    "pooling": Accepted(options=(*POOLINGS, "auto")),
}
# Penalty of the head with which fine-tuning starts; see `skdistilbert.nn.training.linear_head`.
STRENGTH_OF_FIRST_HEAD = 30.0


@documented(OWN_PARAMETERS, score="Accuracy", accepted=ACCEPTED | OWN_ACCEPTED)
class DistilBertClassifier(ClassifierMixin, TrainedClassifier):  # type: ignore[misc]
    """Classify texts with a trained encoder and a linear head.

    By default, `fit` trains in two stages. First the upper half of the layers learns that texts of
    the same class have similar features (`DistilBertContrastiveEmbedder` explains the loss). Then
    logistic regression on these features fits the head; cross-validation chooses its penalty. This
    suits 8 texts per class as well as thousands.

    With a number of layers or "all", the head starts as a logistic regression on the pretrained
    features [2]_. Then AdamW [1]_ minimises the cross-entropy of head and layers together, with
    linear warm-up and decay of the learning rate, gradients clipped to a norm of 1, and the
    dropout of the checkpoint's configuration in the trained parts.

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
    head_ : LinearHead or SequenceClassificationHead
        The trained weights of the head.
    pooling_ : str
        The pooling of the features that the head reads.
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
    .. [2] Kumar et al. (2022). Fine-Tuning can Distort Pretrained Features and Underperform
           Out-of-Distribution.

    Examples
    --------
    >>> from skdistilbert import DistilBertClassifier
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> classifier = DistilBertClassifier(random_state=0)
    >>> classifier.fit(texts, ["order", "order", "account", "account"]).predict(texts)
    array(['order', 'order', 'account', 'account'], dtype='<U7')
    """

    trainable_layers: int | Literal["all", "auto"]
    head_: LinearHead | SequenceClassificationHead
    pooling_: Pooling | None

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        trainable_layers: int | Literal["all", "auto"] = "auto",
        pooling: Pooling | Literal["auto"] = "auto",
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
            Other parameters of the class. `pooling` is that of the head: "cls", unless
            `save_pretrained` of this class wrote another one.

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
        classifier.pooling_ = classifier.pooling
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
            Weight of each text in the loss of the head; layers that are trained together with it
            use the weights, too. Texts of weight 0 are ignored.

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
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        data = {"X": texts, "y": y, "metadata": metadata}
        train = self._train_in_stages if self._trains_in_stages else self._train_together
        train(options, [texts[row] for row in rows], targets[..., rows], weights[rows], data)
        return self

    @property
    def _trains_in_stages(self) -> bool:
        """Whether the head is trained after the layers, and not together with them."""
        if self.early_stopping or self.warm_start:
            return False
        if self.trainable_layers == "auto":
            return not self._multilabel
        pace = (self.learning_rate_init, self.batch_size, self.max_iter)
        return self.trainable_layers == 0 and all(value == "auto" for value in pace)

    def _train_in_stages(
        self,
        options: TrainingOptions,
        texts: Sequence[TextOrPair],
        targets: NDArray[Any],
        weights: NDArray[np.float64],
        data: dict[str, Any],
    ) -> None:
        training = StagedTraining(
            self._encoder,
            self._encoder.plan(self._embedding_options()),
            texts,
            self._head_problem(texts, targets, weights),
            staged_options(options, self, self._encoder.model.config.dim),
            check_random_state(self.random_state),
        )
        self._run(training, training.n_epochs, training.run, data)

    def _train_together(
        self,
        options: TrainingOptions,
        texts: Sequence[TextOrPair],
        targets: NDArray[Any],
        weights: NDArray[np.float64],
        data: dict[str, Any],
    ) -> None:
        random_state, rows = check_random_state(self.random_state), np.arange(len(texts))
        stratify = None if self._multilabel else targets
        split = split_rows(rows, options, random_state, stratify)

        def new_head(config: DistilBertConfig, random_state: RandomState) -> TrainableHead:
            if not options.n_layers:
                return self._new_head(config, random_state)
            # Start where frozen features end (Kumar et al., 2022).
            problem = self._head_problem(texts, targets, weights).select(split[0])
            return fit_linear_head(problem, STRENGTH_OF_FIRST_HEAD)

        continues = hasattr(self, "head_")
        training = self._start_training(options, self._loss, new_head, random_state)
        scaled = normalize_to_mean_one(weights, rows)
        # The features of a new head have warned about the texts already.
        examples_of = partial(self._examples, training, texts, targets, scaled, warn=continues)
        self._train(training, split, examples_of, self._score, data)

    def _head_problem(
        self, texts: Sequence[TextOrPair], targets: NDArray[Any], weights: NDArray[np.float64]
    ) -> LinearProblem:
        """Return the problem of a linear head on the features of texts."""
        features, n_labels = self._features(texts), len(self.classes_)
        return LinearProblem(features, targets, weights.astype(np.float32), self._loss, n_labels)

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
        training = self._fine_tuning = self._fine_tuning or self._start_training(
            options, self._loss, self._new_head, check_random_state(self.random_state)
        )
        training.set_pace(options)
        examples = self._examples(training, texts, targets, weights.astype(np.float32), rows)
        self._train_one_epoch(training, examples)
        return self

    def _begin_fit(self) -> TrainingOptions:
        options = super()._begin_fit()
        self.pooling_ = options.pooling
        return options

    def _embedding_options(self) -> dict[str, Any]:
        pooling = getattr(self, "pooling_", self.pooling)  # a pickle of version 0.1 has none
        return super()._embedding_options() | {"pooling": pooling}

    def _task_model(self) -> DistilBertForSequenceClassification:
        kind = "multi" if self._multilabel else "single"
        model = self._loaded_encoder().model
        labels, problem_type = self.classes_, f"{kind}_label_classification"
        return sequence_model(model, self.head_, self.pooling_, labels, problem_type)

    @property
    def _loss(self) -> Loss:
        return binary_cross_entropy if self._multilabel else cross_entropy

    def _new_head(
        self, config: DistilBertConfig, random_state: RandomState
    ) -> SequenceClassificationHead:
        return new_sequence_head(config, self.pooling_, len(self.classes_), random_state)

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
