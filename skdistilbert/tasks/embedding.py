"""Compute hidden states and embeddings of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from skdistilbert.models import DistilBertModel
from skdistilbert.tasks.checks import check_max_length, load_inputs
from skdistilbert.tasks.embedding_plan import plan_embedding
from skdistilbert.tasks.text_batches import USE_WINDOWS, encode_with_warning, warn_truncated
from skdistilbert.tasks.text_input import check_texts
from skdistilbert.tasks.text_pooling import pool_texts
from skdistilbert.tasks.unknown_tokens import warn_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tasks.embedding_plan import LongText
    from skdistilbert.tokenization import WordPieceTokenizer


class EmbedOptions(TypedDict, total=False):
    """The keyword arguments of `embed`."""

    pooling: Pooling | None
    max_length: int | None
    prompt: str | None
    prompt_name: str | None
    layer: int | Sequence[int] | None
    long_text: LongText
    stride: int | None
    n_threads: int | None


@overload
def predict(
    model: ModelOrPath, texts: str | Iterable[str], *, max_length: int | None = None
) -> FloatArray: ...
@overload
def predict(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str | Iterable[str],
    *,
    max_length: int | None = None,
) -> FloatArray: ...
def predict(  # type: ignore[misc]  # the texts may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | Iterable[str] | None = None,
    texts: str | Iterable[str] | None = None,
    *,
    max_length: int | None = None,
) -> FloatArray:
    """Return the last hidden states of one text or several.

    Call ``predict(model, texts)`` or ``predict(model, tokenizer, texts)``.

    Parameters
    ----------
    model : DistilBertModel, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call. A task
        head is not used.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    texts : str or iterable of str
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Longer texts are truncated to this many tokens, with one warning that names them.

    Returns
    -------
    ndarray of shape (1, seq_len, dim) for one text, (n_texts, seq_len, dim) for several
        Float32. `seq_len` is the length of the longest text. Padding is zero.

    Raises
    ------
    ValueError
        If `max_length` is below 2 or above ``max_position_embeddings``.
    TypeError
        If `model` or `tokenizer` has another type, or a text is not a string.

    Examples
    --------
    >>> from skdistilbert import load_model, predict
    >>> model = load_model("mini")
    >>> predict(model, ["one", "one two three"]).shape
    (2, 5, 192)
    """
    model, tokenizer, texts = load_inputs("predict", DistilBertModel, model, tokenizer, texts)
    rows = check_texts([texts] if isinstance(texts, str) else texts)
    max_length = check_max_length(max_length, model.config, tokenizer)
    batches = encode_with_warning(tokenizer, rows, max_length)
    return model.hidden_states([ids for _, encoded in batches for ids in encoded.input_ids])


@overload
def embed(
    model: ModelOrPath, texts: str | Iterable[str], **options: Unpack[EmbedOptions]
) -> FloatArray: ...
@overload
def embed(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str | Iterable[str],
    **options: Unpack[EmbedOptions],
) -> FloatArray: ...
def embed(  # type: ignore[misc]  # the texts may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | Iterable[str] | None = None,
    texts: str | Iterable[str] | None = None,
    *,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    prompt: str | None = None,
    prompt_name: str | None = None,
    layer: int | Sequence[int] | None = None,
    long_text: LongText = "truncate",
    stride: int | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Return one vector per text, pooled from the hidden states of its tokens [1]_.

    Call ``embed(model, texts)`` or ``embed(model, tokenizer, texts)``.

    Parameters
    ----------
    model : DistilBertModel, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call. A task
        head is not used.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    texts : str or iterable of str
    pooling : {"cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}, \
            default=None
        "cls" is the hidden state of [CLS]. "mean" and "max" are taken over all tokens,
        including [CLS] and [SEP]. "mean_sqrt_len_tokens" divides the sum by the square root of
        the number of tokens, "weightedmean" weights tokens by their position, and "lasttoken" is
        the hidden state of [SEP]. None uses all modules of the checkpoint's ``modules.json`` and
        the ``truncate_dim`` of ``config_sentence_transformers.json``, as
        ``SentenceTransformer.encode`` does, or "mean" without ``modules.json``.
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Longer texts are truncated to this many tokens, with one warning that names them.
    prompt : str, default=None
        Text to put before every text. With ``modules.json``, None uses the
        ``default_prompt_name`` of ``config_sentence_transformers.json``. If the Pooling module
        sets ``include_prompt`` to false, [CLS] and the prompt are not pooled.
    prompt_name : str, default=None
        Name of the prompt in ``config_sentence_transformers.json``. If "query" and "document"
        are not defined there, they are empty, as in sentence-transformers.
    layer : int or list of int, default: the last layer
        Layers whose hidden states are averaged and pooled, as indices of transformers'
        ``hidden_states``: 0 is the embeddings, and negative numbers count from the last layer.
        Higher layers are not computed.
    long_text : {"truncate", "window"}, default="truncate"
        "window" reads texts of more than `max_length` tokens in overlapping windows of
        `max_length` tokens, each with the prompt. Each token is pooled once, from the window
        with more context around it. "cls" and "lasttoken" return the mean of the states of [CLS]
        or [SEP] in all windows, weighted by the number of tokens that each window counts for.
    stride : int, default: a quarter of the tokens in a window
        Number of tokens in the overlap of two windows with ``long_text="window"``.
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    ndarray of shape (dim,) for one text, (n_texts, dim) for several
        Float32. The vectors have unit length only if a module in ``modules.json`` normalises them.

    Raises
    ------
    ValueError
        If `pooling`, `prompt_name` or `layer` is unknown, `prompt` and `prompt_name` are both
        given, `max_length` is below 2 or above ``max_position_embeddings``, or the windows have
        no room for more than `stride` tokens of a text.
    TypeError
        If `model` or `tokenizer` has another type, or a text is not a string.
    CheckpointError
        If the model cannot be loaded, a file of sentence-transformers is malformed, or the
        tokenizer belongs to another model.

    References
    ----------
    .. [1] Reimers and Gurevych (2019). Sentence-BERT: Sentence Embeddings using Siamese
           BERT-Networks.

    Examples
    --------
    >>> from skdistilbert import embed, load_model
    >>> model = load_model("mini")
    >>> embed(model, "one text").shape
    (192,)
    >>> embed(model, ["one text", "another text"], pooling="cls").shape
    (2, 192)
    """
    model, tokenizer, texts = load_inputs("embed", DistilBertModel, model, tokenizer, texts)
    plan = plan_embedding(
        model,
        tokenizer,
        pooling,
        max_length,
        prompt=prompt,
        prompt_name=prompt_name,
        layer=layer,
        long_text=long_text,
        stride=stride,
        precision=model.precision,
    )
    rows = check_texts([texts] if isinstance(texts, str) else texts)
    warn_unknown(tokenizer, rows)
    pooled, truncated_rows = pool_texts(model.encoder, tokenizer, rows, plan, n_threads)
    limit = f"max_length={plan.max_length}"
    warn_truncated(truncated_rows, rows, limit, remedy=USE_WINDOWS)
    embeddings = plan.after_pooling(pooled)
    return embeddings[0] if isinstance(texts, str) else embeddings
