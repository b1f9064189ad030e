"""Extract entities from texts, and label tokens and words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict, Unpack, get_args, overload

from skdistilbert.models import DistilBertForTokenClassification
from skdistilbert.tasks.aggregation import (
    AggregationStrategy,
    Entity,
    group_entities,
    merge_overlapping,
    split_tokens,
)
from skdistilbert.tasks.checks import check_max_length, load_inputs, window_room
from skdistilbert.tasks.label_schemes import Tag, parse_labels
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH
from skdistilbert.tasks.text_input import Text, check_rows, check_texts
from skdistilbert.tasks.token_labels import TokenLabel, label_tokens, label_words
from skdistilbert.tasks.token_scores import ScoredText, default_stride, score_tokens
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tokenization import WordPieceTokenizer

Grouping = Literal["simple", "first", "average", "max"]  # strategies that return entities
Words = list[str] | tuple[str, ...]
TextEntities = list[Entity] | list[TokenLabel]


class EntityOptions(TypedDict, total=False):
    """The keyword arguments of `extract_entities`, except for the strategy."""

    ignore_labels: str | Iterable[str]
    stride: int | None
    max_length: int | None
    n_threads: int | None


@overload
def extract_entities(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    texts: str,
    *,
    aggregation_strategy: Grouping = "simple",
    **options: Unpack[EntityOptions],
) -> list[Entity]: ...
@overload
def extract_entities(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    texts: str,
    *,
    aggregation_strategy: Literal["none"],
    **options: Unpack[EntityOptions],
) -> list[TokenLabel]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    texts: Iterable[str],
    *,
    aggregation_strategy: Grouping = "simple",
    **options: Unpack[EntityOptions],
) -> list[list[Entity]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    texts: Iterable[str],
    *,
    aggregation_strategy: Literal["none"],
    **options: Unpack[EntityOptions],
) -> list[list[TokenLabel]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    texts: Iterable[Words],
    *,
    aggregation_strategy: AggregationStrategy = "simple",
    **options: Unpack[EntityOptions],
) -> list[list[TokenLabel]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    texts: str | Iterable[Text],
    *,
    aggregation_strategy: AggregationStrategy,
    **options: Unpack[EntityOptions],
) -> TextEntities | list[TextEntities]: ...
@overload
def extract_entities(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str,
    *,
    aggregation_strategy: Grouping = "simple",
    **options: Unpack[EntityOptions],
) -> list[Entity]: ...
@overload
def extract_entities(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str,
    *,
    aggregation_strategy: Literal["none"],
    **options: Unpack[EntityOptions],
) -> list[TokenLabel]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: Iterable[str],
    *,
    aggregation_strategy: Grouping = "simple",
    **options: Unpack[EntityOptions],
) -> list[list[Entity]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: Iterable[str],
    *,
    aggregation_strategy: Literal["none"],
    **options: Unpack[EntityOptions],
) -> list[list[TokenLabel]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: Iterable[Words],
    *,
    aggregation_strategy: AggregationStrategy = "simple",
    **options: Unpack[EntityOptions],
) -> list[list[TokenLabel]]: ...
@overload
def extract_entities(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str | Iterable[Text],
    *,
    aggregation_strategy: AggregationStrategy,
    **options: Unpack[EntityOptions],
) -> TextEntities | list[TextEntities]: ...
def extract_entities(  # type: ignore[misc]  # the texts may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | Iterable[Text] | None = None,
    texts: str | Iterable[Text] | None = None,
    *,
    aggregation_strategy: AggregationStrategy = "simple",
    ignore_labels: str | Iterable[str] = ("O",),
    stride: int | None = None,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> TextEntities | list[TextEntities]:
    """Return the entities in texts, as the pipeline "token-classification" of transformers does.

    Call ``extract_entities(model, texts)`` or ``extract_entities(model, tokenizer, texts)``.

    Parameters
    ----------
    model : DistilBertForTokenClassification, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    texts : str, iterable of str, or iterable of lists of str
        A list of str is a text that is split into words.
    aggregation_strategy : {"simple", "first", "average", "max", "none"}, default="simple"
        "simple" joins neighbouring tokens of the same kind, unless the prefix of a label begins
        a new entity. "first", "average" and "max" first assign one label to all tokens of a word:
        the label of the first token, the label with the highest mean score, or the label of the
        token with the highest score. "none" returns the label of each token.
    ignore_labels : str or iterable of str, default=("O",)
        Values of ``entity_group`` or ``entity`` that are not returned.
    stride : int, default: 128, or half a window if this is less
        Number of tokens in the overlap of the windows in which long texts are read. If entities
        of two windows overlap, the longer one is returned, or the one with the higher score.
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Number of tokens in a window, including [CLS] and [SEP].
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    list of dict for one text, list of lists of dict for several
        Entities have ``entity_group`` (the label without its prefix), ``score`` (the mean
        probability of the label), ``word`` (the joined tokens), ``start`` and ``end``, so that
        ``text[start:end]`` is the entity.
        With "none", tokens have ``entity`` (the label), ``score``, ``index`` (the position,
        where [CLS] is 0), ``word`` (the token), ``start`` and ``end``.
        For texts split into words, every word has the keys of "none", and `ignore_labels` is not
        used. ``index`` is the position of the word. ``start`` and ``end`` are its position in
        the words joined by spaces. "simple" and "none" are the same as "first". A word without
        tokens, such as "", has the entity None and the score 0.

    Raises
    ------
    TypeError
        If `model` has no token-classification head, or a text is not a string.
    ValueError
        If `aggregation_strategy` is unknown, `max_length` is above ``max_position_embeddings``,
        or `stride` is too large for `max_length`.

    Notes
    -----
    The scheme of the labels is detected from the checkpoint's ``id2label``: IOB1, IOB2, IOE1,
    IOE2, BIOES, BILOU, or plain labels without prefix.

    The results differ from transformers in these cases:

    - transformers knows only the prefixes "B-" and "I-", and removes everything before the first
      hyphen of a label, so "E-mail" becomes the group "mail".
    - With "first", "average" and "max", transformers detects words by comparing the lengths of
      tokens and their text, which fails for invisible and combining characters.
    - transformers truncates long texts unless a stride is given, and has no windows with "none" or
      with words. Here, each token has the label from the window with more context around it.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from skdistilbert import DistilBertTokenClassifier, extract_entities
    >>> texts = [["she", "lives", "in", "New", "York"], ["he", "left", "London"]]
    >>> labels = [["O", "O", "O", "B-city", "I-city"], ["O", "O", "B-city"]]
    >>> classifier = DistilBertTokenClassifier(
    ...     trainable_layers=1, max_iter=20, learning_rate_init=1e-3, random_state=0
    ... )
    >>> directory = mkdtemp()
    >>> classifier.fit(texts, labels).save_pretrained(directory)
    >>> text = "She lives in New York"
    >>> for entity in extract_entities(directory, text, aggregation_strategy="first"):
    ...     print(entity["entity_group"], text[entity["start"] : entity["end"]])
    city New York
    """
    model, tokenizer, texts = load_inputs(
        "extract_entities", DistilBertForTokenClassification, model, tokenizer, texts
    )
    if aggregation_strategy not in get_args(AggregationStrategy):
        known = ", ".join(map(repr, get_args(AggregationStrategy)))
        raise ValueError(
            f"aggregation_strategy must be one of {known}; got {aggregation_strategy!r}."
        )
    max_length = check_max_length(max_length, model.config, tokenizer)
    stride = default_stride(max_length) if stride is None else stride
    check_stride(stride, window_room(max_length))
    ignored = _ignored_labels(ignore_labels)
    tags = parse_labels(set(model.config.id2label.values()))
    task = _Task(model, tokenizer, aggregation_strategy, ignored, tags)
    logits = partial(model.logits, n_threads=n_threads)
    entities: list[TextEntities] = []
    rows = check_rows([texts] if isinstance(texts, str) else texts)
    warn_unknown(tokenizer, rows)
    for start in range(0, len(rows), TEXTS_PER_BATCH):
        batch = rows[start : start + TEXTS_PER_BATCH]
        scored = score_tokens(tokenizer, batch, max_length, stride, logits)
        entities += map(task.extract, batch, scored)
    return entities[0] if isinstance(texts, str) else entities


def _ignored_labels(labels: str | Iterable[str]) -> set[str]:
    if isinstance(labels, str | set | frozenset):  # the order of a set has no effect
        return {labels} if isinstance(labels, str) else set(labels)
    return set(check_texts(labels, noun="label"))


class _Task(NamedTuple):
    """The arguments that are the same for all texts."""

    model: DistilBertForTokenClassification
    tokenizer: WordPieceTokenizer
    strategy: AggregationStrategy
    ignored: Collection[str]
    tags: Mapping[str, Tag]

    def extract(self, text: Text, scored: ScoredText) -> TextEntities:
        """Return the entities of a text from the probabilities of its windows."""
        id2label, encoding = self.model.config.id2label, scored.encoding
        if not isinstance(text, str):
            return label_words(text, encoding, scored.joined_scores, self.strategy, id2label)
        tokens = split_tokens(text, encoding, self.tokenizer)
        if self.strategy == "none":
            labels = label_tokens(tokens, scored.joined_scores, id2label)
            return [label for label in labels if label["entity"] not in self.ignored]
        entities = [
            entity
            for (start, stop, _), window_scores in zip(scored.windows, scored.scores, strict=True)
            for entity in group_entities(
                tokens[start:stop], window_scores, self.strategy, id2label, self.tags
            )
            if entity["entity_group"] not in self.ignored
        ]
        return entities if len(scored.windows) == 1 else merge_overlapping(entities)
