"""Texts split into words, with a class and a weight for each word, as training examples."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from skdistilbert.estimators.sklearn_compat import check_sample_weight
from skdistilbert.estimators.targets import check_weights, normalize_to_mean_one
from skdistilbert.nn.packing import Ragged
from skdistilbert.tasks.label_schemes import entity_f1
from skdistilbert.tasks.windows import cut, encode_each

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.estimators.targets import Labels
    from skdistilbert.nn.training import Examples
    from skdistilbert.tokenization import WordPieceTokenizer

    IntArray = NDArray[np.intp]
    FloatArray = NDArray[np.float32]

NO_WORDS = (
    "X must have at least one word that the tokenizer does not remove and whose weight is above "
    "0; got none. With early_stopping, this applies to the held-out and to the other texts."
)


def flatten(rows: list[list[str]]) -> NDArray[np.str_]:
    """Return the labels of the words of all texts, (n_words,)."""
    return np.array([*chain.from_iterable(rows)], np.str_)


def _split(flat: NDArray[Any], rows: Sequence[Sized]) -> list[NDArray[Any]]:
    """Return the values of the words of each row."""
    return [*np.split(flat, np.cumsum([len(row) for row in rows])[:-1])]


class LabelledWords(NamedTuple):
    """Texts split into words, with a class and a weight for each word."""

    texts: list[list[str]]
    classes: list[IntArray]  # of each text: (n_words,), indices of classes
    weights: list[NDArray[np.floating]]  # of each text: (n_words,)
    text_weights: NDArray[np.float64]  # (n_texts,), without the weights of the classes

    @classmethod
    def encode(
        cls,
        texts: list[list[str]],
        label_rows: list[list[str]],
        labels: Labels,
        class_weight: Any,  # noqa: ANN401
        sample_weight: ArrayLike | None,
    ) -> Self:
        """Encode labels and multiply the weights of texts and classes; drop texts of weight 0.

        Raises
        ------
        ValueError
            If a label or a weight is not valid, or no word has a weight above 0.
        """
        text_weights = check_sample_weight(sample_weight, len(texts))
        classes = labels.encode(flatten(label_rows))
        weights_of_texts = np.repeat(text_weights, [len(words) for words in texts])
        weights = labels.class_weights(class_weight, classes) * weights_of_texts
        if not weights.any():
            raise ValueError(NO_WORDS)
        words = cls(
            texts, _split(classes, texts), _split(check_weights(weights), texts), text_weights
        )
        return words.select(np.flatnonzero(text_weights))

    def select(self, rows: IntArray) -> Self:
        """Return some of the texts."""
        texts = [self.texts[row] for row in rows]
        classes = [self.classes[row] for row in rows]
        weights = [self.weights[row] for row in rows]
        return type(self)(texts, classes, weights, self.text_weights[rows])

    def normalized(self) -> Self:
        """Scale the weights so that the mean over words with non-zero weight is 1."""
        flat = np.concatenate(self.weights)
        scaled = normalize_to_mean_one(flat, np.flatnonzero(flat))
        return self._replace(weights=_split(scaled, self.texts))


class WordWindows(NamedTuple):
    """The windows of texts, which do not overlap, and the words that their tokens begin."""

    windows: Ragged
    token_words: IntArray  # (n_tokens,): index among the words of all texts, -1 for other tokens

    @classmethod
    def cut(cls, texts: list[list[str]], tokenizer: WordPieceTokenizer, max_length: int) -> Self:
        """Tokenise texts and cut them into windows of at most `max_length` tokens."""
        around = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
        input_ids: list[list[int]] = []
        token_words: list[int] = []
        n_words = 0
        for words, encoding in zip(texts, encode_each(tokenizer, texts), strict=True):
            word_ids = np.array(encoding.word_ids, np.intp)
            is_first = np.diff(word_ids, prepend=-1) > 0
            firsts = np.where(is_first, n_words + word_ids, -1).tolist()
            for start, stop, ids in cut(encoding.input_ids, *around, max_length, 0):
                input_ids.append(ids)
                token_words += [-1, *firsts[start:stop], -1]
            n_words += len(words)
        return cls(Ragged.from_lists(input_ids), np.array(token_words, np.intp))

    def targets(self, words: LabelledWords) -> tuple[IntArray, FloatArray]:
        """Return the class and the weight of each token; only first tokens have a weight.

        Raises
        ------
        ValueError
            If no token has a weight.
        """
        classes = np.concatenate(words.classes)
        weights = np.concatenate(words.weights, dtype=np.float32)
        is_first = self.token_words >= 0
        token_weights = np.where(is_first, weights[self.token_words], np.float32(0))
        if not token_weights.any():
            raise ValueError(NO_WORDS)
        return np.where(is_first, classes[self.token_words], 0), token_weights


class EntityScore:
    """The validation score: F1 of the entities of held-out texts.

    Parameters
    ----------
    words : LabelledWords
    token_words : int ndarray
        As in `WordWindows`.
    labels : ndarray of str
        The label of each class.
    default : int
        The class of words without tokens.
    """

    def __init__(
        self, words: LabelledWords, token_words: IntArray, labels: NDArray[np.str_], default: int
    ) -> None:
        self._words, self._labels, self._default = words, labels, default
        self._columns = np.flatnonzero(token_words >= 0)
        self._word_indices = token_words[self._columns]

    def __call__(self, logits: FloatArray, _: Examples) -> float:
        """Return F1 for logits (num_labels, n_tokens)."""
        true = self._words.classes
        predicted = np.full(sum(map(len, true)), self._default)
        predicted[self._word_indices] = logits[:, self._columns].argmax(axis=0)
        true_labels, predicted_labels = (
            [self._labels[classes].tolist() for classes in rows]
            for rows in (true, _split(predicted, true))
        )
        weights = self._words.text_weights.tolist()
        return entity_f1(true_labels, predicted_labels, self._labels, weights)
