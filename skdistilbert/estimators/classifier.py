"""Texts to labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier
from sklearn.utils.validation import check_is_fitted

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.estimators.base import PretrainedTextEstimator
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.estimators.text_input import Missing
    from skdistilbert.nn.pooling import Pooling


class DistilBertClassifier(ClassifierMixin, PretrainedTextEstimator):  # type: ignore[misc]
    """Classify texts with DistilBERT's classification head on a frozen encoder.

    `fit` trains the head of ``DistilBertForSequenceClassification`` (``pre_classifier``, ReLU,
    ``classifier``) with Adam on the pooled features of the encoder, which does not change.

    Parameters
    ----------
    model : str or path-like
        Directory of a Hugging Face checkpoint, or the name of one on the Hugging Face hub; a
        task head in it is not used.
    pooling : {"mean", "cls", "max"}, default="mean"
        How the states of a text's tokens become the features that the head reads.
        transformers' head reads "cls", which suits encoders that were fine-tuned with it.
    max_length : int, default=None
        Cut texts to so many tokens, with a warning that counts them; None: to the model's
        ``max_position_embeddings``.
    missing : {"error", "empty"}, default="error"
        What to do about None, NaN and pandas.NA: raise, naming the rows, or read them as "".
    alpha : float, default=1e-4
        Strength of the L2 penalty on the head's weights.
    batch_size : int, default=32
        Texts a step of the optimiser.
    learning_rate_init : float, default=1e-3
        Step size of Adam.
    max_iter : int, default=100
        Epochs at most.
    tol : float, default=1e-4
        An epoch counts as progress if the loss, or the validation score, is better by so much.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the texts and stop when their score stands still.
    validation_fraction : float, default=0.1
        Share of the texts held out by ``early_stopping``.
    n_iter_no_change : int, default=10
        Stop after so many epochs without progress.
    random_state : int, RandomState or None, default=None
        Draws the first weights, the order of texts and the held-out texts.
    verbose : bool, default=False
        Print the loss of each epoch.
    n_threads : int, default=None
        Threads of the encoder; None: as many as BLAS may use.
    revision : str, default=None
        Branch, tag or commit on the hub; None: its main branch.
    cache_dir : str or path-like, default=None
        The hub's cache; None: where ``HF_HUB_CACHE`` or ``HF_HOME`` say.
    local_files_only : bool, default=False
        Never use the network.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    head_ : SequenceClassificationHead
        The trained weights.
    n_iter_ : int
        Epochs run; only after `fit`.
    loss_curve_ : list of float
        Mean loss of each epoch; only after `fit`.
    fingerprint_ : str
        Hash of the encoder's weights and configuration.
    revision_ : str or None
        Commit on the hub, used again when a pickle is loaded; None for a directory.

    See Also
    --------
    DistilBertEmbedder : Texts to features, for any other classifier.

    Examples
    --------
    >>> from skdistilbert import DistilBertClassifier
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> classifier = DistilBertClassifier("distilbert-tiny", max_iter=500, random_state=0)
    >>> classifier.fit(texts, ["order", "order", "account", "account"]).predict(texts)
    array(['order', 'order', 'account', 'account'], dtype='<U7')
    """

    head_: SequenceClassificationHead
    classes_: NDArray[Any]

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        pooling: Pooling = "mean",
        max_length: int | None = None,
        missing: Missing = "error",
        alpha: float = 1e-4,
        batch_size: int = 32,
        learning_rate_init: float = 1e-3,
        max_iter: int = 100,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: int | RandomState | None = None,
        verbose: bool = False,
        n_threads: int | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.max_length = max_length
        self.missing = missing
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads
        self.revision = revision
        self.cache_dir = cache_dir
        self.local_files_only = local_files_only

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
            If the checkpoint can't be loaded or has another head or none.

        Examples
        --------
        >>> from skdistilbert import DistilBertClassifier
        >>> classifier = DistilBertClassifier.from_pretrained(
        ...     "distilbert-tiny-sequence-classification"
        ... )
        >>> classifier.predict_proba(["one text", "another"]).shape
        (2, 3)
        """
        classifier = cls(path, pooling="cls", **params)
        checkpoint = read_checkpoint(classifier._locate().directory)
        if checkpoint.head != "sequence_classification":
            raise CheckpointError(
                f"{path}: has no sequence-classification head (found: {checkpoint.head}); "
                f"train one with {cls.__name__}(path).fit(texts, labels)."
            )
        classifier._fit_encoder()
        head = SequenceClassificationHead.from_tensors(checkpoint.weights)
        labels = np.array([label for _, label in sorted(checkpoint.config.id2label.items())])
        # scikit-learn's metrics rely on sorted classes.
        order = np.argsort(labels)
        classifier.classes_ = labels[order]
        output = Linear(head.classifier.weight[order], head.classifier.bias[order])
        classifier.head_ = SequenceClassificationHead(head.pre_classifier, output)
        return classifier

    def fit(self, X: Iterable[str], y: ArrayLike) -> Self:
        """Train the head on texts and their labels.

        Parameters
        ----------
        X : iterable of str
        y : array-like of shape (n_texts,)
            Labels: strings, integers or booleans.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the model can't be loaded.
        ValueError, TypeError
            If a parameter, a text or a label is not valid.
        """
        texts = self._check_texts(X)
        encoder = self._fit_encoder()
        trainer = MLPClassifier(
            (encoder.model.config.dim,),
            alpha=self.alpha,
            batch_size=min(self.batch_size, len(texts)),
            learning_rate_init=self.learning_rate_init,
            max_iter=self.max_iter,
            tol=self.tol,
            early_stopping=self.early_stopping,
            validation_fraction=self.validation_fraction,
            n_iter_no_change=self.n_iter_no_change,
            random_state=self.random_state,
            verbose=self.verbose,
        )
        trainer.fit(self._features(texts), y)
        self.classes_ = trainer.classes_
        self.head_ = _head_of(trainer)
        self.n_iter_ = trainer.n_iter_
        self.loss_curve_ = trainer.loss_curve_
        return self

    def _logits(self, X: Iterable[str]) -> NDArray[np.float32]:
        """(n_texts, n_classes)."""
        check_is_fitted(self)
        features = self._features(self._check_texts(X))
        # In float32 a text's logits would change with the number and order of texts beside it.
        columns = np.ascontiguousarray(features.T, np.float64)
        return self.head_.logits(columns).T.astype(np.float32)

    def decision_function(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Logits of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes: of the second, less that of the first.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Float32, in the order of ``classes_``.
        """
        return np.asarray(softmax(self._logits(X), axis=1))

    def predict(self, X: Iterable[str]) -> NDArray[Any]:
        """Give the most probable class of each text.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts,)
            In the type of the labels given to `fit`.
        """
        # Before indexing, as an estimator that is not fitted has no classes_.
        logits = self._logits(X)
        predicted: NDArray[Any] = self.classes_[np.argmax(logits, axis=1)]
        return predicted


def _head_of(trainer: MLPClassifier) -> SequenceClassificationHead:
    """Write a fitted perceptron's weights, (n_in, n_out) each, as the head's."""
    hidden, output = (
        Linear(np.ascontiguousarray(weight.T, np.float32), bias.astype(np.float32))
        for weight, bias in zip(trainer.coefs_, trainer.intercepts_, strict=True)
    )
    if len(output.bias) == 1:  # two classes have one logit there, and two in DistilBERT
        nothing = Linear(np.zeros_like(output.weight), np.zeros_like(output.bias))
        output = Linear.stacked(nothing, output)
    return SequenceClassificationHead(hidden, output)
