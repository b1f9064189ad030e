"""Labels of whole texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, get_args

from skdistilbert.models import DistilBertForSequenceClassification
from skdistilbert.nn.functional import sigmoid, softmax
from skdistilbert.tasks.checks import check_head, check_positive
from skdistilbert.tasks.encoding import check_max_length, encode_in_pieces
from skdistilbert.tasks.ranking import best_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]

ScoreFunction = Literal["softmax", "sigmoid", "none"]


class Label(TypedDict):
    """A label and how sure the model is of it."""

    label: str
    score: float


def classify(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Sequence[str],
    top_k: int | None = 1,
    function_to_apply: ScoreFunction | None = None,
    *,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> list[Label] | list[list[Label]]:
    """Label texts, as the pipeline "text-classification" of transformers does.

    Parameters
    ----------
    model : DistilBertForSequenceClassification
    tokenizer : WordPieceTokenizer
    texts : str or list of str
    top_k : int or None, default=1
        How many labels to give a text; None: all.
    function_to_apply : {"softmax", "sigmoid", "none"}, default=None
        What makes scores of logits. None: what the checkpoint's ``problem_type`` asks for, that
        is "none" for "regression" and "sigmoid" for "multi_label_classification"; without one,
        "sigmoid" for a single label and "softmax" for several.
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        Longer texts are cut to this many tokens, with one warning that counts them.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    list of dict for one text, list of lists of dict for several
        Each with ``label`` and ``score``, best first; of equal scores the first label is first.

    Raises
    ------
    TypeError
        If the model has no classification head, or a text is not a string.
    ValueError
        If `top_k`, `function_to_apply` or `max_length` is not one of the values above.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, classify, load_model
    >>> model = load_model("distilbert-tiny-sequence-classification")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny-sequence-classification")
    >>> for label in classify(model, tokenizer, "Where is it?", top_k=2):
    ...     print(label["label"], round(label["score"], 3))
    pleased 0.766
    angry 0.203
    """
    model = check_head(model, DistilBertForSequenceClassification, "classify")
    if top_k is not None:
        check_positive("top_k", top_k)
    function = _score_function(function_to_apply, model.config)
    max_length = check_max_length(max_length, model.config)
    labels: list[list[Label]] = []
    rows = [texts] if isinstance(texts, str) else texts
    for _, input_ids in encode_in_pieces(tokenizer, rows, max_length):
        scores = _scores(model.logits(input_ids, n_threads=n_threads), function)
        labels += [_best(of_text, model.config.id2label, top_k) for of_text in scores]
    return labels[0] if isinstance(texts, str) else labels


def _score_function(asked: str | None, config: DistilBertConfig) -> str:
    if asked is not None:
        if asked not in get_args(ScoreFunction):
            raise ValueError(
                f"function_to_apply must be one of {', '.join(get_args(ScoreFunction))}, or None "
                f"for what the checkpoint asks for; got {asked!r}."
            )
        return asked
    if config.problem_type == "regression":
        return "none"
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return "sigmoid"
    return "softmax"


def _scores(logits: FloatArray, function: str) -> FloatArray:
    if function == "none":
        return logits
    scores: FloatArray = sigmoid(logits) if function == "sigmoid" else softmax(logits)
    return scores


def _best(scores: FloatArray, id2label: Mapping[int, str], top_k: int | None) -> list[Label]:
    best = best_first(scores, top_k)
    return [{"label": id2label[index], "score": float(scores[index])} for index in best]
