"""The estimator that labels words, for example as parts of named entities."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.export import token_model
from skdistilbert.estimators.fine_tuning import new_linear, split_rows
from skdistilbert.estimators.parameters import documented
from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.sklearn_compat import with_callbacks
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.estimators.word_lists import check_word_labels, check_words
from skdistilbert.nn.heads import LinearHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.training import cross_entropy
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks import extract_entities
from skdistilbert.tasks.label_schemes import entity_f1
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tasks.windows import cut, encode_each

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.fine_tuning import FineTuning
    from skdistilbert.models import DistilBertForTokenClassification
    from skdistilbert.nn.training import Examples
    from skdistilbert.tasks.text_input import Missing

    Words = Sequence[str]

NO_WORDS = "X must have at least one word that the tokenizer does not remove; got none."
OWN_PARAMETERS = """\
max_length : int of at least 2 or None
    Number of tokens in a window. None: the maximum of the tokenizer and the model.
missing : {"error", "empty"}
    What to do with None, NaN and pandas.NA: raise an error that names the rows, or read them as
    texts without words and as empty words.
verbose : bool or int of at least 0
    Show on stderr the loss of each epoch, and how many texts have been labelled: with a progress
    bar in terminals and notebooks if the extra ``progress`` is installed, otherwise with lines.
"""


@documented(OWN_PARAMETERS, score="F1 of entities")
class DistilBertTokenClassifier(TrainedEstimator):
    """Label the words of texts with DistilBERT's token-classification head.

    `fit` trains like `DistilBertClassifier`. The first token of each word learns and predicts the
    label of the word, as in the examples of transformers. Long texts are split into windows.

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
    extract_entities : Find entities in running text with a trained model.

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
    head_: LinearHead
    classes_: NDArray[np.str_]

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
        warm_start: bool = False,
        random_state: int | RandomState | None = None,
        verbose: bool | int = False,
        n_threads: int | None = None,
    ) -> None:
        self._set_parameters(locals())

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str], **params: Any) -> Self:  # noqa: ANN401
        """Return a fitted classifier from a checkpoint that has a token-classification head.

        Parameters
        ----------
        path : str or path-like
            Checkpoint of a ``DistilBertForTokenClassification``: a directory or a name on the
            Hugging Face hub.
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
    def fit(self, X: Iterable[Words], y: Iterable[Words]) -> Self:
        """Train on texts that are split into words, with a label for each word.

        Parameters
        ----------
        X : iterable of lists of str
            The words of each text: an ordered collection or generator, a Series or one-column
            frame of pandas or polars, Arrow lists, or an array of shape (n_texts, n_words).
        y : iterable of lists of str
            The label of each word, such as "B-person", "I-person" and "O".

        Returns
        -------
        self

        Raises
        ------
        CheckpointError
            If the encoder cannot be loaded.
        ValueError, TypeError
            If a parameter, a word or a label is not valid, the numbers of words and labels of a
            text differ, or training diverges.
        KeyboardInterrupt
            If Ctrl-C interrupts the training. The estimator is then not fitted, or keeps the
            weights so far if `warm_start` is True.
        """
        # Validate everything before the previous fit is replaced.
        self._validate()
        texts = check_words(X, self.missing)
        labels = check_word_labels(y, texts)
        if not any(texts):
            raise ValueError(NO_WORDS)
        options = self._begin_fit()
        self._set_classes(np.unique([label for of_text in labels for label in of_text]))
        random_state = check_random_state(self.random_state)
        training = self._start_training(options, cross_entropy, self._new_head, random_state)
        examples_of = partial(self._word_examples, training, texts, labels)
        split = split_rows(np.arange(len(texts)), options, random_state)
        self._train(training, split, examples_of, self._score, {"X": texts, "y": labels})
        return self

    def _set_classes(self, classes: NDArray[np.str_]) -> None:
        if not hasattr(self, "head_"):
            self.classes_ = classes
        elif not np.isin(classes, self.classes_).all():
            raise ValueError(
                f"warm_start needs the labels of the first fit, {self.classes_.tolist()}; got "
                f"{classes.tolist()}. Set warm_start=False to train a new head."
            )

    def _new_head(self, config: DistilBertConfig, random_state: RandomState) -> LinearHead:
        return LinearHead(new_linear(len(self.classes_), config.dim, random_state))

    def _word_examples(
        self,
        training: FineTuning,
        texts: list[list[str]],
        labels: list[list[str]],
        rows: NDArray[np.intp],
    ) -> Examples:
        """Return windows of some texts; the first token of each word has a target."""
        input_ids, targets = [], []
        texts, labels = [texts[row] for row in rows], [labels[row] for row in rows]
        warn_unknown(self._encoder.tokenizer, texts)
        for ids, of_tokens in self._windows(texts, labels, training.options.max_length):
            input_ids.append(ids)
            targets += of_tokens
        columns = np.array(targets)
        weights = (columns >= 0).astype(np.float32)
        if not weights.any():
            raise ValueError(NO_WORDS)
        windows = Ragged.from_lists(input_ids)
        return training.token_examples(windows, np.maximum(columns, 0), weights)

    def _windows(
        self, texts: list[list[str]], labels: list[list[str]], max_length: int
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Yield the ids of each window and the class of each token, or -1."""
        tokenizer = self._encoder.tokenizer
        around = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
        for encoding, of_words in zip(encode_each(tokenizer, texts), labels, strict=True):
            classes = np.searchsorted(self.classes_, of_words)
            words = np.array(encoding.word_ids, np.intp)
            is_first = np.diff(words, prepend=-1) > 0
            of_tokens = np.where(is_first, classes[words], -1).tolist()
            for start, stop, ids in cut(encoding.input_ids, *around, max_length, 0):
                yield ids, [-1, *of_tokens[start:stop], -1]

    def _score(self, logits: NDArray[np.float32], examples: Examples) -> float:
        """Return F1 of the entities in the windows."""
        assert examples.texts is not None
        predicted, true = self.classes_[logits.argmax(axis=0)], self.classes_[examples.targets]
        borders = np.cumsum(examples.texts.lengths)[:-1]
        known = np.split(examples.weights > 0, borders)
        true_rows, predicted_rows = (
            [labels[of].tolist() for labels, of in zip(np.split(x, borders), known, strict=True)]
            for x in (true, predicted)
        )
        return entity_f1(true_rows, predicted_rows, labels=self.classes_)

    def _task_model(self) -> DistilBertForTokenClassification:
        encoder = self._loaded_encoder()
        head, model = encoder.task_model or (None, None)
        if model is None or head is not self.head_:
            model = token_model(encoder.model, self.head_, self.classes_)
            encoder.task_model = self.head_, model
        return model

    def predict(self, X: Iterable[Words]) -> list[list[str]]:
        """Return the label of each word of each text.

        Parameters
        ----------
        X : iterable of lists of str

        Returns
        -------
        list of lists of str
            A label for each word. A word that the tokenizer removes, such as "", has the label
            "O", or the first of ``classes_`` if "O" is not among them.
        """
        check_is_fitted(self)
        texts = check_words(X, self.missing)
        model, tokenizer = self._task_model(), self._encoder.tokenizer
        warn_unknown(tokenizer, texts)
        default = "O" if "O" in self.classes_ else str(self.classes_[0])
        labels: list[list[str]] = []
        with showing_progress(len(texts), type(self).__name__ if self.verbose else "") as advance:
            for start in range(0, len(texts), TEXTS_PER_BATCH):
                batch = texts[start : start + TEXTS_PER_BATCH]
                entities: Any = extract_entities(
                    model,
                    tokenizer,
                    batch,
                    aggregation_strategy="first",
                    ignore_labels=(),
                    max_length=self.max_length,
                    n_threads=self.n_threads,
                )
                found = ([word["entity"] for word in words] for words in entities)
                labels += [[default if x is None else x for x in words] for words in found]
                advance(len(batch))
        return labels

    def score(self, X: Iterable[Words], y: Iterable[Words]) -> float:
        """Return F1 of entities; both ends and the kind of an entity must be right.

        Parameters
        ----------
        X : iterable of lists of str
        y : iterable of lists of str

        Returns
        -------
        float
            For all texts together. Equals seqeval's ``f1_score`` in its default mode, which is
            that of conlleval. The labels of `fit` decide between the schemes IOB, IOE, BIOES,
            BILOU and plain labels.

        Raises
        ------
        ValueError, TypeError
            If a word or a label is not valid, or the numbers of words and labels of a text
            differ.
        """
        texts = check_words(X, self.missing)
        labels = check_word_labels(y, texts)
        return entity_f1(labels, self.predict(texts), labels=self.classes_)
