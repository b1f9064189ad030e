"""The estimator that classifies texts by descriptions of the classes."""

from __future__ import annotations

import inspect
from itertools import chain
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.class_logits import class_embeddings, entailment_by_class
from skdistilbert.estimators.class_sentences import class_sentences, is_classes, known_classes
from skdistilbert.estimators.embedder import (
    EMBEDDER_ACCEPTED,
    EMBEDDER_PARAMETERS,
    DistilBertEmbedder,
)
from skdistilbert.estimators.parameters import Accepted, documented
from skdistilbert.estimators.text_estimator import TextEstimator
from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.functional import softmax
from skdistilbert.nn.runtime import single_threaded_blas
from skdistilbert.tasks.entailment import TEMPLATE as ENTAILMENT_TEMPLATE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.class_sentences import Classes
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.text_input import Missing

Method = Literal["similarity", "entailment"]
SIMILARITY_TEMPERATURE = 0.06
# The options of reading texts with method="entailment".
ENTAILMENT_OPTIONS = ("max_length", "long_text", "stride")
OWN_PARAMETERS = """\
classes : list of labels, dict of descriptions or None
    The labels, or a dict that maps each label to one or several texts that describe its class. A
    label in a list is its own description, in which "_" is read as a space. None: use the labels
    of `y` in `fit`.
template : str with "{}" or None
    Sentence in which each description replaces "{}", such as "This text is about {}." None: the
    description itself; with ``method="entailment"`` "This example is {}."
method : {"similarity", "entailment"}
    "similarity" compares embeddings. "entailment" reads each text together with each description
    and needs a `model` with a head for entailment, such as one trained on MNLI. The time is then
    proportional to the number of descriptions. With ``long_text="window"`` the logits of a long
    text are the mean of the logits of its windows, weighted by their numbers of tokens.
temperature : float of at least 1e-6 or "auto"
    Divisor of the logits before softmax. A lower temperature makes the probabilities more extreme
    and does not change the order of the classes. "auto": 0.06 for similarity, 1 for entailment.
"""
ACCEPTED = EMBEDDER_ACCEPTED | {
    "classes": Accepted(NoneType, check=is_classes),
    "template": Accepted(NoneType, check=lambda value: isinstance(value, str) and "{}" in value),
    "method": Accepted(options=("similarity", "entailment")),
    "temperature": Accepted(Real, low=1e-6, options=("auto",)),
}


@documented(EMBEDDER_PARAMETERS + OWN_PARAMETERS, accepted=ACCEPTED)
class DistilBertZeroShotClassifier(ClassifierMixin, TextEstimator):  # type: ignore[misc]
    """Classify texts by the similarity between each text and descriptions of the classes.

    This classifier needs no labelled texts. The encoder embeds the texts and the descriptions. The
    vector of a class is the mean of the unit vectors of its descriptions. The logit of a class is
    the cosine between the text and this vector, divided by `temperature`. With
    ``method="entailment"`` the logit of a class is the mean entailment logit of its descriptions
    [1]_, as in the pipeline "zero-shot-classification" of transformers.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted labels.
    class_sentences_ : list of lists of str
        The descriptions of each class in the template.
    class_embeddings_ : ndarray of shape (n_classes, n_features) or None
        The unit vector of each class. Float32. None with ``method="entailment"``.
    fingerprint_ : str
        Hash of the weights and configuration of the encoder.
    revision_ : str or None
        Commit on the hub, which is used again after unpickling; None for a directory.

    See Also
    --------
    DistilBertClassifier : Learn from labelled texts.
    DistilBertEmbedder : Compute features of texts for any other classifier.

    Notes
    -----
    With ``method="similarity"`` each text is encoded once, for any number of classes. Use an
    encoder that was trained for sentence similarity. Several descriptions of a few words are often
    more accurate than the name of the class. The probabilities are not calibrated. With labelled
    texts, ``sklearn.calibration.CalibratedClassifierCV`` calibrates them.

    Some meta-estimators, such as ``VotingClassifier`` and ``cross_val_predict`` with
    ``method="predict_proba"``, pass numbers instead of the labels to `fit`. Fit the classifier
    first and pass them ``sklearn.frozen.FrozenEstimator(classifier)``.

    A pickle holds the descriptions and vectors of the classes, and the path and the fingerprint of
    the weights. The weights are read from the checkpoint again.

    References
    ----------
    .. [1] Yin, Hay and Roth (2019). Benchmarking Zero-shot Text Classification: Datasets,
           Evaluation and Entailment Approach.

    Examples
    --------
    >>> from skdistilbert import DistilBertZeroShotClassifier
    >>> texts = ["I was charged twice.", "Where is my parcel?"]
    >>> classifier = DistilBertZeroShotClassifier(classes=["billing", "delivery"])
    >>> classifier.fit(texts).predict(texts)
    array(['billing', 'delivery'], dtype='<U8')

    Labels of any type, with one or several descriptions:

    >>> descriptions = {0: ["a complaint", "This is terrible!"], 1: ["praise", "I love it!"]}
    >>> classifier = DistilBertZeroShotClassifier(classes=descriptions)
    >>> classifier.fit().predict(["What a wonderful service."])
    array([1])
    """

    _embedding_parameters = DistilBertEmbedder._embedding_parameters
    classes: Classes | None
    template: str | None
    method: Method
    temperature: float | Literal["auto"]
    classes_: NDArray[Any]
    class_sentences_: list[list[str]]
    class_embeddings_: NDArray[np.float32] | None

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        classes: Classes | None = None,
        template: str | None = None,
        method: Method = "similarity",
        temperature: float | Literal["auto"] = "auto",
        pooling: Pooling | None = None,
        max_length: int | None = None,
        missing: Missing = "error",
        prompt: str | None = None,
        prompt_name: str | None = None,
        layer: int | Sequence[int] | None = None,
        long_text: LongText = "truncate",
        stride: int | None = None,
        verbose: bool | int = False,
        precision: Precision = "float32",
        n_threads: int | None = None,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._set_parameters(locals())

    def fit(self, X: Iterable[str] | None = None, y: ArrayLike | None = None) -> Self:
        """Load the model and read the descriptions of the classes.

        Parameters
        ----------
        X : iterable of str, default=None
            Validated, but not used.
        y : array-like of shape (n_texts,), default=None
            Labels of the texts. If the parameter `classes` is None, the distinct labels are the
            classes. Otherwise every label must be among `classes`. Nothing else is learnt from
            them.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter, a text or a label is not valid, or there are neither `classes` nor `y`.
        """
        self._validate()
        entails = self.method == "entailment"
        if entails:
            self._check_entailment_options()
        texts = None if X is None else self._check_texts(X)
        classes = known_classes(self.classes, texts, y)
        default_template = ENTAILMENT_TEMPLATE if entails else "{}"
        labels, sentences = class_sentences(classes, self.template, default_template)
        encoder, location = self._load_named()
        embeddings = None
        if entails:
            self._entailment([], sentences, encoder)  # validates the head and the sentences
        else:
            vectors = self._features([*chain.from_iterable(sentences)], encoder)
            embeddings = class_embeddings(vectors, sentences)
        attributes = {"classes_": labels, "class_sentences_": sentences}
        self._set_encoder(encoder, location, **attributes, class_embeddings_=embeddings)
        return self

    def _check_entailment_options(self) -> None:
        """Raise ValueError for parameters of the embedding, which have no effect."""
        parameters = inspect.signature(DistilBertZeroShotClassifier).parameters
        names = {*self._embedding_parameters, "embedding_cache"}
        names -= {*ENTAILMENT_OPTIONS, "precision"}
        for name, value in self.get_params(deep=False).items():
            if name in names and repr(value) != repr(parameters[name].default):
                raise ValueError(
                    f'{name} has no effect with method="entailment"; got {value!r:.99}. Leave it '
                    f"at its default, {parameters[name].default!r}."
                )

    def decision_function(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Return the logits of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes the logit of the second class minus the logit of the first.

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
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes)
            Float32, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        CheckpointError
            If the pretrained weights have changed since `fit`.
        ValueError, TypeError
            If a text is not valid.
        """
        return softmax(self._logits(X))

    def predict(self, X: Iterable[str]) -> NDArray[Any]:
        """Return the most probable class of each text.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts,)
            With the type of the labels.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        CheckpointError
            If the pretrained weights have changed since `fit`.
        ValueError, TypeError
            If a text is not valid.
        """
        best = self._logits(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _logits(self, X: Iterable[str]) -> NDArray[np.float32]:
        check_is_fitted(self)
        self._validate()
        texts = self._check_texts(X)
        logits: NDArray[np.floating[Any]]
        if self.class_embeddings_ is None:
            logits = self._entailment(texts, self.class_sentences_, self._loaded_encoder())
            temperature = 1.0
        else:
            features = unit_length(self._features(texts))
            with single_threaded_blas():
                logits = features @ self.class_embeddings_.T
            temperature = SIMILARITY_TEMPERATURE
        if self.temperature != "auto":
            temperature = self.temperature
        return np.asarray(logits / temperature, np.float32)

    def _entailment(
        self, texts: list[str], sentences: list[list[str]], encoder: TextEncoder
    ) -> NDArray[np.float32]:
        title = type(self).__name__ if self.verbose and texts else ""
        options = {name: getattr(self, name) for name in (*ENTAILMENT_OPTIONS, "n_threads")}
        return entailment_by_class(encoder, texts, sentences, self.precision, title, **options)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.classes is None
        return tags
