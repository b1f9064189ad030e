"""The labels of words and the entities that a fitted token classifier predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.cache import embedding_cache_file
from skdistilbert.estimators.export import token_model
from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.row_list import RowList
from skdistilbert.estimators.sklearn_compat import check_sample_weight
from skdistilbert.estimators.text_encoder import check_finite
from skdistilbert.estimators.token_states import token_states
from skdistilbert.estimators.trained_classifier import TrainedClassifier
from skdistilbert.estimators.word_input import check_word_labels, check_words
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import single_threaded_blas
from skdistilbert.tasks import extract_entities
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.label_schemes import entity_f1
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH
from skdistilbert.tasks.text_input import check_texts
from skdistilbert.tasks.token_scores import default_stride, score_tokens, word_scores
from skdistilbert.tasks.unknown_tokens import warn_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.models import DistilBertForTokenClassification
    from skdistilbert.nn.heads import LinearHead
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.tasks.aggregation import AggregationStrategy, Entity
    from skdistilbert.tasks.entities import Grouping
    from skdistilbert.tasks.token_labels import TokenLabel

    FloatArray = NDArray[np.float32]
    Words = Sequence[str]


class WordPredictor(TrainedClassifier):
    """Base of the token classifier: everything that reads the fitted attributes."""

    pooling = None
    head_: LinearHead
    classes_: NDArray[np.str_]

    @property
    def _default_class(self) -> int:
        """The class of a word without tokens."""
        return int(np.argmax(self.classes_ == "O"))

    def _token_states(self, windows: Ragged) -> FloatArray:
        cache_file = embedding_cache_file(self.embedding_cache)
        return token_states(self._encoder, windows, self.precision, self.n_threads, cache_file)

    def _task_model(self) -> DistilBertForTokenClassification:
        encoder = self._loaded_encoder()
        head, model = encoder.task_model or (None, None)
        if model is None or head is not self.head_:
            model = token_model(encoder.model, self.head_, self.classes_)
            encoder.task_model = self.head_, model
        model.precision = self.precision
        return model

    def _window_logits(self, input_ids: Sequence[TokenIds]) -> list[FloatArray]:
        """Return the logits of each window, (n_tokens, n_classes)."""
        model = self._task_model()
        if embedding_cache_file(self.embedding_cache) is None or self._encoder.changes:
            return model.logits(input_ids, n_threads=self.n_threads)
        windows = Ragged.from_lists(input_ids)
        output = self.head_.classifier
        states = self._token_states(windows)
        with single_threaded_blas():
            logits = states @ output.weight.T + output.bias
        return np.split(logits, np.cumsum(windows.lengths)[:-1])

    def predict_proba(self, X: Iterable[Words]) -> list[FloatArray]:
        """Return the probabilities of the labels of each word.

        Parameters
        ----------
        X : iterable of lists of str

        Returns
        -------
        list of float32 ndarrays of shape (n_words, n_classes)
            An array for each text, with columns in the order of ``classes_``. The probabilities of
            a word are the probabilities of its first token. Long texts are read in overlapping
            windows; a token in two windows has the probabilities from the window with more context
            around it. A word that the tokenizer removes, such as "", has the probability 1 of the
            label "O", or of the first of ``classes_`` if "O" is not among them. NumPy converts the
            list to an array of arrays.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If a word is not valid, or the weights are too large for float32.
        """
        check_is_fitted(self)
        texts = check_words(X, self.missing)
        encoder = self._loaded_encoder()
        warn_unknown(encoder.tokenizer, texts)
        max_length = check_max_length(self.max_length, encoder.model.config, encoder.tokenizer)
        stride, default = default_stride(max_length), self._default_class
        rows: RowList[FloatArray] = RowList()
        with showing_progress(len(texts), type(self).__name__ if self.verbose else "") as advance:
            for start in range(0, len(texts), TEXTS_PER_BATCH):
                batch = texts[start : start + TEXTS_PER_BATCH]
                scored = score_tokens(
                    encoder.tokenizer, batch, max_length, stride, self._window_logits
                )
                for words, text in zip(batch, scored, strict=True):
                    rows.append(word_scores(text, len(words), default))
                advance(len(batch))
        check_finite(np.array([[row.sum()] for row in rows]), self.model)
        return rows

    def predict(self, X: Iterable[Words]) -> list[list[str]]:
        """Return the most probable label of each word of each text.

        Parameters
        ----------
        X : iterable of lists of str

        Returns
        -------
        list of lists of str
            A label for each word. A word that the tokenizer removes, such as "", has the label
            "O", or the first of ``classes_`` if "O" is not among them. NumPy converts the list
            to an array of lists.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError, TypeError
            If a word is not valid, or the weights are too large for float32.
        """
        return RowList(self.classes_[row.argmax(axis=1)].tolist() for row in self.predict_proba(X))

    @overload
    def predict_entities(
        self,
        X: Iterable[str],
        *,
        aggregation_strategy: Grouping = "simple",
        ignore_labels: str | Iterable[str] = ("O",),
        stride: int | None = None,
    ) -> list[list[Entity]]: ...
    @overload
    def predict_entities(
        self,
        X: Iterable[str],
        *,
        aggregation_strategy: Literal["none"],
        ignore_labels: str | Iterable[str] = ("O",),
        stride: int | None = None,
    ) -> list[list[TokenLabel]]: ...
    @overload
    def predict_entities(
        self,
        X: Iterable[str],
        *,
        aggregation_strategy: AggregationStrategy,
        ignore_labels: str | Iterable[str] = ("O",),
        stride: int | None = None,
    ) -> list[list[Entity]] | list[list[TokenLabel]]: ...
    def predict_entities(
        self,
        X: Iterable[str],
        *,
        aggregation_strategy: AggregationStrategy = "simple",
        ignore_labels: str | Iterable[str] = ("O",),
        stride: int | None = None,
    ) -> list[list[Entity]] | list[list[TokenLabel]]:
        """Return the entities in texts that are not split into words.

        Parameters
        ----------
        X : iterable of str
        aggregation_strategy : {"simple", "first", "average", "max", "none"}, default="simple"
            How labels of tokens become entities. With "first" the label of a word is the label of
            its first token, as in `fit` and `predict`.
        ignore_labels : str or iterable of str, default=("O",)
            Labels that are not returned.
        stride : int, default: 128, or half a window if this is less
            Number of tokens in the overlap of the windows in which long texts are read.

        Returns
        -------
        list of lists of dict
            The entities of each text, with ``entity_group``, ``score``, ``word``, ``start`` and
            ``end``. The result equals that of `extract_entities` for the checkpoint that
            `save_pretrained` writes, with the same `max_length`.

        Raises
        ------
        ValueError, TypeError
            If a text or an argument is not valid.

        See Also
        --------
        extract_entities : Find entities with a checkpoint; explains the arguments and results.
        """
        check_is_fitted(self)
        texts = check_texts(X, self.missing, allow_empty=False)
        return extract_entities(
            self._task_model(),
            self._encoder.tokenizer,
            texts,
            aggregation_strategy=aggregation_strategy,
            ignore_labels=ignore_labels,
            stride=stride,
            max_length=self.max_length,
            n_threads=self.n_threads,
        )

    def score(
        self, X: Iterable[Words], y: Iterable[Words], sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the F1 of entities; both ends and the kind of an entity must be right.

        Parameters
        ----------
        X : iterable of lists of str
        y : iterable of lists of str
        sample_weight : array-like of shape (n_texts,), default=None
            Weight of the entities of each text.

        Returns
        -------
        float
            The F1 of all texts together. It equals seqeval's ``f1_score`` in its default mode,
            the rules of conlleval. The labels of `fit` determine the scheme: IOB, IOE, BIOES,
            BILOU or plain labels.

        Raises
        ------
        ValueError, TypeError
            If a word, a label or a weight is not valid, or the numbers of words and labels of a
            text differ.
        """
        texts = check_words(X, self.missing)
        labels = check_word_labels(y, texts)
        weights = check_sample_weight(sample_weight, len(texts)).tolist()
        return entity_f1(labels, self.predict(texts), self.classes_, weights)
