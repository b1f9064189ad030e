"""From tokens back to text, as the WordPiece decoder of `tokenizers` does it."""

from __future__ import annotations

from skdistilbert.tokenization.wordpiece import CONTINUATION

# One after the other, as in the Rust library's decoder of WordPiece.
OF_TOKENS = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)
# As in transformers' clean_up_tokenization.
OF_TEXTS = tuple(pair for pair in OF_TOKENS if pair != (" do not", " don't"))


def join_tokens(tokens: list[str], *, clean_up: bool) -> str:
    """Join tokens with spaces, continuations without; each is cleaned up, at request also all."""
    spaced = [_spaced(token) if index else token for index, token in enumerate(tokens)]
    text = "".join([_replace(token, OF_TOKENS) for token in spaced])
    return _replace(text, OF_TEXTS) if clean_up else text


def _spaced(token: str) -> str:
    is_continuation = token.startswith(CONTINUATION)
    return token.removeprefix(CONTINUATION) if is_continuation else f" {token}"


def _replace(text: str, clean_ups: tuple[tuple[str, str], ...]) -> str:
    for spaced, closed in clean_ups:
        text = text.replace(spaced, closed)
    return text
