"""Classify whole texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, overload

from skdistilbert.models import DistilBertForSequenceClassification
from skdistilbert.nn.functional import sigmoid, softmax
from skdistilbert.number_checks import check_at_least
from skdistilbert.tasks.checks import check_max_length, load_inputs
from skdistilbert.tasks.embedding_plan import resolve_stride
from skdistilbert.tasks.entailment import entailment_scores, fill_template
from skdistilbert.tasks.pair_input import check_texts_or_pairs
from skdistilbert.tasks.premises import PremiseReader
from skdistilbert.tasks.ranking import best_first
from skdistilbert.tasks.text_input import check_texts
from skdistilbert.tasks.text_logits import text_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tasks.pair_input import PairDict, Texts
    from skdistilbert.tokenization import WordPieceTokenizer

ScoreFunction = Literal["softmax", "sigmoid", "none"]
SCORE_FUNCTIONS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": lambda logits: logits,
}


class Label(TypedDict):
    """A label with its score."""

    label: str
    score: float


class ClassifyOptions(TypedDict, total=False):
    """The keyword arguments of `classify`."""

    labels: Iterable[str] | None
    template: str | None
    multi_label: bool
    top_k: int | None
    function_to_apply: ScoreFunction | None
    max_length: int | None
    long_text: LongText
    stride: int | None
    n_threads: int | None


@overload
def classify(  # type: ignore[overload-overlap]  # str is an iterable of str
    model: ModelOrPath, texts: str | PairDict, **options: Unpack[ClassifyOptions]
) -> list[Label]: ...
@overload
def classify(
    model: ModelOrPath, texts: Texts, **options: Unpack[ClassifyOptions]
) -> list[list[Label]]: ...
@overload
def classify(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str | PairDict,
    **options: Unpack[ClassifyOptions],
) -> list[Label]: ...
@overload
def classify(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: Texts,
    **options: Unpack[ClassifyOptions],
) -> list[list[Label]]: ...
def classify(  # type: ignore[misc]  # the texts may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | PairDict | Texts | None = None,
    texts: str | PairDict | Texts | None = None,
    *,
    labels: Iterable[str] | None = None,
    template: str | None = None,
    multi_label: bool = False,
    top_k: int | None = 1,
    function_to_apply: ScoreFunction | None = None,
    max_length: int | None = None,
    long_text: LongText = "truncate",
    stride: int | None = None,
    n_threads: int | None = None,
) -> list[Label] | list[list[Label]]:
    """Return the labels of texts or pairs, as transformers' pipeline "text-classification" does.

    Call ``classify(model, texts)`` or ``classify(model, tokenizer, texts)``.

    Parameters
    ----------
    model : DistilBertForSequenceClassification, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    texts : str, dict, or iterable of str, of (str, str) or of dict
        One or several texts, or one or several pairs of texts, such as a premise and a hypothesis.
        Pairs are tuples, an array or frame of two columns, or dicts with the keys "text" and
        "text_pair". A single pair must be a dict.
    labels : iterable of str, default=None
        Labels to choose from, with a model for entailment [1]_, as in the pipeline
        "zero-shot-classification" of transformers. Each text is encoded with each label. None:
        the labels of the model.
    template : str, default: "This example is {}."
        Sentence in which each of the `labels` replaces "{}".
    multi_label : bool, default=False
        Whether several of the `labels` may apply to a text. If True, the score of a label is
        independent of the other labels. Otherwise the scores of a text sum to 1.
    top_k : int or None, default=1
        Number of labels to return for each text; None returns all labels.
    function_to_apply : {"softmax", "sigmoid", "none"}, default=None
        Function from logits to scores. With None, the ``problem_type`` of the checkpoint
        determines the function: "none" for "regression", "sigmoid" for
        "multi_label_classification" or if there is only one label, and "softmax" otherwise.
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Longer texts are truncated to this many tokens, with one warning that names them. In a
        pair, the longer text is truncated first.
    long_text : {"truncate", "window"}, default="truncate"
        "window" reads texts of more than `max_length` tokens in overlapping windows. The logits
        of a text are the mean of the logits of its windows, weighted by the number of tokens that
        each window counts for. Some estimators save a head that reads one vector for each text. In
        this case, each token is pooled once into this vector, and the head computes the logits
        from it. With `labels`, each window is encoded with each label. Pairs of texts are not read
        in windows.
    stride : int, default: a quarter of the tokens in a window
        Number of tokens in the overlap of two windows with ``long_text="window"``.
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    list of dict for one text or pair, list of lists of dict for several
        Each dict has ``label`` and ``score``. The best label is first; labels with equal scores
        are in the order of ``id2label``, or of `labels`.

    Raises
    ------
    TypeError
        If `model` has no classification head, a text is not a string, or only some rows are
        pairs.
    ValueError
        If `top_k`, `function_to_apply`, `max_length`, `labels`, `template`, `long_text` or
        `stride` is not valid, pairs are to be read in windows, or `labels` are given and the model
        does not predict entailment.

    References
    ----------
    .. [1] Yin, Hay and Roth (2019). Benchmarking Zero-shot Text Classification: Datasets,
           Evaluation and Entailment Approach.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from skdistilbert import DistilBertClassifier, classify
    >>> texts = ["what a lovely day", "this is great", "how very sad", "this is awful"]
    >>> labels = ["good", "good", "bad", "bad"]
    >>> classifier = DistilBertClassifier(pooling="cls", random_state=0).fit(texts, labels)
    >>> directory = mkdtemp()
    >>> classifier.save_pretrained(directory)
    >>> classify(directory, "what a great day")[0]["label"]
    'good'
    """
    model, tokenizer, texts = load_inputs(
        "classify", DistilBertForSequenceClassification, model, tokenizer, texts
    )
    if top_k is not None:
        check_at_least("top_k", top_k, 1)
    max_length = check_max_length(max_length, model.config, tokenizer)
    is_one = isinstance(texts, str | dict)
    rows = [texts] if is_one else texts
    if labels is None:
        _check_defaults(template=template, multi_label=multi_label)
        function = SCORE_FUNCTIONS[_score_function(function_to_apply, model.config)]
        names = [label for _, label in sorted(model.config.id2label.items())]
        stride = resolve_stride(long_text, stride, max_length)
        pairs = check_texts_or_pairs(rows)
        scores = function(text_logits(model, tokenizer, pairs, max_length, stride, n_threads))
    else:
        _check_defaults(function_to_apply=function_to_apply)
        names = check_texts(labels, noun="label")
        hypotheses = fill_template(template, names)
        reader = PremiseReader.from_options(
            model, tokenizer, max_length, long_text, stride, n_threads
        )
        scores = entailment_scores(reader, check_texts(rows), hypotheses, multi_label=multi_label)
    found = [_best_labels(row, names, top_k) for row in scores]
    return found[0] if is_one else found


def _check_defaults(**arguments: object) -> None:
    """Raise ValueError for arguments that would have no effect with or without `labels`."""
    for name, value in arguments.items():
        if value not in (None, False):
            uses = "does not apply to" if name == "function_to_apply" else "applies only to"
            raise ValueError(f"{name} {uses} given labels; got {name}={value!r}.")


def check_score_function(name: str) -> str:
    """Return the name of a function from logits to scores, or raise if it is unknown."""
    if name not in SCORE_FUNCTIONS:
        raise ValueError(
            f"function_to_apply must be one of {', '.join(map(repr, SCORE_FUNCTIONS))}, or None "
            f"for the default of the checkpoint; got {name!r}."
        )
    return name


def _score_function(name: str | None, config: DistilBertConfig) -> str:
    """Return the name of the function from logits to scores."""
    if name is not None:
        return check_score_function(name)
    if config.problem_type == "regression":
        return "none"
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return "sigmoid"
    return "softmax"


def _best_labels(scores: FloatArray, names: Sequence[str], top_k: int | None) -> list[Label]:
    best = best_first(scores, top_k)
    return [{"label": names[index], "score": float(scores[index])} for index in best]
