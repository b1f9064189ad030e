"""Words for the masked places of texts."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from skdistilbert.models import DistilBertForMaskedLM
from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.checks import check_head, check_positive
from skdistilbert.tasks.encoding import check_max_length, encode_in_pieces, stacklevel_of_caller
from skdistilbert.tasks.ranking import best_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.packing import IntArray
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]


class Guess(TypedDict):
    """A token for a masked place."""

    score: float
    token: int
    token_str: str
    sequence: str


MaskGuesses = list[Guess] | list[list[Guess]]


def unmask(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: str | Sequence[str],
    top_k: int = 5,
    targets: str | Sequence[str] | None = None,
    *,
    max_length: int | None = None,
    n_threads: int | None = None,
) -> MaskGuesses | list[MaskGuesses]:
    """Guess the masked tokens of texts, as the pipeline "fill-mask" of transformers does.

    Parameters
    ----------
    model : DistilBertForMaskedLM
    tokenizer : WordPieceTokenizer
    texts : str or list of str
        Each with one [MASK] or several; each is guessed by itself, the others staying masked.
    top_k : int, default=5
        How many guesses to give a mask.
    targets : str or list of str, default=None
        The only tokens to score. One that is not in the vocabulary is replaced with its first
        piece, with a warning.
    max_length : int, default: the model's ``max_position_embeddings`` (512)
        Longer texts are cut to this many tokens, with one warning that counts them.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    list
        Of a text with one mask: dicts with ``score`` (the probability among the whole
        vocabulary), ``token`` (its id), ``token_str`` and ``sequence`` (the text with the guess,
        as tokens spell it), best first; of equal scores the lower id is first. Of a text with
        several masks: a list of these a mask. Of several texts: a list of these a text, also if
        it is a list of one.

    Raises
    ------
    TypeError
        If the model has no masked-LM head, or a text is not a string.
    ValueError
        If a text has no [MASK], `top_k` is below 1, or no target is left.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, load_model, unmask
    >>> model = load_model("distilbert-tiny-masked-lm")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny-masked-lm")
    >>> for guess in unmask(model, tokenizer, "Where is [MASK]?", targets=["it", "he"]):
    ...     print(guess["token_str"], guess["sequence"])
    it where is it?
    he where is he?
    """
    model = check_head(model, DistilBertForMaskedLM, "unmask")
    check_positive("top_k", top_k)
    max_length = check_max_length(max_length, model.config)
    target_ids = None if targets is None else _target_ids(targets, tokenizer, model)

    def best(logits: FloatArray) -> list[list[tuple[int, float]]]:
        return [_best(scores, top_k, target_ids) for scores in softmax(logits)]

    guesses: list[MaskGuesses] = []
    many = [texts] if isinstance(texts, str) else texts
    for rows, input_ids in encode_in_pieces(tokenizer, many, max_length):
        _check_masks(input_ids, tokenizer, rows.start, max_length)
        pairs = model.at_tokens(input_ids, tokenizer.mask_token_id, best, n_threads=n_threads)
        guesses += map(_guesses_of_text, [tokenizer] * len(pairs), input_ids, pairs)
    return guesses[0] if isinstance(texts, str) else guesses


def _check_masks(
    input_ids: Sequence[IntArray], tokenizer: WordPieceTokenizer, first_row: int, max_length: int
) -> None:
    for row, ids in enumerate(input_ids, first_row):
        if tokenizer.mask_token_id not in ids:
            raise ValueError(
                f"Row {row}: the text has no {tokenizer.mask_token} among its first {max_length} "
                "tokens; write it where a word is to be guessed."
            )


def _target_ids(
    targets: str | Sequence[str], tokenizer: WordPieceTokenizer, model: DistilBertForMaskedLM
) -> IntArray:
    """Give the ids of the targets, each once, ascending."""
    targets = [targets] if isinstance(targets, str) else targets
    known = {token: index for index, token in tokenizer.ids_to_tokens.items()}
    found = {
        index
        for target in targets
        for index in ([known[target]] if target in known else _first_piece(target, tokenizer))
    }
    if not found:
        raise ValueError("targets must name at least one token of the vocabulary; none is left.")
    if max(found) >= model.config.vocab_size:
        raise ValueError(
            f"The token {tokenizer.ids_to_tokens[max(found)]!r} among targets is none of the "
            f"model's {model.config.vocab_size}; the tokenizer belongs to another model."
        )
    return np.array(sorted(found))


def _first_piece(target: str, tokenizer: WordPieceTokenizer) -> list[int]:
    """Give one id, or none, with a warning."""
    ids = tokenizer.encode(target, add_special_tokens=False)[:1]
    replaced = (
        f"replacing it with {tokenizer.ids_to_tokens[ids[0]]!r}" if ids else "leaving it out"
    )
    warnings.warn(
        f"The target {target!r} is not in the vocabulary: {replaced}.",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )
    return ids


def _best(scores: FloatArray, top_k: int, target_ids: IntArray | None) -> list[tuple[int, float]]:
    """Give the ids of the highest scores (vocab_size,), and these."""
    ids = np.arange(len(scores)) if target_ids is None else target_ids
    scores = scores[ids]
    best = best_first(scores, top_k)
    return list(zip(ids[best].tolist(), scores[best].tolist(), strict=True))


def _guesses_of_text(
    tokenizer: WordPieceTokenizer, ids: IntArray, pairs: Sequence[list[tuple[int, float]]]
) -> MaskGuesses:
    places = [place for place, index in enumerate(ids) if index == tokenizer.mask_token_id]
    # With several masks the others are to be seen.
    skip_special_tokens = len(places) == 1

    def guess(place: int, token: int, score: float) -> Guess:
        filled = [*ids[:place], token, *ids[place + 1 :]]
        filled = [index for index in filled if index != tokenizer.pad_token_id]
        sequence = tokenizer.decode(filled, skip_special_tokens=skip_special_tokens)
        token_str = tokenizer.decode([token])
        return {"score": score, "token": token, "token_str": token_str, "sequence": sequence}

    guesses = [
        [guess(place, *pair) for pair in of_mask]
        for place, of_mask in zip(places, pairs, strict=True)
    ]
    return guesses[0] if len(places) == 1 else guesses
