"""Texts to features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.base import PretrainedTextEstimator
from skdistilbert.tasks.embedding_plan import plan_embedding

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.text_input import Missing


class DistilBertEmbedder(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    PretrainedTextEstimator,
):
    """Turn texts into features with a frozen DistilBERT encoder.

    Parameters
    ----------
    model : str or path-like, default="mini"
        "mini": the small encoder that comes with this package, good for a start without a
        download; larger ones are more accurate. Or the directory of a Hugging Face checkpoint:
        ``config.json``, ``vocab.txt``, ``model.safetensors``; ``model_type`` ``distilbert`` or
        ``bert``. Or the name of one on the Hugging Face hub, such as
        "distilbert/distilbert-base-uncased".
    pooling : {"mean", "cls", "max"}, default=None
        How the states of a text's tokens become one vector: their mean, the state of [CLS], or
        the maximum of each feature. [CLS] and [SEP] count among the tokens. Further values are
        those of `skdistilbert.embed`. None: what ``modules.json`` of a sentence-transformers
        directory says, with all its modules; "mean" where there is none (`skdistilbert.embed`
        takes "cls" there).
    max_length : int, default=None
        Cut texts to so many tokens, with a warning that counts them; None: to the model's
        ``max_position_embeddings``; with ``modules.json`` also at most to its maximal length.
    missing : {"error", "empty"}, default="error"
        What to do about None, NaN and pandas.NA: raise, naming the rows, or read them as "".
    prompt : str, default=None
        Put before every text. Where ``modules.json`` is followed, None is the directory's default
        prompt and "" none; see `skdistilbert.embed`.
    prompt_name : str, default=None
        Name of a prompt in ``config_sentence_transformers.json``, such as "query".
    layer : int or list of int, default=None
        Whose hidden states are pooled: 0 is the embeddings, 1 the first layer, -1 the last, as
        None is. Several are averaged. Layers above the highest are not computed.
    long_text : {"truncate", "window"}, default="truncate"
        Cut texts of more than `max_length` tokens, or read them whole, in windows that overlap,
        and pool each token once; see `skdistilbert.embed`.
    stride : int, default=None
        By how many tokens windows overlap; None: by a quarter of what fits into one.
    normalize : bool, default=False
        Scale each vector to unit length, so that dot products are cosines.
    verbose : bool or int, default=False
        Show how many texts were embedded: in a bar, with the extra ``progress``, else in lines.
    n_threads : int, default=None
        Threads to compute on; None: as many as BLAS may use, which ``threadpool_limits``,
        joblib's workers and ``OMP_NUM_THREADS`` decide.
    embedding_cache : None, True or path-like, default=None
        Keep the features of each text in an SQLite file, and read them from there in later calls,
        of other estimators, processes and runs, too: the file named here or, in a directory,
        ``embeddings.sqlite``. True: in the user's cache directory (``~/.cache/skdistilbert``,
        ``~/Library/Caches/skdistilbert`` or ``%LOCALAPPDATA%/skdistilbert``; with
        ``XDG_CACHE_HOME``, there). Not on a network's file system. The file is kept to 1024 MB,
        or what the environment variable ``SKDISTILBERT_CACHE_MB`` says, by removing what was not
        used for the longest time.

    Attributes
    ----------
    fingerprint_ : str
        Hash of the weights and configuration it was fitted with.
    revision_ : str or None
        Commit on the hub, used again when a pickle is loaded; None for a directory.

    See Also
    --------
    DistilBertClassifier : Texts to labels.
    skdistilbert.embed : The function beneath.

    Notes
    -----
    The weights are no part of a pickle: it holds the path and the fingerprint. If they have moved
    when it is loaded, ``set_params(model=...)`` says where to; other weights are an error.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdistilbert import DistilBertEmbedder
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> pipeline = make_pipeline(DistilBertEmbedder(), LogisticRegression())
    >>> pipeline.fit(texts, ["order", "order", "account", "account"]).predict(texts[:1])
    array(['order'], dtype='<U7')
    """

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
        n_threads: int | None = None,
        embedding_cache: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.max_length = max_length
        self.missing = missing
        self.prompt = prompt
        self.prompt_name = prompt_name
        self.layer = layer
        self.long_text = long_text
        self.stride = stride
        self.normalize = normalize
        self.verbose = verbose
        self.n_threads = n_threads
        self.embedding_cache = embedding_cache

    def fit(self, X: Iterable[str], y: object = None) -> Self:  # noqa: ARG002
        """Load the model and check the parameters and texts; nothing is learnt.

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
            If the model can't be loaded.
        ValueError, TypeError
            If a parameter or a text is not valid.
        """
        self._check_texts(X)
        encoder = self._fit_encoder()
        plan = plan_embedding(encoder.model, encoder.tokenizer, **self._embed_options())
        self._n_features_out = plan.n_features
        return self

    def _embed_options(self) -> dict[str, Any]:
        names = ("prompt", "prompt_name", "layer", "long_text", "stride")
        return super()._embed_options() | {name: getattr(self, name) for name in names}

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Features of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, dim)
            Float32.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        CheckpointError
            If the weights are not those it was fitted with.
        ValueError, TypeError
            If a text is not valid.
        """
        check_is_fitted(self)
        return self._transform(self._check_texts(X))

    def _transform(self, texts: list[str]) -> NDArray[np.float32]:
        features = self._features(texts)
        return normalize(features, copy=False) if self.normalize else features

    def fit_transform(self, X: Iterable[str], y: object = None, **params: Any) -> Any:  # noqa: ANN401
        """Fit, then give the features of the same texts.

        Parameters
        ----------
        X : iterable of str
        y : ignored
        **params : dict
            Ignored, as `fit` takes none.

        Returns
        -------
        ndarray of shape (n_texts, dim)
            Float32.
        """
        texts = self._check_texts(X)  # a generator can be read once only
        # The public `transform` would make a frame that lacks the index of `X`.
        return self.fit(texts, y, **params)._transform(texts)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
