"""Extract entities from texts, and label tokens and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from skdistilbert.models import DistilBertForTokenClassification
from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.aggregation import (
    AggregationStrategy,
    Entity,
    group_entities,
    merge_overlapping,
    split_tokens,
)
from skdistilbert.tasks.checks import check_max_length, check_model
from skdistilbert.tasks.label_schemes import Tag, parse_labels
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH
from skdistilbert.tasks.text_input import Text, check_rows
from skdistilbert.tasks.token_labels import TokenLabel, label_tokens, label_words
from skdistilbert.tasks.windows import DEFAULT_STRIDE, Window, cut, encode_each, join_windows
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from skdistilbert.models import DistilBertModel
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

TextEntities = list[Entity] | list[TokenLabel]


def extract_entities(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Iterable[Text],
    aggregation_strategy: AggregationStrategy = "simple",
    ignore_labels: Collection[str] = ("O",),
    stride: int | None = None,
    *,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> TextEntities | list[TextEntities]:
    """Return the entities in texts, as the pipeline "token-classification" of transformers does.

    Parameters
    ----------
    model : DistilBertForTokenClassification
    tokenizer : WordPieceTokenizer
    texts : str, iterable of str, or iterable of lists of str
        A list of str is a text that is split into words.
    aggregation_strategy : {"simple", "first", "average", "max", "none"}, default="simple"
        "simple" joins neighbouring tokens of the same kind; "B-" starts a new entity. "first",
        "average" and "max" assign one label to all tokens of a word before: the label of the
        first token, the label with the highest mean score, or the label of the token with the
        highest score. "none" returns the label of each token.
    ignore_labels : collection of str, default=("O",)
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
        Entities have ``entity_group`` (the label without "B-" or "I-"), ``score`` (the mean
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
    transformers truncates long texts unless a stride is given, and has no windows with "none" or
    with words. Here each token then has the label from the window with more context around it.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, extract_entities, load_model
    >>> model = load_model("distilbert-tiny-token-classification")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny-token-classification")
    >>> text = "She lives in New York."
    >>> for entity in extract_entities(model, tokenizer, text, "first")[:2]:  # random weights
    ...     print(entity["entity_group"], text[entity["start"] : entity["end"]])
    LOC She
    LOC lives
    """
    model = check_model(model, tokenizer, DistilBertForTokenClassification, "extract_entities")
    if aggregation_strategy not in get_args(AggregationStrategy):
        raise ValueError(
            f"aggregation_strategy must be one of {', '.join(get_args(AggregationStrategy))}; "
            f"got {aggregation_strategy!r}."
        )
    max_length = check_max_length(max_length, model.config, tokenizer)
    stride = min((max_length - 2) // 2, DEFAULT_STRIDE) if stride is None else stride
    check_stride(stride, max_length - 2)
    ignored = {ignore_labels} if isinstance(ignore_labels, str) else set(ignore_labels)
    tags = parse_labels(set(model.config.id2label.values()))
    task = _Task(model, tokenizer, aggregation_strategy, ignored, tags)
    entities: list[TextEntities] = []
    before, after = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    rows = check_rows([texts] if isinstance(texts, str) else texts)
    for start in range(0, len(rows), TEXTS_PER_BATCH):
        batch = rows[start : start + TEXTS_PER_BATCH]
        encodings = list(encode_each(tokenizer, batch))
        windows = [cut(each.input_ids, before, after, max_length, stride) for each in encodings]
        scores = _scores(model, windows, n_threads)
        entities += map(task.extract, batch, encodings, windows, scores)
    return entities[0] if isinstance(texts, str) else entities


def _scores(
    model: DistilBertForTokenClassification, windows: list[list[Window]], n_threads: int | None
) -> list[list[FloatArray]]:
    """Return the probabilities (n_tokens, num_labels) of each window of each text."""
    input_ids = [window.input_ids for text_windows in windows for window in text_windows]
    logits = iter(model.logits(input_ids, n_threads=n_threads))
    return [[softmax(next(logits)[1:-1]) for _ in text_windows] for text_windows in windows]


class _Task(NamedTuple):
    """The arguments that are the same for all texts."""

    model: DistilBertForTokenClassification
    tokenizer: WordPieceTokenizer
    strategy: AggregationStrategy
    ignored: Collection[str]
    tags: Mapping[str, Tag]

    def extract(
        self, text: Text, encoding: Encoding, windows: list[Window], scores: list[FloatArray]
    ) -> TextEntities:
        """Return the entities of a text from the probabilities of its windows."""
        id2label = self.model.config.id2label
        if not isinstance(text, str):
            token_scores = join_windows(windows, scores)
            return label_words(text, encoding, token_scores, self.strategy, id2label)
        tokens = split_tokens(text, encoding, self.tokenizer)
        if self.strategy == "none":
            labels = label_tokens(tokens, join_windows(windows, scores), id2label)
            return [label for label in labels if label["entity"] not in self.ignored]
        entities = [
            entity
            for (start, stop, _), window_scores in zip(windows, scores, strict=True)
            for entity in group_entities(
                tokens[start:stop], window_scores, self.strategy, id2label, self.tags
            )
            if entity["entity_group"] not in self.ignored
        ]
        return entities if len(windows) == 1 else merge_overlapping(entities)
