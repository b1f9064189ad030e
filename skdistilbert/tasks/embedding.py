"""Hidden states and embeddings of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.tasks.embedding_plan import plan_embedding
from skdistilbert.tasks.encoding import (
    check_max_length,
    encode_in_pieces,
    encode_noting_truncation,
    warn_of_truncation,
)
from skdistilbert.tasks.long_texts import pool_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan, LongText
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]


def predict(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Sequence[str],
    max_length: int | None = None,
) -> FloatArray:
    """Last hidden states of one text or several.

    Parameters
    ----------
    model : DistilBertModel
        With or without a task head, which is not used.
    tokenizer : WordPieceTokenizer
    texts : str or list of str
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        Longer texts are cut to this many tokens, with one warning that counts them.

    Returns
    -------
    ndarray of shape (1, seq_len, dim) for one text, (n_texts, seq_len, dim) for several
        Float32; `seq_len` is that of the longest text, and rows of padding are zero.

    Raises
    ------
    ValueError
        If `max_length` is below 2 or more than the model has positions for.
    TypeError
        If a text is not a string.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, load_model, predict
    >>> model = load_model("mini")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
    >>> predict(model, tokenizer, ["one", "one two three"]).shape
    (2, 5, 192)
    """
    texts = [texts] if isinstance(texts, str) else texts
    max_length = check_max_length(max_length, model.config)
    input_ids = [
        ids for _, piece in encode_in_pieces(tokenizer, texts, max_length) for ids in piece
    ]
    return model.hidden_states(input_ids)


def embed(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Sequence[str],
    pooling: Pooling | None = None,
    max_length: int | None = None,
    *,
    prompt: str | None = None,
    prompt_name: str | None = None,
    layer: int | Sequence[int] | None = None,
    long_text: LongText = "truncate",
    stride: int | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """One vector a text.

    Parameters
    ----------
    model : DistilBertModel
        With or without a task head, which is not used.
    tokenizer : WordPieceTokenizer
    texts : str or list of str
    pooling : {"cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"} or None
        The state of [CLS]; the mean, or the maximum of each feature, over all tokens of the
        text, [CLS] and [SEP] among them; their sum by the root of their number; the mean weighted
        by position; the state of [SEP]. None, the default: what the checkpoint's ``modules.json``
        names, with all modules after the pooling and the ``truncate_dim`` of
        ``config_sentence_transformers.json``, as ``SentenceTransformer.encode``; "cls" if it has
        none.
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        With the modules of ``modules.json`` at most the tokenizer's ``model_max_length``.
        Longer texts are cut to this many tokens, with one warning that counts them.
    prompt : str, default=None
        Put before every text. With ``modules.json``, None means the ``default_prompt_name`` of
        ``config_sentence_transformers.json``, "" no prompt; and if the Pooling module has
        ``include_prompt`` false, its tokens, and [CLS], are not pooled.
    prompt_name : str, default=None
        Name of a prompt in ``config_sentence_transformers.json`` to use as `prompt`. "query" and
        "document" are empty where they are not there, as in sentence-transformers.
    layer : int or list of int, default: the last
        Whose hidden states are pooled, as an index into transformers' ``hidden_states``: 0 is
        the embeddings, negative numbers count from the last. Several are averaged. Layers above
        the highest are not computed.
    long_text : {"truncate", "window"}, default="truncate"
        What to do with texts of more than `max_length` tokens: cut them, or read them whole, in
        windows of `max_length` tokens that overlap. Each token is then pooled once, with the
        state that it has in the window that shows most around it. "cls" and "lasttoken" give the
        mean of the windows' states of [CLS] or [SEP], weighted by the tokens that each window
        counts for: none of these states has seen the whole text. A prompt stands before every
        window.
    stride : int, default: a quarter of what fits into a window
        By how many tokens windows overlap; only used with ``long_text="window"``.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    ndarray of shape (dim,) for one text, (n_texts, dim) for several
        Float32.

    Raises
    ------
    ValueError
        If `pooling`, `prompt_name` or `layer` is not there, `prompt` and `prompt_name` are both
        given, `max_length` is below 2 or more than the model has positions for, or windows have
        no room for more than `stride` tokens of a text.
    TypeError
        If a text is not a string.
    CheckpointError
        If a file of sentence-transformers is malformed.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, embed, load_model
    >>> model = load_model("mini")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
    >>> embed(model, tokenizer, "one text", pooling="mean").shape
    (192,)
    """
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
    )
    one = isinstance(texts, str)
    texts = [texts] if isinstance(texts, str) else texts
    pooled, truncated = pool_texts(model, tokenizer, texts, plan, n_threads)
    warn_of_truncation(len(truncated), len(texts), plan.max_length)
    embeddings = plan.after_pooling(pooled)
    return embeddings[0] if one else embeddings


def pool_texts(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    n_threads: int | None = None,
) -> tuple[FloatArray, list[int]]:
    """Give pooled states, (n_texts, n_poolings * dim), and the rows of texts that were cut.

    A text's states depend on nothing but itself, the checkpoint and `plan.pooling_key`.
    """
    if plan.stride is not None:
        return pool_windows(model, tokenizer, texts, plan, n_threads), []
    pooled = np.empty((len(texts), len(plan.poolings) * model.config.dim), np.float32)
    truncated: list[int] = []
    for rows, input_ids in encode_noting_truncation(
        tokenizer, texts, plan.max_length, truncated, plan.prompt
    ):
        pooled[rows] = plan.pool(model, input_ids, n_threads)
    return pooled, truncated
