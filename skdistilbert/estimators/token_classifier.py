"""The estimator that labels words, for example as parts of named entities."""

from __future__ import annotations

from numbers import Integral
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skdistilbert.estimators.labelled_words import (
    LabelledWords,
    flatten,
)
from skdistilbert.estimators.parameters import ACCEPTED, Accepted, documented
from skdistilbert.estimators.sklearn_compat import fit_data, with_callbacks
from skdistilbert.estimators.targets import Labels
from skdistilbert.estimators.word_input import (
    check_classes,
)
from skdistilbert.estimators.word_training import WordTraining
from skdistilbert.nn.heads import LinearHead
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.unknown_tokens import warn_unknown

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.nn.runtime import Precision
    from skdistilbert.tasks.text_input import Missing

    FloatArray = NDArray[np.float32]
    Words = Sequence[str]

OWN_PARAMETERS = """\
max_length : int of at least 3 or None
    Number of tokens in a window. None: the ``max_position_embeddings`` of the model, or the
    ``model_max_length`` of its tokenizer if this is less.
missing : {"error", "empty"}
    What to do with None, NaN and pandas.NA: raise an error that names the rows, or read them as
    texts without words and as empty words.
max_iter : int of at least 1 or "auto"
    Maximum number of epochs. The learning rate decays to 0 in the last epoch. "auto": 100 if only
    the head is trained; else 4, or as many as 250 steps need if that is more, but at most 30.
early_stopping : bool
    Hold out `validation_fraction` of the texts, stop when the F1 of their entities no longer
    improves, and keep the weights of the epoch with the best F1. The F1 is computed as in `score`,
    with `sample_weight`, but without `class_weight` and without overlap of windows.
class_weight : dict of numbers of at least 0, "balanced" or None
    Weights of the labels in the loss. Labels that are not in the dict have weight 1. "balanced":
    inversely proportional to the numbers of words with each label.
verbose : bool or int of at least 0
    Show on stderr the loss of each epoch, and how many texts have been labelled: with a progress
    bar in terminals and notebooks if the extra ``progress`` is installed, otherwise with lines.
embedding_cache : bool, str, path-like or None
    With ``trainable_layers=0``, keep the hidden states of all tokens in an SQLite file, from which
    later calls, other estimators, processes and runs read them. Each token needs four bytes times
    the width of the encoder. Hidden states of a fine-tuned encoder are never kept.
    `DistilBertClassifier` explains the accepted values and the limit of the size.
"""
OWN_ACCEPTED = {
    "max_length": Accepted(Integral, NoneType, low=3),
    "class_weight": Accepted(
        NoneType,
        options=("balanced",),
        check=lambda value: isinstance(value, dict) and value in ACCEPTED["class_weight"],
    ),
}


@documented(OWN_PARAMETERS, score="F1 of the entities", accepted=ACCEPTED | OWN_ACCEPTED)
class DistilBertTokenClassifier(WordTraining):
    """Label the words of texts with DistilBERT's token-classification head.

    AdamW trains the layers and the head, which starts with random weights. The first token of each
    word learns and predicts the label of the word [1]_, as in the examples of transformers. Long
    texts are split into windows.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted labels.
    head_ : LinearHead
        The trained weights of the head.
    {attributes}

    See Also
    --------
    extract_entities : Find entities in texts with the checkpoint of a trained model.

    Notes
    -----
    `cross_validate` and `GridSearchCV` call `score`, the F1 of entities. `cross_val_predict`
    returns an array with one list of labels for each text. It does not support
    ``method="predict_proba"``, because scikit-learn then encodes `y` as one label per row. Call
    `fit` and `predict_proba` for each fold of a splitter instead.

    References
    ----------
    .. [1] Devlin et al. (2019). BERT: Pre-training of Deep Bidirectional Transformers for Language
           Understanding.

    Examples
    --------
    >>> from skdistilbert import DistilBertTokenClassifier
    >>> texts = [["where", "is", "New", "York"], ["who", "lives", "in", "London"]]
    >>> labels = [["O", "O", "B-city", "I-city"], ["O", "O", "O", "B-city"]]
    >>> classifier = DistilBertTokenClassifier(
    ...     trainable_layers=1, max_iter=20, learning_rate_init=1e-3, random_state=0
    ... )
    >>> classifier.fit(texts, labels).predict(texts)
    [['O', 'O', 'B-city', 'I-city'], ['O', 'O', 'O', 'B-city']]
    >>> [probabilities.shape for probabilities in classifier.predict_proba(texts)]
    [(4, 3), (4, 3)]
    >>> text = "Who lives in New York?"
    >>> for entity in classifier.predict_entities([text], aggregation_strategy="first")[0]:
    ...     print(entity["entity_group"], text[entity["start"] : entity["end"]])
    city New York

    >>> from sklearn.model_selection import cross_val_predict
    >>> predicted = cross_val_predict(classifier, texts, labels, cv=2)
    >>> predicted.shape, len(predicted[0])
    ((2,), 4)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        trainable_layers: int | Literal["all"] = "all",
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
        class_weight: Mapping[str, float] | Literal["balanced"] | None = None,
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
        """Return a fitted classifier from a checkpoint that has a token-classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForTokenClassification`` or ``BertForTokenClassification``:
            a directory or a name on the Hugging Face hub.
        **params : dict
            Other parameters of the class.

        Returns
        -------
        DistilBertTokenClassifier
            With the sorted labels of the checkpoint's ``id2label`` as ``classes_``.

        Raises
        ------
        CheckpointError
            If the checkpoint cannot be loaded or has no such head.
        """
        classifier, checkpoint = cls._from_checkpoint(path, "token_classification", **params)
        labels = np.array([label for _, label in sorted(checkpoint.config.id2label.items())])
        order = np.argsort(labels)
        output = Linear.from_tensors(checkpoint.weights, "classifier")
        classifier.classes_ = labels[order]
        classifier.head_ = LinearHead(Linear(output.weight[order], output.bias[order]))
        return classifier

    @with_callbacks
    def fit(
        self, X: Iterable[Words], y: Iterable[Words], sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train on texts that are split into words, with a label for each word.

        Parameters
        ----------
        X : iterable of lists of str
            The words of each text: an ordered collection or generator, a Series or one-column
            frame of pandas or polars, Arrow lists, or an array of shape (n_texts, n_words).
        y : iterable of lists of str
            The label of each word, such as "B-person", "I-person" and "O".
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of the words of each text in the loss; scaled so that words have a mean weight
            of 1. Texts of weight 0 are ignored.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter, a word, a label or a weight is not valid, the numbers of words and
            labels of a text differ, or training diverges.
        KeyboardInterrupt
            If Ctrl-C interrupts the training. The estimator is then not fitted, or keeps the
            weights so far if `warm_start` is True.
        """
        # Validate everything before the previous fit is replaced.
        self._validate()
        texts, label_rows = self._check_labelled(X, y)
        labels = Labels(np.unique(flatten(label_rows)), multilabel=False)
        labels = self._labels_to_fit(labels)
        words = LabelledWords.encode(texts, label_rows, labels, self.class_weight, sample_weight)
        options = self._begin_fit()
        self._labels = labels
        warn_unknown(self._encoder.tokenizer, texts)
        self._train_on(words, options, fit_data(texts, label_rows, sample_weight))
        return self

    def partial_fit(
        self,
        X: Iterable[Words],
        y: Iterable[Words],
        classes: Iterable[str] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch with the constant learning rate ``learning_rate_init``.

        Parameters
        ----------
        X : iterable of lists of str
        y : iterable of lists of str
        classes : iterable of str, default=None
            All labels of this and later calls; required in the first call.
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of the words of each text in the loss; not scaled.

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
        texts, label_rows = self._check_labelled(X, y)
        names = flatten(label_rows) if classes is None else check_classes(classes)
        labels = Labels(np.unique(names), multilabel=False)
        options = self._begin_partial_fit(labels, are_given=classes is not None)
        words = LabelledWords.encode(
            texts, label_rows, self._labels, self.class_weight, sample_weight
        )
        warn_unknown(self._encoder.tokenizer, texts)
        self._train_one_epoch(options, lambda training: self._word_examples(training, words))
        return self
