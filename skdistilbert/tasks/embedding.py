"""Hidden states and embeddings of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.dense import DENSE_ACTIVATIONS, dense, unit_length
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
    pooling: Pooling | None = None,
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
    pooling : {"cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"} or None
        The state of [CLS]; the mean, or the maximum of each feature, over all tokens of the
        text, [CLS] and [SEP] among them; their sum by the root of their number; the mean weighted
        by position; the state of [SEP]. None, the default: what the checkpoint's ``modules.json``
        names, with all modules after the pooling, as ``SentenceTransformer.encode``; "cls" if it
        has none. Prompts in ``config_sentence_transformers.json`` are not read.
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        With the modules of ``modules.json`` at most the tokenizer's ``model_max_length``.
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
    if max_length is None and pooling is None and model.sentence_modules is not None:
        max_length = _max_seq_length(model, tokenizer)
    max_length = check_max_length(max_length, model.config)
    if pooling is None and model.sentence_modules is not None:
        return _embed_by_modules(model, tokenizer, texts, max_length, n_threads)
    pooling = pooling or "cls"
    embeddings = np.empty((len(texts), model.config.dim), np.float32)
    for rows, input_ids in encode_in_pieces(tokenizer, texts, max_length):
        embeddings[rows] = model.pooled(input_ids, pooling, n_threads=n_threads)
    return embeddings


def _max_seq_length(model: DistilBertModel, tokenizer: WordPieceTokenizer) -> int:
    positions = model.config.max_position_embeddings
    return min(tokenizer.model_max_length or positions, positions)


def _embed_by_modules(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    max_length: int,
    n_threads: int | None,
) -> FloatArray:
    """Embed as ``modules.json`` says: (n_texts, dim of the last module)."""
    modules = model.sentence_modules
    assert modules is not None
    embeddings: FloatArray = np.concatenate(
        [
            embed(model, tokenizer, texts, pooling, max_length, n_threads=n_threads)  # type: ignore[arg-type]
            for pooling in modules.poolings
        ],
        axis=1,
    )
    for module in modules.after:
        if module is None:
            embeddings = unit_length(embeddings)
        elif module.activation not in DENSE_ACTIVATIONS:
            raise CheckpointError(
                f"{module.config_file}: activation_function must be one of "
                f"{', '.join(DENSE_ACTIVATIONS)} of torch; got {module.activation!r:.99}."
            )
        else:
            embeddings = dense(embeddings, module.tensors, module.activation)
    return embeddings


def check_pooling(pooling: str | None) -> None:
    """Raise unless `pooling` is a known one, or None."""
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}.")
