"""Reading the files of a tokenizer, as transformers reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object
from skdistilbert.tokenization.added_tokens import AddedToken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VOCAB_FILE = "vocab.txt"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"
SENTENCE_FILE = "sentence_bert_config.json"

SPECIAL_TOKENS = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
# transformers writes int(1e30) for "no limit".
LARGEST_MAX_LENGTH = 10**9
TOKEN_FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


def read_vocab(file: Path) -> dict[str, int]:
    """Read ``vocab.txt``: a token a line, numbered from 0.

    Raises
    ------
    CheckpointError
        If the file is missing, empty or not UTF-8.
    """
    if not file.is_file():
        raise CheckpointError(
            f"{file} does not exist; a checkpoint directory needs {VOCAB_FILE} or "
            f"{TOKENIZER_FILE} beside its weights."
        )
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # reading turns \r\n into \n
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{file}: is not UTF-8 ({error}).") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise CheckpointError(f"{file}: is empty.")
    return dict(zip(lines, range(len(lines)), strict=True))


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Read a tokenizer's parameters, as `WordPieceTokenizer` takes them, from a directory.

    Raises
    ------
    CheckpointError
        If a file is malformed or there is no vocabulary; the message names the file and field.
    """
    config = _read_json(directory / CONFIG_FILE)
    backend = _read_json(directory / TOKENIZER_FILE)
    specials = _read_json(directory / SPECIAL_TOKENS_FILE)
    options = _options_of(backend) | {name: config[name] for name in OPTIONS if name in config}
    params: dict[str, Any] = {
        "vocab_file": _read_vocab_of(directory, backend),
        "split_special_tokens": config.get("split_special_tokens", False),
        **options,
    }
    for name in ("split_special_tokens", *options):
        _check_option(name, params[name], directory)
    for name in SPECIAL_TOKENS:
        token = config.get(name, specials.get(name))
        if token is not None:
            params[name] = _content(token, name, directory)
    params["added_tokens"] = _added_tokens(config, backend, directory)
    params["model_max_length"] = _max_length(directory, config)
    return params


def _read_json(file: Path) -> dict[str, Any]:
    return read_json_object(file) if file.is_file() else {}


def _read_vocab_of(directory: Path, backend: Mapping[str, Any]) -> dict[str, int]:
    if (directory / VOCAB_FILE).is_file() or not backend:
        return read_vocab(directory / VOCAB_FILE)
    file, model = directory / TOKENIZER_FILE, backend.get("model")
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece":
        raise CheckpointError(f"{file}: model must be of type WordPiece.")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab or not all(map(_is_id, vocab.values())):
        raise CheckpointError(f"{file}: model.vocab must be an object of token ids.")
    return vocab


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _options_of(backend: Mapping[str, Any]) -> dict[str, Any]:
    normalizer = backend.get("normalizer")
    if not isinstance(normalizer, dict):  # none, as in files of other tokenizers
        return {}
    names = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
    named = {names.get(name, name): value for name, value in normalizer.items()}
    return {name: named[name] for name in OPTIONS if name in named}


def _check_option(name: str, value: object, directory: Path) -> None:
    if type(value) is not bool and not (value is None and name == "strip_accents"):
        raise CheckpointError(
            f"{directory / CONFIG_FILE} or {TOKENIZER_FILE}: {name} must be true or false; got "
            f"{value!r:.99}."
        )


def _content(token: object, name: str, directory: Path) -> str:
    """Give the text of a token that is given by itself or with its rules."""
    content = token.get("content") if isinstance(token, dict) else token
    if not isinstance(content, str) or not content:
        raise CheckpointError(
            f"{directory / CONFIG_FILE} or {SPECIAL_TOKENS_FILE}: {name} must be a token; got "
            f"{token!r:.99}."
        )
    return content


def _added_tokens(
    config: Mapping[str, Any], backend: Mapping[str, Any], directory: Path
) -> list[AddedToken]:
    declared = config.get("added_tokens_decoder")
    if declared:
        file, field = directory / CONFIG_FILE, "added_tokens_decoder"
        if isinstance(declared, dict):
            declared = [_with_id(token, index) for index, token in declared.items()]
    else:
        file, field = directory / TOKENIZER_FILE, "added_tokens"
        declared = backend.get("added_tokens", [])
    if not isinstance(declared, list):
        raise CheckpointError(f"{file}: {field} must hold tokens; got {declared!r:.99}.")
    return [_added_token(token, f"{file}: {field}") for token in declared]


def _with_id(token: object, index: str) -> object:
    return {**token, "id": int(index)} if isinstance(token, dict) and index.isdecimal() else token


def _added_token(token: object, where: str) -> AddedToken:
    values = token if isinstance(token, dict) else {}
    content, index = values.get("content"), values.get("id")
    flags = {flag: values.get(flag, False) for flag in TOKEN_FLAGS}
    if (
        not isinstance(content, str)
        or not _is_id(index)
        or not all(type(flag) is bool for flag in flags.values())
    ):
        raise CheckpointError(
            f"{where} must hold tokens with a content, an id and flags that are true or false; "
            f"got {token!r:.99}."
        )
    return AddedToken(content, values["id"], **flags)


def _max_length(directory: Path, config: Mapping[str, Any]) -> int | None:
    sentence = _read_json(directory / SENTENCE_FILE)
    stated = {
        f"{directory / SENTENCE_FILE}: max_seq_length": sentence.get("max_seq_length"),
        f"{directory / CONFIG_FILE}: model_max_length": config.get("model_max_length"),
    }
    for where, value in stated.items():
        if value is not None and (type(value) not in (int, float) or value < 2 or value % 1):
            raise CheckpointError(f"{where} must be an integer from 2 on; got {value!r:.99}.")
    limits = (value for value in stated.values() if value is not None)
    return next((int(value) for value in limits if value < LARGEST_MAX_LENGTH), None)
