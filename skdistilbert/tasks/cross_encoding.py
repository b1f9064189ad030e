"""Score pairs of texts and rank documents with a cross-encoder, as sentence-transformers does."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack, cast, overload

import numpy as np

from skdistilbert.exceptions import CheckpointError
from skdistilbert.models import DistilBertForSequenceClassification
from skdistilbert.nn.dense import DENSE_ACTIVATIONS
from skdistilbert.number_checks import check_at_least
from skdistilbert.tasks.checks import check_max_length, load_inputs
from skdistilbert.tasks.classification import SCORE_FUNCTIONS, check_score_function
from skdistilbert.tasks.embedding_plan import choose_prompt
from skdistilbert.tasks.pair_input import are_pairs, check_texts_or_pairs
from skdistilbert.tasks.ranking import best_first
from skdistilbert.tasks.text_batches import encode_with_warning
from skdistilbert.tasks.text_input import ABOUT_PAIRS, check_characters, check_texts
from skdistilbert.tasks.text_logits import logits_of_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tasks.classification import ScoreFunction
    from skdistilbert.tasks.pair_input import Pairs
    from skdistilbert.tokenization import WordPieceTokenizer


class RankedDocument(TypedDict):
    """The index of a document in `documents`, and its score."""

    corpus_id: int
    score: float


class ScoreOptions(TypedDict, total=False):
    """The keyword arguments of `score_pairs`; `rank` also has `top_k`."""

    function_to_apply: ScoreFunction | None
    prompt: str | None
    prompt_name: str | None
    max_length: int | None
    n_threads: int | None


@overload
def score_pairs(
    model: ModelOrPath, pairs: Pairs, **options: Unpack[ScoreOptions]
) -> FloatArray: ...
@overload
def score_pairs(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    pairs: Pairs,
    **options: Unpack[ScoreOptions],
) -> FloatArray: ...
def score_pairs(  # type: ignore[misc]  # the pairs may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | Pairs | None = None,
    pairs: Pairs | None = None,
    *,
    function_to_apply: ScoreFunction | None = None,
    prompt: str | None = None,
    prompt_name: str | None = None,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Return the scores of pairs of texts, as ``CrossEncoder.predict`` of sentence-transformers.

    Call ``score_pairs(model, pairs)`` or ``score_pairs(model, tokenizer, pairs)``.

    Parameters
    ----------
    model : DistilBertForSequenceClassification, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    pairs : iterable of (str, str) or of dict, or array or frame of two columns
        As in `classify`.
    function_to_apply : {"softmax", "sigmoid", "none"}, default=None
        Function from logits to scores. None uses the activation in the files of the cross-encoder.
        Without such a file, "sigmoid" is used for one label and "none" for several. For a head
        that `DistilBertRegressor` has trained, "none" returns the numbers of its `predict`.
    prompt : str, default=None
        Text to put before the first text of every pair. None uses the ``default_prompt_name`` of
        ``config_sentence_transformers.json``.
    prompt_name : str, default=None
        Name of the prompt in ``config_sentence_transformers.json``.
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Longer pairs are truncated to this many tokens, the longer text first, with one warning
        that names them.
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    ndarray of shape (n_pairs,) for a model with one label, otherwise (n_pairs, num_labels)
        Float32.

    Raises
    ------
    TypeError
        If `model` has no classification head, or a row is not a pair of strings.
    ValueError
        If `function_to_apply`, `prompt_name` or `max_length` is not valid, or `prompt` and
        `prompt_name` are both given.
    CheckpointError
        If the cross-encoder has other modules than a transformer, or an unknown activation.

    Examples
    --------
    >>> from skdistilbert import score_pairs
    >>> pairs = [("where is it", "it is here"), ("where is it", "what a day")]
    >>> score_pairs("distilbert-tiny-sequence-classification", pairs).shape
    (2, 3)
    """
    model, tokenizer, pairs = load_inputs(
        "score_pairs", DistilBertForSequenceClassification, model, tokenizer, pairs
    )
    to_scores = _score_function(model, function_to_apply)
    prompt = choose_prompt(model.prompts, prompt, prompt_name, use_default=True)
    max_length = check_max_length(max_length, model.config, tokenizer)
    rows = check_texts_or_pairs(pairs)
    if rows and not are_pairs(rows):
        raise TypeError(f"score_pairs needs pairs of texts; got {rows[0]!r:.99}. {ABOUT_PAIRS}")
    batches = encode_with_warning(tokenizer, rows, max_length, prompt)
    logits = logits_of_batches(model, len(rows), batches, n_threads)
    with np.errstate(all="ignore"):  # Overflow and NaN propagate as in torch.
        scores = to_scores(logits)
    return scores[:, 0] if scores.shape[1] == 1 else scores


@overload
def rank(
    model: ModelOrPath,
    query: str,
    documents: Iterable[str],
    *,
    top_k: int | None = None,
    **options: Unpack[ScoreOptions],
) -> list[RankedDocument]: ...
@overload
def rank(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    query: str,
    documents: Iterable[str],
    *,
    top_k: int | None = None,
    **options: Unpack[ScoreOptions],
) -> list[RankedDocument]: ...
def rank(  # type: ignore[misc]  # the query may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | None = None,
    query: str | Iterable[str] | None = None,
    documents: Iterable[str] | None = None,
    *,
    top_k: int | None = None,
    function_to_apply: ScoreFunction | None = None,
    prompt: str | None = None,
    prompt_name: str | None = None,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> list[RankedDocument]:
    """Rank documents by their relevance to a query [1]_, as ``CrossEncoder.rank`` does.

    Call ``rank(model, query, documents)`` or ``rank(model, tokenizer, query, documents)``.

    Parameters
    ----------
    model : DistilBertForSequenceClassification, str or path-like
        A model with one label; or its directory or hub name, from which it is then loaded in every
        call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    query : str
    documents : iterable of str
    top_k : int, default: all
        Number of documents to return.
    function_to_apply, prompt, prompt_name, max_length, n_threads
        As in `score_pairs`. The prompt is put before the query.

    Returns
    -------
    list of dict
        Each dict has ``corpus_id``, the index of the document, and ``score``. The best document is
        first; documents with equal scores keep their order.

    Raises
    ------
    TypeError
        If `model` has no classification head, or a text is not a string.
    ValueError
        If the model has several labels, the query is empty, or an option is not valid.
    CheckpointError
        If the cross-encoder has other modules than a transformer, or an unknown activation.

    References
    ----------
    .. [1] Nogueira and Cho (2019). Passage Re-ranking with BERT.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from skdistilbert import DistilBertRegressor, rank
    >>> pairs = [("good day", "a nice day"), ("good day", "a red bus"), ("a bus", "a red bus")]
    >>> regressor = DistilBertRegressor(pooling="cls", random_state=0).fit(pairs, [1, 0, 1])
    >>> directory = mkdtemp()
    >>> regressor.save_pretrained(directory)
    >>> rank(directory, "good day", ["a red bus", "a nice day"])[0]["corpus_id"]
    1
    """
    model, tokenizer, query, documents = load_inputs(
        "rank", DistilBertForSequenceClassification, model, tokenizer, query, documents
    )
    if model.config.num_labels != 1:
        raise ValueError(
            f"rank needs a model with one label; this one has {model.config.num_labels}. Use "
            "score_pairs to get the scores of all labels."
        )
    if top_k is not None:
        check_at_least("top_k", top_k, 1)
    query = _check_query(query)
    pairs = [(query, document) for document in check_texts(documents, noun="document")]
    scores = score_pairs(
        model,
        tokenizer,
        pairs,
        function_to_apply=function_to_apply,
        prompt=prompt,
        prompt_name=prompt_name,
        max_length=max_length,
        n_threads=n_threads,
    )
    best = best_first(scores, top_k)
    return [{"corpus_id": index, "score": float(scores[index])} for index in best]


def _check_query(query: object) -> str:
    if not isinstance(query, str):
        raise TypeError(f"query must be a string; got {query!r:.99}.")
    if not query.strip():
        raise ValueError(f"query must not be empty; got {query!r:.99}.")
    check_characters(query, "query")
    return query


def _score_function(
    model: DistilBertForSequenceClassification, name: ScoreFunction | None
) -> Callable[[FloatArray], FloatArray]:
    """Return the named function, the function in the files of the checkpoint, or the default."""
    stated = None if name else model.score_activation
    if stated is None:
        default = "sigmoid" if model.config.num_labels == 1 else "none"
        return SCORE_FUNCTIONS[check_score_function(name or default)]
    if stated.name not in DENSE_ACTIVATIONS:
        raise CheckpointError(
            f"{stated.file}: the activation of a cross-encoder must be one of "
            f"{', '.join(DENSE_ACTIVATIONS)} of torch; got {stated.name!r:.99}. Pass "
            "function_to_apply to use another function."
        )
    return cast("Callable[[FloatArray], FloatArray]", DENSE_ACTIVATIONS[stated.name])
