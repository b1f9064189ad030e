"""Hidden states and embeddings of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.tasks.encoding import check_max_length, encode_in_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.pooling import Pooling
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
    >>> model = load_model("distilbert-tiny")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny")
    >>> predict(model, tokenizer, ["one", "one two three"]).shape
    (2, 5, 32)
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
    pooling: Pooling = "cls",
    max_length: int | None = None,
    *,
    n_threads: int | None = None,
) -> FloatArray:
    """One vector a text.

    Parameters
    ----------
    model : DistilBertModel
        With or without a task head, which is not used.
    tokenizer : WordPieceTokenizer
    texts : str or list of str
    pooling : {"cls", "mean", "max"}, default="cls"
        The state of [CLS]; the mean, or the maximum of each feature, over all tokens of the
        text, [CLS] and [SEP] among them.
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        Longer texts are cut to this many tokens, with one warning that counts them.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    ndarray of shape (dim,) for one text, (n_texts, dim) for several
        Float32.

    Raises
    ------
    ValueError
        If `pooling` is unknown, or `max_length` below 2 or more than the model has positions for.
    TypeError
        If a text is not a string.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, embed, load_model
    >>> model = load_model("distilbert-tiny")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny")
    >>> embed(model, tokenizer, "one text", pooling="mean").shape
    (32,)
    """
    check_pooling(pooling)
    if isinstance(texts, str):
        (embedding,) = embed(model, tokenizer, [texts], pooling, max_length, n_threads=n_threads)
        return np.asarray(embedding)
    max_length = check_max_length(max_length, model.config)
    embeddings = np.empty((len(texts), model.config.dim), np.float32)
    for rows, input_ids in encode_in_pieces(tokenizer, texts, max_length):
        embeddings[rows] = model.pooled(input_ids, pooling, n_threads=n_threads)
    return embeddings


def check_pooling(pooling: str) -> None:
    """Raise unless `pooling` is a known one."""
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}.")
