"""Writing the files of a tokenizer, for transformers to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from skdistilbert.tokenization.declared_tokens import (
    ADDED_TOKENS_FILE,
    CONFIG_FILE,
    SPECIAL_TOKENS,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
)
from skdistilbert.tokenization.normalization import STRIPPED
from skdistilbert.tokenization.pretrained import OPTIONS, SWITCHES, VOCAB_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skdistilbert.tokenization.added_tokens import AddedToken
    from skdistilbert.tokenization.state import TokenizerState


def tokenizer_files(tokenizer: TokenizerState) -> dict[str, bytes | None]:
    """Give ``vocab.txt`` and ``tokenizer_config.json``, from which transformers loads the same.

    Other files that would be read before these or beside them are None: they must not stay.

    Raises
    ------
    ValueError
        If these files can't hold the tokens: the ids of the vocabulary have a gap, those of added
        tokens do not follow, or a token has a line end or a space at its end.
    """
    added = tokenizer.added_tokens
    tokens = sorted(tokenizer.vocab, key=tokenizer.vocab.__getitem__)
    _check_ids(tokenizer.vocab | {token.content: token.id for token in added}, tokens, added)
    return {
        VOCAB_FILE: "".join(f"{token}\n" for token in tokens).encode(),
        CONFIG_FILE: json.dumps(_config(tokenizer, added), indent=2, sort_keys=True).encode()
        + b"\n",
        TOKENIZER_FILE: None,
        SPECIAL_TOKENS_FILE: None,
        ADDED_TOKENS_FILE: None,
    }


def _check_ids(ids: Mapping[str, int], tokens: Sequence[str], added: Sequence[AddedToken]) -> None:
    new = [token.content for token in added if token.content not in tokens]
    for line, token in enumerate([*tokens, *new]):
        if ids[token] != line:
            raise ValueError(
                f"{token!r:.99} has the id {ids[token]}, but would be read back as {line}: "
                "a saved vocabulary has the ids from 0 on, each once, and those of added tokens "
                "follow."
            )
    for token in tokens:
        if token != token.rstrip(STRIPPED) or "\n" in token:
            raise ValueError(
                f"{token!r:.99} can't be saved: {VOCAB_FILE} has a token a line, without spaces "
                "at its end."
            )


def _config(tokenizer: TokenizerState, added: Sequence[AddedToken]) -> dict[str, object]:
    names = [*OPTIONS, *SPECIAL_TOKENS, *SWITCHES]
    if tokenizer.model_max_length is not None:
        names.append("model_max_length")
    return {name: getattr(tokenizer, name) for name in names} | {
        # In transformers a BertTokenizer also gives token types, which DistilBERT does not take.
        "tokenizer_class": "DistilBertTokenizer",
        "added_tokens_decoder": {
            str(token.id): {name: value for name, value in vars(token).items() if name != "id"}
            for token in added
        },
    }
