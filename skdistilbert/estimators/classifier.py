"""The estimator that classifies texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from sklearn.base import ClassifierMixin

from skdistilbert.estimators.classifier_parameters import (
    CLASSIFIER_ACCEPTED,
    CLASSIFIER_PARAMETERS,
)
from skdistilbert.estimators.classifier_training import ClassifierTraining
from skdistilbert.estimators.export import is_regression
from skdistilbert.estimators.parameters import documented
from skdistilbert.estimators.saved_labels import sorted_head
from skdistilbert.estimators.sklearn_compat import fit_data, with_callbacks
from skdistilbert.estimators.targets import Labels
from skdistilbert.estimators.text_predictor import PREDICTOR_PARAMETERS
from skdistilbert.exceptions import CheckpointError
from skdistilbert.tasks.pair_input import are_pairs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import numpy as np
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.nn.heads import LinearHead, SequenceClassificationHead
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.pair_input import Texts
    from skdistilbert.tasks.text_input import Missing


@documented(
    CLASSIFIER_PARAMETERS + PREDICTOR_PARAMETERS, score="Accuracy", accepted=CLASSIFIER_ACCEPTED
)
class DistilBertClassifier(ClassifierMixin, ClassifierTraining):  # type: ignore[misc]
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

    With ``long_text="window"`` the first of two stages compares windows: each batch has one random
    window of each of its texts. The number of windows therefore does not change the weight of a
    text. The head reads one vector for each text.

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
    If `fit` trains in two stages, ``n_iter_`` and ``loss_curve_`` describe the training of the
    layers in the first stage. If logistic regression trains only the head, ``loss_curve_`` has its
    mean loss, without dropout.

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
        class_weight: Mapping[Any, float]
        | Literal["balanced"]
        | list[Mapping[int, float]]
        | None = None,
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
        """Return a fitted classifier from a checkpoint that has a classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForSequenceClassification`` or
            ``BertForSequenceClassification``: a directory or a name on the Hugging Face hub.
        **params : dict
            Other parameters of the class, except `pooling`, which is that of the head: "cls",
            unless `save_pretrained` of this class wrote another one. The checkpoint also has the
            `max_length` of the saved estimator, but not `long_text` and `stride`.

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
        ValueError
            If a parameter is not valid.

        Examples
        --------
        >>> from skdistilbert import DistilBertClassifier
        >>> classifier = DistilBertClassifier.from_pretrained(
        ...     "distilbert-tiny-sequence-classification"
        ... )
        >>> classifier.predict_proba(["one text", "another"]).shape
        (2, 3)
        """
        classifier, checkpoint = cls._from_text_checkpoint(path, **params)
        if is_regression(checkpoint.config):
            raise CheckpointError(
                f"{path} has a head that predicts numbers, not labels. Load it with "
                "DistilBertRegressor.from_pretrained."
            )
        classifier._labels, classifier.head_ = sorted_head(checkpoint)
        classifier.pooling_ = classifier.pooling
        return classifier

    @with_callbacks
    def fit(self, X: Texts, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on texts and their labels.

        Parameters
        ----------
        X : iterable of str, or of pairs
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_classes)
            The label of each text: a string, an integer or a boolean. An indicator matrix has 1
            for each label of a text, and 0 for the others.
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of each text in the loss of the head. If layers are trained together with the
            head, the weights apply to the layers, too. Texts of weight 0 are ignored.

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
        texts = self._check_texts_to_fit(X, continues=self.warm_start)
        labels = self._labels_to_fit(Labels.from_targets(y))
        labelled = self._labelled(texts, y, labels, sample_weight)
        if self.early_stopping:
            labels.check_can_be_held_out(labelled.targets, self.validation_fraction)
        options = self._begin_fit()
        self._labels, self._reads_pairs = labels, are_pairs(texts)
        self._warn_about(texts)
        data = fit_data(texts, y, sample_weight)
        train = self._train_in_stages if self._trains_in_stages else self._train_together
        train(options, labelled, data)
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
            targets, these are the names of the columns in their order; None means the names of
            the columns of a frame, or their indices.
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
        With ``trainable_layers="auto"``, this method trains only the head.

        The state of the optimiser is not pickled. If Ctrl-C interrupts a call,
        KeyboardInterrupt is raised. The estimator then keeps the weights so far, or is not fitted
        if it was the first call.
        """
        self._validate()
        texts = self._check_texts_to_fit(X, continues=True)
        labels = Labels.from_targets(y, classes)
        options = self._begin_partial_fit(labels, are_given=classes is not None)
        labelled = self._labelled(texts, y, self._labels, sample_weight)
        self._reads_pairs = are_pairs(texts)
        self._warn_about(texts)
        self._train_one_epoch(options, lambda training: self._examples(training, labelled))
        return self

    def decision_function(self, X: Texts) -> NDArray[np.float32]:
        """Return the logits of texts.

        Parameters
        ----------
        X : iterable of str, or of pairs

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes the logit of the second class minus the logit of the first.
            For multi-label targets always one logit for each label.

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
        return self._labels.decode(logits)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
