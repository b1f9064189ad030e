"""Named entities, and other labels of tokens and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from skdistilbert.models import DistilBertForTokenClassification
from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.aggregation import (
    AggregationStrategy,
    Entity,
    entities_of_window,
    merge_windows,
    tokens_of_text,
)
from skdistilbert.tasks.checks import check_head
from skdistilbert.tasks.encoding import TEXTS_AT_A_TIME, check_max_length
from skdistilbert.tasks.token_labels import (
    TokenLabel,
    labels_of_tokens,
    labels_of_words,
    scores_of_tokens,
)
from skdistilbert.tasks.windows import USUAL_STRIDE, Text, Window, cut, encode_each, longest_input
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

    FloatArray = NDArray[np.float32]


TextEntities = list[Entity] | list[TokenLabel]


def extract_entities(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Sequence[Text],
    aggregation_strategy: AggregationStrategy = "simple",
    ignore_labels: Collection[str] = ("O",),
    stride: int | None = None,
    *,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> TextEntities | list[TextEntities]:
    """Find entities in texts, as the pipeline "token-classification" of transformers does.

    Parameters
    ----------
    model : DistilBertForTokenClassification
    tokenizer : WordPieceTokenizer
    texts : str, list of str, or list of lists of str
        Lists of lists are texts that are split into words already.
    aggregation_strategy : {"simple", "first", "average", "max", "none"}, default="simple"
        "simple" joins neighbouring tokens of one kind, where "B-" begins a new entity. "first",
        "average" and "max" first give all tokens of a word one label: that of the first token,
        the best on average, or that of the surest token. "none" gives each token's label.
    ignore_labels : collection of str, default=("O",)
        Kinds to leave out, as they stand in the result.
    stride : int, default: 128, or half a window if that is less
        By how many tokens the windows overlap into which texts are cut that are longer than the
        model. Where entities of two windows overlap, the longer one is kept, of equally long
        ones the surer.
    max_length : int, default: the tokenizer's ``model_max_length`` or the model's positions
        Tokens in a window, [CLS] and [SEP] among them.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    list of dict for one text, list of lists of dict for several
        Entities have ``entity_group`` (the label without "B-" or "I-"), ``score`` (the mean
        probability of the label), ``word`` (as tokens spell it), ``start`` and ``end``, so that
        ``text[start:end]`` is the entity.
        With "none": ``entity`` (the label), ``score``, ``index`` (the token's place, where [CLS]
        is 0), ``word`` (the token), ``start`` and ``end``.
        For texts split into words, the same keys for every word, labels to ignore included:
        ``index`` is the word's place, ``start`` and ``end`` its place in the words joined by
        spaces. "simple" and "none" are the same as "first". A word without tokens, such as "",
        has the entity None and the score 0.

    Raises
    ------
    TypeError
        If the model has no token-classification head, or a text is not a string.
    ValueError
        If `aggregation_strategy` is unknown, `max_length` is more than the model has positions
        for, or `stride` too large for it.

    Notes
    -----
    transformers cuts longer texts off unless it is given a stride, and has no windows with "none"
    or words; here each token is then labelled by the window that shows most of its surroundings.

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
    model = check_head(model, DistilBertForTokenClassification, "extract_entities")
    if aggregation_strategy not in get_args(AggregationStrategy):
        raise ValueError(
            f"aggregation_strategy must be one of {', '.join(get_args(AggregationStrategy))}; "
            f"got {aggregation_strategy!r}."
        )
    max_length, stride = _window_sizes(max_length, stride, tokenizer, model.config)
    ignored = {ignore_labels} if isinstance(ignore_labels, str) else set(ignore_labels)
    task = _Task(model, tokenizer, aggregation_strategy, ignored)
    entities: list[TextEntities] = []
    many = [texts] if isinstance(texts, str) else texts
    for first_row in range(0, len(many), TEXTS_AT_A_TIME):
        piece = many[first_row : first_row + TEXTS_AT_A_TIME]
        encodings = list(encode_each(tokenizer, piece, first_row=first_row))
        windows = [
            cut(
                each.input_ids,
                [tokenizer.cls_token_id],
                [tokenizer.sep_token_id],
                max_length,
                stride,
            )
            for each in encodings
        ]
        scores = _scores(model, windows, n_threads)
        entities += map(task.entities_of_text, piece, encodings, windows, scores)
    return entities[0] if isinstance(texts, str) else entities


def _window_sizes(
    max_length: int | None,
    stride: int | None,
    tokenizer: WordPieceTokenizer,
    config: DistilBertConfig,
) -> tuple[int, int]:
    """Give `max_length` and `stride`, checked, or what they are by default."""
    if max_length is None:
        max_length = longest_input(tokenizer, config)
    check_max_length(max_length, config)
    room = max_length - 2
    stride = min(room // 2, USUAL_STRIDE) if stride is None else stride
    check_stride(stride, room)
    return max_length, stride


def _scores(
    model: DistilBertForTokenClassification, windows: list[list[Window]], n_threads: int | None
) -> list[list[FloatArray]]:
    """Give probabilities (n_tokens, num_labels) for each window of each text."""
    input_ids = [window.input_ids for of_text in windows for window in of_text]
    logits = iter(model.logits(input_ids, n_threads=n_threads))
    return [[softmax(next(logits)[1:-1]) for _ in of_text] for of_text in windows]


class _Task(NamedTuple):
    """What is the same for every text."""

    model: DistilBertForTokenClassification
    tokenizer: WordPieceTokenizer
    strategy: AggregationStrategy
    ignored: Collection[str]

    def entities_of_text(
        self,
        text: Text,
        encoding: Encoding,
        windows: list[Window],
        scores: list[FloatArray],
    ) -> TextEntities:
        id2label = self.model.config.id2label
        if not isinstance(text, str):
            of_tokens = scores_of_tokens(windows, scores)
            return labels_of_words(text, encoding, of_tokens, self.strategy, id2label)
        tokens = tokens_of_text(text, encoding, self.tokenizer)
        if self.strategy == "none":
            labels = labels_of_tokens(tokens, scores_of_tokens(windows, scores), id2label)
            return [label for label in labels if label["entity"] not in self.ignored]
        found = [
            entities_of_window(tokens[start:stop], of_window, self.strategy, id2label)
            for (start, stop, _), of_window in zip(windows, scores, strict=True)
        ]
        kept = [[e for e in of if e["entity_group"] not in self.ignored] for of in found]
        return kept[0] if len(kept) == 1 else merge_windows(kept)
