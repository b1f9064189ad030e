"""The estimator that trains an encoder so that texts of the same class have similar features."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.contrastive_pairs import check_pairs, loss_of_pairs
from skdistilbert.estimators.contrastive_parameters import (
    CONTRASTIVE_ACCEPTED,
    CONTRASTIVE_PARAMETERS,
)
from skdistilbert.estimators.contrastive_training import (
    choose_loss,
    contrastive_loss,
    contrastive_options,
    count_epochs,
    encode_classes,
    loss_of_labels,
    module_files,
    pretrained_features,
)
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.estimators.encoder_tuner import EncoderTuner, Training
from skdistilbert.estimators.feature_names import FeatureNamesMixin
from skdistilbert.estimators.fine_tuning import FineTuning
from skdistilbert.estimators.parameters import documented
from skdistilbert.estimators.sklearn_compat import fit_data, with_callbacks
from skdistilbert.estimators.text_examples import truncated_examples, warn_about_texts
from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.training import ContrastiveTrainer, PairTrainer
from skdistilbert.tasks.pair_input import are_pairs, check_texts_or_pairs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Tags

    from skdistilbert.estimators.contrastive_training import BatchLoss
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.nn.training import Trainer
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tasks.pair_input import Texts
    from skdistilbert.tasks.text_input import Missing


@documented(CONTRASTIVE_PARAMETERS, accepted=CONTRASTIVE_ACCEPTED)
class DistilBertContrastiveEmbedder(FeatureNamesMixin, EncoderTuner):
    """Turn texts into features with an encoder that is trained on labelled texts.

    `fit` moves the features of texts with the same label together, and the features of texts with
    different labels apart. The features suit any classifier of scikit-learn, even with few texts
    per class. `fit` also accepts pairs of similar texts, such as questions and answers, to train
    an encoder for search.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean training loss of each epoch, with dropout.
    best_loss_ : float
        Lowest value of `loss_curve_`.
    fingerprint_ : str
        Hash of the weights and configuration of the pretrained encoder.
    revision_ : str or None
        Commit on the hub, which is used again after unpickling; None for a directory.

    See Also
    --------
    DistilBertEmbedder : Compute features without training.
    DistilBertClassifier : Train the encoder and a head that predicts labels.

    Notes
    -----
    Both losses compare all texts of a batch. "cosine" is half the mean of ``(cosine - 1)**2`` over
    the pairs of texts with the same label, plus half the mean of ``cosine**2`` over the other
    pairs; SetFit [1]_ minimises it on sampled pairs. "supervised" is the cross-entropy of choosing
    the texts with the same label by a softmax of ``cosine / 0.1`` [2]_. A batch has several
    classes and several texts of each, independent of the frequencies of the classes. A class with
    a single text is only moved away from others.

    The encoder reads both texts of a pair separately. With similarities as `y`, the loss is the
    mean squared error of the cosines. With ``y=None``, the loss is the cross-entropy of choosing
    the second text of a pair among all second texts of the batch by a softmax of ``20 * cosine``.
    These losses are CosineSimilarityLoss and MultipleNegativesRankingLoss of
    sentence-transformers.

    Training helps most where pretrained features do not separate the classes. Elsewhere it may not
    help, so compare with `DistilBertEmbedder` by cross-validation.

    A pickle holds the trained layers and the changed rows of the embeddings; all other weights are
    read from the checkpoint again. With scikit-learn 1.9 or newer ``set_callbacks`` accepts its
    callbacks.

    References
    ----------
    .. [1] Tunstall et al. (2022). Efficient Few-Shot Learning Without Prompts.
    .. [2] Khosla et al. (2020). Supervised Contrastive Learning.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdistilbert import DistilBertContrastiveEmbedder
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> embedder = DistilBertContrastiveEmbedder(max_iter=5, random_state=0)
    >>> pipeline = make_pipeline(embedder, LogisticRegression())
    >>> pipeline.fit(texts, ["order", "order", "account", "account"]).predict(texts[:1])
    array(['order'], dtype='<U7')
    >>> pairs = [("where is my order", "it is on its way"), ("i forgot my password", "reset it")]
    >>> embedder.fit(pairs).transform(texts).shape
    (4, 192)
    """

    loss: Literal["auto", "cosine", "supervised"]
    _fitted_attribute = "_n_features_out"

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        trainable_layers: int | Literal["all", "auto"] = "auto",
        pooling: Pooling | None = None,
        max_length: int | None = None,
        missing: Missing = "error",
        loss: Literal["auto", "cosine", "supervised"] = "auto",
        learning_rate_init: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int | Literal["auto"] = "auto",
        warm_start: bool = False,
        random_state: int | RandomState | None = None,
        verbose: bool | int = False,
        precision: Precision = "float32",
        n_threads: int | None = None,
    ) -> None:
        self._set_parameters(locals())

    @with_callbacks
    def fit(self, X: Texts, y: ArrayLike | None = None) -> Self:
        """Train the encoder on texts and their labels, or on pairs of texts.

        Parameters
        ----------
        X : iterable of str; or of (str, str) or dict, or array or frame of two columns
            Single texts, or pairs as in `classify`.
        y : array-like of shape (n_texts,), or indicator matrix of shape (n_texts, n_labels)
            The label of each text: a string, an integer or a boolean. An indicator matrix has 1
            for each label of a text, and 0 for the others. Texts that share a label are moved
            together. For pairs, `y` has the similarity of each pair, from 0 to 1. None means that
            the texts of each pair are similar to each other and to no other text of their batch.

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter, a text, a label or a similarity is not valid; if there is only one
            class, or no class has two texts; if there is one pair and `y` is None; or if training
            diverges.
        KeyboardInterrupt
            If Ctrl-C interrupts the training. The estimator is then not fitted, or keeps the
            weights so far if `warm_start` is True.
        """
        # Validate everything before the previous fit is replaced.
        self._validate()
        texts = check_texts_or_pairs(X, self.missing, allow_empty=False)
        if are_pairs(texts):
            singles, targets = check_pairs(texts, y, self.loss)
        else:
            singles, targets = cast("list[str]", texts), encode_classes(texts, y)
        options, plan = self._begin_fit(), self._plan()
        warn_about_texts(self._encoder.tokenizer, texts, plan, singles=singles)
        random_state = check_random_state(self.random_state)
        trainer: type[Trainer] = PairTrainer if are_pairs(texts) else ContrastiveTrainer
        if are_pairs(texts):
            compare = loss_of_pairs(y)
        else:
            compare = self._loss_of_labels(plan, singles, targets, random_state)
        loss = contrastive_loss(plan, compare)
        training = FineTuning(self._encoder, FeatureHead(), loss, options, random_state, trainer)
        weights = np.ones(len(singles), np.float32)
        examples = truncated_examples(training, singles, targets, weights, plan.prompt)
        n_epochs = count_epochs(options, len(texts))
        run = partial(training.run, examples, None, None, n_epochs)
        self._run(training, n_epochs, run, fit_data(texts, y))
        return self._name_features(X)

    def _loss_of_labels(
        self,
        plan: EmbeddingPlan,
        texts: list[str],
        targets: NDArray[Any],
        random_state: RandomState,
    ) -> BatchLoss:
        """Return the loss of labels, which may depend on the pretrained features."""
        if self.loss != "auto":
            return loss_of_labels(self.loss)
        features_of = pretrained_features(self._encoder, texts, plan, self.n_threads)
        return loss_of_labels(choose_loss(features_of, targets, random_state))

    def _resolve_options(self, encoder: TextEncoder) -> TrainingOptions:
        return contrastive_options(self, encoder, encoder.plan(self._embedding_options()))

    def _results(self, training: Training) -> dict[str, Any]:
        return super()._results(training) | {"_n_features_out": self._plan().n_features}

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Return the features of texts.

        Parameters
        ----------
        X : iterable of str

        Returns
        -------
        ndarray of shape (n_texts, n_features)
            Float32; each row has unit length, so that dot products are cosines.

        Raises
        ------
        NotFittedError
            If `fit` was not called.
        CheckpointError
            If the pretrained weights have changed since `fit`.
        ValueError, TypeError
            If a text is not valid.
        """
        check_is_fitted(self)
        return self._transform(self._check_texts(X))

    def _transform(self, texts: list[str]) -> NDArray[np.float32]:
        return unit_length(self._features(texts))

    def to_embedder(self, directory: str | os.PathLike[str]) -> DistilBertEmbedder:
        """Write the fitted encoder to a directory and return an embedder that reads it.

        The embedder can be cloned and pickled, and its features can be cached. The directory has
        ``modules.json``, so `embed`, a new `DistilBertEmbedder` and sentence-transformers compute
        the same features, of unit length.

        Parameters
        ----------
        directory : str or path-like
            Directory for ``config.json``, ``model.safetensors``, the files of the tokenizer and
            the files of sentence-transformers.

        Returns
        -------
        DistilBertEmbedder
            It is not fitted, and has the `max_length`, the `precision` and the `n_threads` of this
            estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        OSError, ValueError
            If the directory cannot be written or is not accepted.
        """
        check_is_fitted(self)
        self._write_encoder(directory, module_files(self._plan(), self._encoder.model.config.dim))
        return DistilBertEmbedder(
            directory,
            max_length=self.max_length,
            normalize=True,
            precision=self.precision,
            n_threads=self.n_threads,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags
