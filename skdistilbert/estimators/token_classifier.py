"""Words to labels, such as those of named entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.callbacks import with_callbacks
from skdistilbert.estimators.export import token_model
from skdistilbert.estimators.fine_tuning import FineTunedEstimator, new_linear
from skdistilbert.nn.heads import TokenClassificationHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import DropoutRates
from skdistilbert.nn.training.losses import cross_entropy
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks import extract_entities
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.label_schemes import entity_f1
from skdistilbert.tasks.text_input import check_characters
from skdistilbert.tasks.windows import cut, encode_each

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertForTokenClassification
    from skdistilbert.nn.training.examples import Examples
    from skdistilbert.nn.training.trainer import Trainer
    from skdistilbert.tasks.text_input import Missing

    Words = Sequence[str]

NO_WORDS = "There are no words to learn from."


class DistilBertTokenClassifier(FineTunedEstimator):
    """Label the words of texts with DistilBERT's token-classification head.

    `fit` trains as `DistilBertClassifier` does. Of each word the first token learns and predicts
    its label, as in transformers' examples. Texts longer than the model are cut into windows.

    Parameters
    ----------
    model : str or path-like, default="mini"
        "mini": the small encoder that comes with this package, good for a start without a
        download; larger ones are more accurate. Or the directory of a Hugging Face checkpoint,
        or the name of one on the Hugging Face hub.
    trainable_layers : int or "all", default="all"
    max_length : int, default=None
        Tokens in a window; None: as many as tokenizer and model allow.
    learning_rate_init : float or "auto", default="auto"
    alpha : float, default=0.01
    batch_size, max_iter : int or "auto", default="auto"
    tol : float, default=1e-4
    early_stopping : bool, default=False
    validation_fraction : float, default=0.1
    n_iter_no_change : int, default=10
    warm_start : bool, default=False
    random_state : int, RandomState or None, default=None
    verbose : bool, default=False
    n_threads : int, default=None
    revision : str, default=None
    cache_dir : str or path-like, default=None
    local_files_only : bool, default=False
        All others as in `DistilBertClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    head_ : TokenClassificationHead
        The trained weights of the head.
    n_iter_, loss_curve_, best_loss_, validation_scores_, best_validation_score_
        As in `DistilBertClassifier`; scores are F1 of entities.
    fingerprint_, revision_
        As in `DistilBertClassifier`.

    See Also
    --------
    extract_entities : Entities in running text, with a trained model.

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
    """

    pooling = None
    missing: Missing = "error"
    head_: TokenClassificationHead
    classes_: NDArray[np.str_]
    _tagger: DistilBertForTokenClassification | None

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        trainable_layers: int | Literal["all"] = "all",
        max_length: int | None = None,
        learning_rate_init: float | Literal["auto"] = "auto",
        alpha: float = 0.01,
        batch_size: int | Literal["auto"] = "auto",
        max_iter: int | Literal["auto"] = "auto",
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: int | RandomState | None = None,
        verbose: bool = False,
        n_threads: int | None = None,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
    ) -> None:
        self.model = model
        self.trainable_layers = trainable_layers
        self.max_length = max_length
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_threads = n_threads
        self.revision = revision
        self.cache_dir = cache_dir
        self.local_files_only = local_files_only

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str], **params: Any) -> Self:  # noqa: ANN401
        """Give a fitted classifier from a checkpoint that has a token-classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForTokenClassification``: a directory or a name on the
            Hugging Face hub.
        **params : dict
            Further parameters of the class.

        Returns
        -------
        DistilBertTokenClassifier
            With ``classes_`` from the checkpoint's ``id2label``, sorted.

        Raises
        ------
        CheckpointError
            If the checkpoint can't be loaded or has another head or none.
        """
        classifier, checkpoint = cls._read_pretrained(path, "token_classification", **params)
        labels = np.array([label for _, label in sorted(checkpoint.config.id2label.items())])
        order = np.argsort(labels)
        output = Linear.from_tensors(checkpoint.weights, "classifier")
        classifier.classes_ = labels[order]
        classifier.head_ = TokenClassificationHead(
            Linear(output.weight[order], output.bias[order])
        )
        return classifier

    @with_callbacks
    def fit(self, X: Iterable[Words], y: Iterable[Words]) -> Self:
        """Train on texts split into words, and a label a word.

        Parameters
        ----------
        X : iterable of lists of str
            The words of each text.
        y : iterable of lists of str
            The label of each word, such as "B-person", "I-person" and "O".

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the model can't be loaded.
        ValueError, TypeError
            If a parameter, a word or a label is not valid, a text has not as many labels as
            words, or training diverges.

        Warns
        -----
        UserWarning
            If Ctrl-C ended the training; the weights so far are kept.
        """
        texts, labels = _check_words(X), [list(of_text) for of_text in y]
        _check_labels(texts, labels)
        if not any(texts):
            raise ValueError(NO_WORDS)
        self._begin_fit()
        self._set_classes(np.unique([label for of_text in labels for label in of_text]))
        trainer = self._new_trainer(cross_entropy)

        def examples_of(rows: NDArray[np.intp]) -> Examples:
            return self._word_examples([texts[row] for row in rows], [labels[row] for row in rows])

        split = self._held_out(np.arange(len(texts)), None)
        self._run(trainer, examples_of, split, self._score, X=texts, y=labels)
        return self

    def _set_classes(self, classes: NDArray[np.str_]) -> None:
        if hasattr(self, "head_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start needs the labels of the first fit, {self.classes_.tolist()}; got "
                f"{classes.tolist()}."
            )
        self.classes_ = classes

    def _new_head(self, rng: RandomState) -> TokenClassificationHead:
        return TokenClassificationHead(new_linear(len(self.classes_), self._dim(), rng))

    def _dropout_rates(self, config: DistilBertConfig) -> DropoutRates:
        return DropoutRates(config.dropout, config.attention_dropout, config.dropout)

    def _word_examples(self, texts: list[list[str]], labels: list[list[str]]) -> Examples:
        """Give windows of tokens, of which the first of each word has a target."""
        input_ids, targets = [], []
        for ids, of_tokens in self._windows(texts, labels):
            input_ids.append(ids)
            targets += of_tokens
        columns = np.array(targets)
        weights = (columns >= 0).astype(np.float32)
        if not weights.any():  # the tokenizer leaves nothing of them
            raise ValueError(NO_WORDS)
        windows = Ragged.from_lists(input_ids)
        return self._packed_examples(windows, np.maximum(columns, 0), weights, by_token=True)

    def _windows(
        self, texts: list[list[str]], labels: list[list[str]]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Yield the ids of each window, and the class of each token, or -1."""
        encoder = self._load_encoder()
        tokenizer = encoder.tokenizer
        max_length = check_max_length(self.max_length, encoder.model.config, tokenizer)
        around = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
        for encoding, of_words in zip(encode_each(tokenizer, texts), labels, strict=True):
            classes = np.searchsorted(self.classes_, of_words)
            words = np.array(encoding.word_ids, np.intp)
            is_first = np.diff(words, prepend=-1) > 0
            of_tokens = np.where(is_first, classes[words], -1).tolist()
            for start, stop, ids in cut(encoding.input_ids, *around, max_length, 0):
                yield ids, [-1, *of_tokens[start:stop], -1]

    def _score(self, logits: NDArray[np.float32], examples: Examples) -> float:
        """F1 of the entities in each window."""
        assert examples.texts is not None
        predicted, true = self.classes_[logits.argmax(axis=0)], self.classes_[examples.targets]
        borders = np.cumsum(examples.texts.lengths)[:-1]
        known = np.split(examples.weights > 0, borders)
        true_rows, predicted_rows = (
            [labels[of].tolist() for labels, of in zip(np.split(x, borders), known, strict=True)]
            for x in (true, predicted)
        )
        return entity_f1(true_rows, predicted_rows, labels=self.classes_)

    def _fitted_attributes(self, trainer: Trainer) -> dict[str, Any]:
        return super()._fitted_attributes(trainer) | {"_tagger": None}

    def _task_model(self) -> DistilBertForTokenClassification:
        if getattr(self, "_tagger", None) is None:
            self._tagger = token_model(self._model(), self.head_, self.classes_)
        assert self._tagger is not None
        return self._tagger

    def predict(self, X: Iterable[Words]) -> list[list[str]]:
        """Give the label of each word of each text.

        Parameters
        ----------
        X : iterable of lists of str

        Returns
        -------
        list of lists of str
            A label a word. A word of which the tokenizer leaves nothing is "O".
        """
        check_is_fitted(self)
        entities: Any = extract_entities(
            self._task_model(),
            self._load_encoder().tokenizer,
            _check_words(X),
            aggregation_strategy="first",
            ignore_labels=(),
            max_length=self.max_length,
            n_threads=self.n_threads,
        )
        return [[word["entity"] or "O" for word in of_text] for of_text in entities]

    def score(self, X: Iterable[Words], y: Iterable[Words]) -> float:
        """F1 of entities, of which both ends and the kind must be right.

        Parameters
        ----------
        X : iterable of lists of str
        y : iterable of lists of str

        Returns
        -------
        float
            Of all texts together. Equals seqeval's ``f1_score`` in its default mode
            (``mode=None``), which is that of conlleval. The labels that occurred in `fit` decide
            between the schemes IOB, IOE, BIOES, BILOU and plain labels.

        Raises
        ------
        ValueError, TypeError
            If a word or a label is not valid, or a text has not as many labels as words.
        """
        texts, labels = _check_words(X), [list(of_text) for of_text in y]
        _check_labels(texts, labels)
        return entity_f1(labels, self.predict(texts), labels=self.classes_)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_tagger", None)
        return state


def _check_words(X: Iterable[Words]) -> list[list[str]]:
    if isinstance(X, str):
        raise ValueError("Iterable over lists of words expected, string object received.")
    texts = []
    for row, words in enumerate(X):
        if isinstance(words, str):
            raise TypeError(f"Row {row}: expected a list of words; got the string {words!r:.99}.")
        texts.append(list(words))
        for index, word in enumerate(texts[-1]):
            if not isinstance(word, str):
                raise TypeError(f"Row {row}: Word {index} must be a string; got {word!r:.99}.")
            check_characters(word, f"Row {row}: Word {index}")
    if not texts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return texts


def _check_labels(texts: list[list[str]], labels: list[list[str]]) -> None:
    check_consistent_length(texts, labels)
    for row, (words, of_words) in enumerate(zip(texts, labels, strict=True)):
        if len(words) != len(of_words):
            raise ValueError(f"Row {row}: {len(words)} words, but {len(of_words)} labels.")
        wrong = [label for label in of_words if not isinstance(label, str)]
        if wrong:
            raise TypeError(f"Row {row}: every label must be a string; got {wrong[0]!r:.99}.")
