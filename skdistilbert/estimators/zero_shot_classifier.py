"""The estimator that classifies texts by descriptions of the classes."""

from __future__ import annotations

from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.class_sentences import class_sentences, is_classes
from skdistilbert.estimators.embedder import EMBEDDER_ACCEPTED, EMBEDDER_PARAMETERS
from skdistilbert.estimators.parameters import Accepted, documented
from skdistilbert.estimators.targets import check_labels
from skdistilbert.estimators.text_estimator import TextEstimator
from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.functional import softmax

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.class_sentences import Classes
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.text_input import Missing

OWN_PARAMETERS = """\
classes : list of labels, dict of descriptions or None
    The labels; or a dict that maps each label to a text that describes its class, or to several
    texts. A label without a description describes itself; "_" is read as a space. None: use the
    labels of `y` in `fit`.
template : str with "{}" or None
    Sentence in which each description replaces "{}", such as "This text is about {}." None: use
    the description itself.
temperature : float of at least 1e-6
    Divisor of the cosine similarities before softmax. Lower values make probabilities more
    extreme. They do not change the order of the classes.
"""
ACCEPTED = EMBEDDER_ACCEPTED | {
    "classes": Accepted(NoneType, check=is_classes),
    "template": Accepted(NoneType, check=lambda value: isinstance(value, str) and "{}" in value),
    "temperature": Accepted(Real, low=1e-6),
}


@documented(EMBEDDER_PARAMETERS + OWN_PARAMETERS, accepted=ACCEPTED)
class DistilBertZeroShotClassifier(ClassifierMixin, TextEstimator):  # type: ignore[misc]
    """Classify texts by the similarity between each text and descriptions of the classes.

    It needs no labelled texts. The encoder embeds the texts and the descriptions. The vector of
    a class is the mean of the unit vectors of its descriptions. The logit of a class is the cosine
    between the text and this vector, divided by `temperature`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The sorted labels.
    class_embeddings_ : ndarray of shape (n_classes, n_features)
        The unit vector of each class. Float32.
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
    Each text is encoded once, whatever the number of classes. Use an encoder that was trained for
    sentence similarity. Descriptions of a few words, and several of them, are often more accurate
    than names. The probabilities are not calibrated; with labelled texts,
    ``sklearn.calibration.CalibratedClassifierCV`` calibrates them.

    A pickle holds the vectors of the classes, and the path and the fingerprint of the weights. The
    weights are read from the checkpoint again.

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

    _embedding_parameters: ClassVar = (
        "pooling",
        "max_length",
        "prompt",
        "prompt_name",
        "layer",
        "long_text",
        "stride",
    )
    classes: Classes | None
    template: str | None
    temperature: float
    classes_: NDArray[Any]
    class_embeddings_: NDArray[np.float32]

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        classes: Classes | None = None,
        template: str | None = None,
        temperature: float = 0.06,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        missing: Missing = "error",
        prompt: str | None = None,
        prompt_name: str | None = None,
        layer: int | Sequence[int] | None = None,
        long_text: LongText = "truncate",
        stride: int | None = None,
        verbose: bool | int = False,
        n_threads: int | None = None,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._set_parameters(locals())

    def fit(self, X: Iterable[str] | None = None, y: ArrayLike | None = None) -> Self:
        """Load the encoder and embed the descriptions of the classes.

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
        texts = None if X is None else self._check_texts(X)
        labels, sentences = class_sentences(self._known_classes(texts, y), self.template)
        encoder, location = self._load_named()
        vectors = unit_length(self._features([text for few in sentences for text in few], encoder))
        starts = np.cumsum([0, *map(len, sentences[:-1])])
        class_embeddings = unit_length(np.add.reduceat(vectors, starts))
        self._set_encoder(encoder, location, classes_=labels, class_embeddings_=class_embeddings)
        return self

    def _known_classes(self, texts: list[str] | None, y: ArrayLike | None) -> Classes:
        """Return the parameter `classes`, or the labels of `y` if it is None."""
        if y is not None:
            labels = _check_single_labels(y, texts)
            if self.classes is None:
                return labels
            known = {*self.classes}
            unknown = [label for label in labels.tolist() if label not in known]
            if unknown:
                raise ValueError(
                    f"y must have labels that are among the classes {[*self.classes]}; got "
                    f"{unknown}."
                )
        if self.classes is None:
            raise ValueError(
                "fit requires y to be passed, but the target y is None. Pass y, or name the "
                'classes, such as classes=["billing", "delivery"].'
            )
        return self.classes

    def decision_function(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Return the logits of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_classes), or (n_texts,) for two classes
            Float32. For two classes the logit of the second minus that of the first.
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
        """
        best = self._logits(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _logits(self, X: Iterable[str]) -> NDArray[np.float32]:
        check_is_fitted(self)
        embeddings = unit_length(self._features(self._check_texts(X)))
        cosines = embeddings @ self.class_embeddings_.T
        return np.asarray(cosines / self.temperature, np.float32)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.classes is None
        return tags


def _check_single_labels(y: ArrayLike, texts: list[str] | None) -> NDArray[Any]:
    """Return the distinct labels of texts that have one label each, or raise ValueError."""
    labels = check_labels(y)
    if labels.ndim == 2:
        raise ValueError(
            f"y must have one label for each text; got a matrix of shape {labels.shape}."
        )
    if texts is not None:
        check_consistent_length(texts, labels)
    return np.unique(labels)
