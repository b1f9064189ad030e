"""The estimator that turns texts into features."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, ClassVar, Self

from sklearn.preprocessing import normalize

from skdistilbert.estimators.feature_names import FeatureNamesMixin
from skdistilbert.estimators.parameters import ACCEPTED, Accepted, documented
from skdistilbert.nn.pooling import POOLINGS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.text_input import Missing

EMBEDDER_PARAMETERS = """\
pooling : {POOLINGS} or None
    How the hidden states of a text's tokens become one vector; see `skdistilbert.embed`. The
    tokens include [CLS] and [SEP]. None: use ``modules.json`` of a sentence-transformers directory
    with all its modules; without this file, "mean".
verbose : bool or int of at least 0
    Show on stderr how many texts have been embedded: with a progress bar in terminals and
    notebooks if the extra ``progress`` is installed, otherwise with lines.
"""
EMBEDDER_ACCEPTED = ACCEPTED | {"pooling": Accepted(NoneType, options=POOLINGS)}


@documented(EMBEDDER_PARAMETERS, accepted=EMBEDDER_ACCEPTED)
class DistilBertEmbedder(FeatureNamesMixin):
    """Turn texts into features with a frozen DistilBERT encoder [1]_.

    The feature vector of a text is pooled from the hidden states of its tokens [2]_.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    fingerprint_ : str
        Hash of the weights and configuration of the encoder.
    revision_ : str or None
        Commit on the hub, which is used again after unpickling; None for a directory.

    See Also
    --------
    DistilBertClassifier : Classify texts with a head on the encoder.
    skdistilbert.embed : Compute the same features without an estimator.

    Notes
    -----
    `transform` does not need `fit`, like scikit-learn's ``HashingVectorizer``. Without `fit`, each
    call validates the parameters, finds the files of `model` and sets no attributes. After `fit`,
    small calls are faster, and the embedder raises an error if the weights have changed.

    A pickle holds the path and the fingerprint of the weights, but not the weights. If the weights
    have been moved, set their new path with ``set_params(model=...)``.

    References
    ----------
    .. [1] Sanh et al. (2019). DistilBERT, a distilled version of BERT.
    .. [2] Reimers and Gurevych (2019). Sentence-BERT: Sentence Embeddings using Siamese
           BERT-Networks.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdistilbert import DistilBertEmbedder
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> pipeline = make_pipeline(DistilBertEmbedder(), LogisticRegression())
    >>> pipeline.fit(texts, ["order", "order", "account", "account"]).predict(texts[:1])
    array(['order'], dtype='<U7')
    >>> DistilBertEmbedder().transform(texts).shape
    (4, 192)
    """

    _embedding_parameters: ClassVar = (
        "pooling",
        "max_length",
        "prompt",
        "prompt_name",
        "layer",
        "long_text",
        "stride",
        "precision",
    )

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        missing: Missing = "error",
        prompt: str | None = None,
        prompt_name: str | None = None,
        layer: int | Sequence[int] | None = None,
        long_text: LongText = "truncate",
        stride: int | None = None,
        normalize: bool = False,
        verbose: bool | int = False,
        precision: Precision = "float32",
        n_threads: int | None = None,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self._set_parameters(locals())

    def fit(self, X: Iterable[str], y: object = None) -> Self:  # noqa: ARG002
        """Load the encoder and validate the parameters and texts. Nothing is learnt.

        Parameters
        ----------
        X : iterable of str
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter or a text is not valid.
        """
        self._validate()
        self._check_texts(X)
        encoder, location = self._load_named()
        encoder.plan(self._embedding_options())  # validates the options for this encoder
        self._set_encoder(encoder, location)
        return self._name_features(X)

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Return the features of texts; `fit` is not needed.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_features)
            Float32.

        Raises
        ------
        CheckpointError
            If the weights have changed since `fit`, or the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter or a text is not valid.
        """
        return self._transform(self._check_texts(X))

    def _transform(self, texts: list[str]) -> NDArray[np.float32]:
        features = self._features(texts, self._current_encoder())
        return normalize(features, copy=False) if self.normalize else features

    def _current_encoder(self) -> TextEncoder:
        """Return the fitted encoder, or without `fit` the encoder that `model` names."""
        if hasattr(self, "fingerprint_"):
            return self._loaded_encoder()
        self._validate()
        return self._load_named()[0]

    @property
    def _n_features_out(self) -> int:  # type: ignore[override]
        return self._current_encoder().plan(self._embedding_options()).n_features

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
