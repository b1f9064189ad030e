"""Join tokens to text, as the WordPiece decoder of `tokenizers` does."""

from __future__ import annotations

from skdistilbert.tokenization.wordpiece import CONTINUATION

# Replacements in each token, in this order, as in the Rust library's WordPiece decoder.
TOKEN_CLEAN_UPS = (
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
# Replacements in the joined text, as in transformers' `clean_up_tokenization`.
TEXT_CLEAN_UPS = tuple(pair for pair in TOKEN_CLEAN_UPS if pair != (" do not", " don't"))


def join_tokens(tokens: list[str], *, clean_up: bool) -> str:
    """Join words with spaces and continuations without; `clean_up` also cleans up the result."""
    spaced = [_with_space(token) if index else token for index, token in enumerate(tokens)]
    text = "".join([_replace(token, TOKEN_CLEAN_UPS) for token in spaced])
    return _replace(text, TEXT_CLEAN_UPS) if clean_up else text


def _with_space(token: str) -> str:
    if token.startswith(CONTINUATION):
        return token.removeprefix(CONTINUATION)
    return f" {token}"


def _replace(text: str, clean_ups: tuple[tuple[str, str], ...]) -> str:
    for spaced, closed in clean_ups:
        text = text.replace(spaced, closed)
    return text
