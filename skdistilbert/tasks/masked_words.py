"""Predict the masked words of texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack, overload

import numpy as np

from skdistilbert.exceptions import warn_user
from skdistilbert.models import DistilBertForMaskedLM
from skdistilbert.nn.functional import softmax
from skdistilbert.number_checks import check_at_least
from skdistilbert.tasks.checks import check_max_length, load_inputs
from skdistilbert.tasks.ranking import best_first
from skdistilbert.tasks.text_batches import encode_with_warning
from skdistilbert.tasks.text_input import check_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import IntArray
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tokenization import WordPieceTokenizer


class Guess(TypedDict):
    """A predicted token with its score."""

    score: float
    token: int
    token_str: str
    sequence: str


MaskGuesses = list[Guess] | list[list[Guess]]


class UnmaskOptions(TypedDict, total=False):
    """The keyword arguments of `unmask`."""

    top_k: int
    targets: str | Iterable[str] | None
    max_length: int | None
    n_threads: int | None


@overload
def unmask(  # type: ignore[overload-overlap]  # str is an iterable of str
    model: ModelOrPath, texts: str, **options: Unpack[UnmaskOptions]
) -> MaskGuesses: ...
@overload
def unmask(
    model: ModelOrPath, texts: Iterable[str], **options: Unpack[UnmaskOptions]
) -> list[MaskGuesses]: ...
@overload
def unmask(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: str,
    **options: Unpack[UnmaskOptions],
) -> MaskGuesses: ...
@overload
def unmask(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    texts: Iterable[str],
    **options: Unpack[UnmaskOptions],
) -> list[MaskGuesses]: ...
def unmask(  # type: ignore[misc]  # the texts may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | Iterable[str] | None = None,
    texts: str | Iterable[str] | None = None,
    *,
    top_k: int = 5,
    targets: str | Iterable[str] | None = None,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> MaskGuesses | list[MaskGuesses]:
    """Predict the masked tokens of texts, as the pipeline "fill-mask" of transformers does.

    Call ``unmask(model, texts)`` or ``unmask(model, tokenizer, texts)``.

    Parameters
    ----------
    model : DistilBertForMaskedLM, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    texts : str or iterable of str
        The texts, each with one or more [MASK]. Every mask is predicted while the others stay
        masked.
    top_k : int, default=5
        Number of tokens to return for each mask.
    targets : str or iterable of str, default=None
        The tokens to choose from. A target that is not in the vocabulary is replaced with its
        first token, with a warning.
    max_length : int, default: ``max_position_embeddings`` or ``model_max_length`` if it is less
        Longer texts are truncated to this many tokens, with one warning that names them.
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    list
        For a text with one mask, a list of dicts with ``score`` (the probability in the whole
        vocabulary), ``token`` (the id), ``token_str`` and ``sequence`` (the decoded text with
        this token). The best token is first; tokens with equal scores are in the order of their
        ids. For a text with several masks, a list of such lists, one per mask. For a list of
        texts, even of one text, a list with the result of each text.

    Raises
    ------
    TypeError
        If `model` has no masked-LM head, or a text is not a string.
    ValueError
        If a text has no [MASK], `top_k` is below 1, or `targets` has no known token.

    Examples
    --------
    A checkpoint with trained weights, such as "distilbert/distilbert-base-uncased", is used as
    ``unmask("distilbert/distilbert-base-uncased", "Where is the [MASK]?")``. This head is not
    trained:

    >>> import numpy as np
    >>> from skdistilbert import DistilBertForMaskedLM, load_model, unmask
    >>> encoder = load_model("mini")
    >>> dim, vocab_size = encoder.config.dim, encoder.config.vocab_size
    >>> head = {
    ...     "vocab_transform.weight": np.eye(dim, dtype=np.float32),
    ...     "vocab_transform.bias": np.zeros(dim, np.float32),
    ...     "vocab_layer_norm.weight": np.ones(dim, np.float32),
    ...     "vocab_layer_norm.bias": np.zeros(dim, np.float32),
    ...     "vocab_projector.weight": encoder.weights["embeddings.word_embeddings.weight"],
    ...     "vocab_projector.bias": np.zeros(vocab_size, np.float32),
    ... }
    >>> model = DistilBertForMaskedLM(encoder.config, {**encoder.weights, **head})
    >>> for guess in unmask(model, encoder.tokenizer, "Where is [MASK]?", targets=["it", "he"]):
    ...     print(guess["sequence"])
    where is he?
    where is it?
    """
    model, tokenizer, texts = load_inputs("unmask", DistilBertForMaskedLM, model, tokenizer, texts)
    check_at_least("top_k", top_k, 1)
    max_length = check_max_length(max_length, model.config, tokenizer)
    target_ids = None if targets is None else _target_ids(targets, tokenizer)
    if tokenizer.mask_token_id is None:
        raise ValueError(
            f"The vocabulary has no {tokenizer.mask_token!r:.99}; pass mask_token=... to "
            "WordPieceTokenizer with the token of the vocabulary that marks masked words."
        )

    def best(logits: FloatArray) -> list[list[tuple[int, float]]]:
        return [_best_tokens(scores, top_k, target_ids) for scores in softmax(logits)]

    guesses: list[MaskGuesses] = []
    all_rows = check_texts([texts] if isinstance(texts, str) else texts)
    for rows, (input_ids, *_) in encode_with_warning(tokenizer, all_rows, max_length):
        _check_masks(input_ids, tokenizer, rows.start, max_length)
        pairs = model.at_tokens(input_ids, tokenizer.mask_token_id, best, n_threads=n_threads)
        guesses += [
            _guesses_of_text(tokenizer, ids, of_text)
            for ids, of_text in zip(input_ids, pairs, strict=True)
        ]
    return guesses[0] if isinstance(texts, str) else guesses


def _check_masks(
    input_ids: Sequence[IntArray], tokenizer: WordPieceTokenizer, first_row: int, max_length: int
) -> None:
    for row, ids in enumerate(input_ids, first_row):
        if tokenizer.mask_token_id not in ids:
            raise ValueError(
                f"The text in row {row} has no {tokenizer.mask_token} among its first "
                f"{max_length} tokens. Write {tokenizer.mask_token} in place of the word to "
                "predict."
            )


def _target_ids(targets: str | Iterable[str], tokenizer: WordPieceTokenizer) -> IntArray:
    """Return the distinct ids of the targets, ascending."""
    if isinstance(targets, str | set | frozenset):  # the order of a set has no effect
        targets = [targets] if isinstance(targets, str) else list(targets)
    targets = check_texts(targets, noun="target")
    known = {token: index for index, token in tokenizer.ids_to_tokens.items()}
    found = {
        index
        for target in targets
        for index in ([known[target]] if target in known else _first_token(target, tokenizer))
    }
    if not found:
        raise ValueError(
            f"targets must name at least one token of the vocabulary; got {targets!r:.99}."
        )
    return np.array(sorted(found))


def _first_token(target: str, tokenizer: WordPieceTokenizer) -> list[int]:
    """Return a list with the id of the first token, if there is one, and warn."""
    ids = tokenizer.encode(target, add_special_tokens=False)[:1]
    action = f"replacing it with {tokenizer.ids_to_tokens[ids[0]]!r}" if ids else "ignoring it"
    warn_user(f"The target {target!r} is not in the vocabulary: {action}.")
    return ids


def _best_tokens(
    scores: FloatArray, top_k: int, target_ids: IntArray | None
) -> list[tuple[int, float]]:
    """Return the ids and scores of the best tokens, given scores of shape (vocab_size,)."""
    ids = np.arange(len(scores)) if target_ids is None else target_ids
    scores = scores[ids]
    best = best_first(scores, top_k)
    return list(zip(ids[best].tolist(), scores[best].tolist(), strict=True))


def _guesses_of_text(
    tokenizer: WordPieceTokenizer, ids: IntArray, pairs: Sequence[list[tuple[int, float]]]
) -> MaskGuesses:
    places = [place for place, index in enumerate(ids) if index == tokenizer.mask_token_id]
    # With several masks, the sequence shows the other masks.
    skip_special_tokens = len(places) == 1

    def guess(place: int, token: int, score: float) -> Guess:
        filled = [*ids[:place], token, *ids[place + 1 :]]
        filled = [index for index in filled if index != tokenizer.pad_token_id]
        sequence = tokenizer.decode(filled, skip_special_tokens=skip_special_tokens)
        token_str = tokenizer.decode([token])
        return {"score": score, "token": token, "token_str": token_str, "sequence": sequence}

    guesses = [
        [guess(place, *pair) for pair in mask_pairs]
        for place, mask_pairs in zip(places, pairs, strict=True)
    ]
    return guesses[0] if len(places) == 1 else guesses
