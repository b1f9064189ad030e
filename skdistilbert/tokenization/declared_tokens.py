"""Read the special and added tokens that the files of a directory declare.

Several files can declare tokens. Their order of precedence is that of transformers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object
from skdistilbert.tokenization.added_tokens import AddedToken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

CONFIG_FILE = "tokenizer_config.json"
TOKENIZER_FILE = "tokenizer.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"

DEFAULT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
SPECIAL_TOKENS = tuple(DEFAULT_TOKENS)
# transformers numbers new tokens in this order, and then those with other names.
FIRST_TOKENS = ("bos_token", "eos_token", *SPECIAL_TOKENS)
EXTRA_TOKENS = "extra_special_tokens"
OLD_EXTRA_TOKENS = "additional_special_tokens"
TOKEN_FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


def read_if_exists(file: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one if the file does not exist."""
    return read_json_object(file) if file.is_file() else {}


def is_id(value: object) -> bool:
    """Return whether a value is a valid token id."""
    return type(value) is int and 0 <= value < 2**31


def read_declared_tokens(
    directory: Path,
    config: Mapping[str, Any],
    backend: Mapping[str, Any],
    vocab: Mapping[str, int],
    *,
    uses_backend: bool,
) -> dict[str, Any]:
    """Return the special tokens and `added_tokens`, as `WordPieceTokenizer` accepts them.

    As in transformers, declared ids only define the order of the tokens: a token of the vocabulary
    keeps its id there, and the ids of new tokens follow the vocabulary.

    Parameters
    ----------
    directory : Path
    config : mapping
        Contents of ``tokenizer_config.json``.
    backend : mapping
        Contents of ``tokenizer.json``.
    vocab : mapping of str to int
    uses_backend : bool
        Whether the class of the tokenizer reads all of ``tokenizer.json``.

    Raises
    ------
    CheckpointError
        If a declaration is malformed.
    """
    config = _with_extra_tokens({**DEFAULT_TOKENS, **config})
    declared = config.get("added_tokens_decoder")
    if declared is None:  # Only then do the files of older versions apply.
        config = _with_special_tokens_map(config, directory)
    named, unnamed = _special_tokens(config, directory)
    if declared is None:
        by_id = _from_added_tokens_file(directory, config) | _from_backend(backend, directory)
    else:
        by_id = _from_decoder(declared, {token.content for token in named.values()}, directory)
    tokens = {by_id[index].content: by_id[index] for index in sorted(by_id)}
    if declared is not None and uses_backend:
        tokens = {token.content: token for token in _from_backend(backend, directory).values()} | (
            tokens
        )
    for token in named.values():
        tokens[token.content] = replace(tokens.get(token.content, token), special=True)
    for token in unnamed:
        tokens.setdefault(token.content, token)
    special = {name: token.content for name, token in named.items() if name in SPECIAL_TOKENS}
    # The model has no embedding of a new token with one of the five roles. Such a token is left
    # out, so that WordPieceTokenizer raises an error if it needs the token.
    undeclared = set(special.values()) - {token.content for token in by_id.values()}
    added = [
        token
        for token in _numbered(tokens.values(), vocab)
        if token.content in vocab or token.content not in undeclared
    ]
    return special | {"added_tokens": added}


def _with_extra_tokens(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the current name of the extra special tokens."""
    if config.get(OLD_EXTRA_TOKENS) and not config.get(EXTRA_TOKENS):
        rest = {name: value for name, value in config.items() if name != OLD_EXTRA_TOKENS}
        return rest | {EXTRA_TOKENS: config[OLD_EXTRA_TOKENS]}
    return dict(config)


def _with_special_tokens_map(config: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Return the configuration with the tokens of ``special_tokens_map.json``."""
    read = read_if_exists(directory / SPECIAL_TOKENS_FILE)
    extra, known = read.get(EXTRA_TOKENS), config.get(EXTRA_TOKENS)
    if isinstance(extra, list) and isinstance(known, list):
        read[EXTRA_TOKENS] = [*known, *(token for token in extra if token not in known)]
    if isinstance(known, dict) and not isinstance(extra, dict):
        # Tokens by name are kept in addition to a list.
        named = {name: value for name, value in known.items() if name not in SPECIAL_TOKENS}
        rest = {name: value for name, value in config.items() if name != EXTRA_TOKENS}
        return rest | named | read
    return {**config, **read}


def _special_tokens(
    config: Mapping[str, Any], directory: Path
) -> tuple[dict[str, AddedToken], list[AddedToken]]:
    """Return the special tokens with a name, such as cls_token, and the tokens without one."""
    where = f"{directory / CONFIG_FILE} or {SPECIAL_TOKENS_FILE}"
    named = {name: value for name, value in config.items() if name.endswith("_token")}
    named = {name: named[name] for name in FIRST_TOKENS if name in named} | named
    unnamed: Any = config.get(EXTRA_TOKENS, config.get(OLD_EXTRA_TOKENS)) or []
    if isinstance(unnamed, dict):  # Then the older name is also in use.
        named |= unnamed
        unnamed = config.get(OLD_EXTRA_TOKENS) or []
    if not isinstance(unnamed, list):
        raise CheckpointError(f"{where}: {EXTRA_TOKENS} must be a list; got {unnamed!r:.99}.")
    tokens = {
        name: _special_token(value, f"{where}: {name}")
        for name, value in named.items()
        if value is not None and (name in SPECIAL_TOKENS or isinstance(value, str | dict))
    }
    return tokens, [_special_token(token, f"{where}: {EXTRA_TOKENS}") for token in unnamed]


def _special_token(token: object, where: str) -> AddedToken:
    if isinstance(token, str):
        token = {"content": token}
    return _added_token({**token, "special": True} if isinstance(token, dict) else token, where)


def _from_decoder(declared: object, special: set[str], directory: Path) -> dict[int, AddedToken]:
    where = f"{directory / CONFIG_FILE}: added_tokens_decoder"
    if not isinstance(declared, dict) or not all(index.isdecimal() for index in declared):
        raise CheckpointError(f"{where} must map ids to tokens; got {declared!r:.99}.")
    return {
        int(index): _added_token(token, f"{where}: {index}", special)
        for index, token in declared.items()
    }


def _from_added_tokens_file(directory: Path, config: Mapping[str, Any]) -> dict[int, AddedToken]:
    file = directory / ADDED_TOKENS_FILE
    # As in transformers, tokens that only special_tokens_map.json lists are not special here.
    named, unnamed = _special_tokens({**config, OLD_EXTRA_TOKENS: None}, directory)
    special = {token.content for token in [*named.values(), *unnamed]}
    ids = read_if_exists(file)
    if not all(content and is_id(index) for content, index in ids.items()):
        raise CheckpointError(
            f"{file} must be an object that maps tokens to ids; got {ids!r:.99}."
        )
    return {
        index: AddedToken(content, index, special=content in special)
        for content, index in ids.items()
    }


def _from_backend(backend: Mapping[str, Any], directory: Path) -> dict[int, AddedToken]:
    where = f"{directory / TOKENIZER_FILE}: added_tokens"
    tokens = backend.get("added_tokens", [])
    if not isinstance(tokens, list) or not all(
        isinstance(token, dict) and is_id(token.get("id")) for token in tokens
    ):
        raise CheckpointError(f"{where} must be a list of tokens with ids; got {tokens!r:.99}.")
    return {token["id"]: _added_token(token, where) for token in tokens}


def _added_token(token: object, where: str, special: Collection[str] = ()) -> AddedToken:
    """Return a declared token. It is also special if its content is in `special`."""
    values = token if isinstance(token, dict) else {}
    flags = {flag: values[flag] for flag in TOKEN_FLAGS if values.get(flag) is not None}
    content = values.get("content")
    if not isinstance(content, str) or not all(type(flag) is bool for flag in flags.values()):
        raise CheckpointError(
            f"{where} must be a token: a string, or an object with the string content and flags "
            f"that are true or false; got {token!r:.99}."
        )
    if content in special:
        flags["special"] = True
    return AddedToken(content, 0, **flags)


def _numbered(tokens: Iterable[AddedToken], vocab: Mapping[str, int]) -> list[AddedToken]:
    numbered: list[AddedToken] = []
    next_id = len(vocab)
    for token in tokens:
        if not token.content:
            continue
        index = vocab.get(token.content, next_id)
        next_id = max(next_id, index + 1)
        numbered.append(replace(token, id=index))
    return numbered
