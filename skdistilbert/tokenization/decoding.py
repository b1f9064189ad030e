"""From tokens back to text, as the WordPiece decoder of `tokenizers` does it."""

from __future__ import annotations

from skdistilbert.tokenization.wordpiece import CONTINUATION

# Applied to each token one after the other, as transformers' clean_up_tokenization does.
CLEAN_UPS = (
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


def join_tokens(tokens: list[str], *, clean_up: bool) -> str:
    """Join tokens with spaces, continuations without."""
    return "".join(
        _clean_up(part) if clean_up else part
        for part in (
            token.replace(CONTINUATION, "", 1)
            if index and token.startswith(CONTINUATION)
            else f" {token}"
            if index
            else token
            for index, token in enumerate(tokens)
        )
    )


def _clean_up(text: str) -> str:
    for spaced, closed in CLEAN_UPS:
        text = text.replace(spaced, closed)
    return text
