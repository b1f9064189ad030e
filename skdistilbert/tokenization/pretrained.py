"""A tokenizer's files: reading what others wrote, writing what others read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.tokenization.added_tokens import AddedToken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from skdistilbert.tokenization.state import TokenizerState

VOCAB_FILE = "vocab.txt"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
SENTENCE_FILE = "sentence_bert_config.json"

SPECIAL_TOKENS = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
# transformers writes int(1e30) for "no limit".
LARGEST_MAX_LENGTH = 10**9


def read_vocab(file: Path) -> dict[str, int]:
    """Read ``vocab.txt``: a token a line, numbered from 0.

    Raises
    ------
    CheckpointError
        If the file is missing, empty or not UTF-8.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # reading turns \r\n into \n
    except FileNotFoundError:
        raise CheckpointError(
            f"{file} does not exist; a checkpoint directory needs {VOCAB_FILE} or "
            f"{TOKENIZER_FILE} beside its weights."
        ) from None
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{file}: is not UTF-8 ({error}).") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise CheckpointError(f"{file}: is empty.")
    return dict(zip(lines, range(len(lines)), strict=True))


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Read a tokenizer's parameters, as `WordPieceTokenizer` takes them, from a directory."""
    config = _read_json(directory / CONFIG_FILE)
    backend = _read_json(directory / TOKENIZER_FILE)
    specials = _read_json(directory / SPECIAL_TOKENS_FILE)
    params: dict[str, Any] = {}
    if (directory / VOCAB_FILE).is_file() or not backend:
        params["vocab_file"] = directory / VOCAB_FILE
    else:
        params["vocab_file"] = _vocab_of(backend, directory / TOKENIZER_FILE)
    params |= _options_of(backend) | {name: config[name] for name in OPTIONS if name in config}
    for name in SPECIAL_TOKENS:
        token = config.get(name, specials.get(name))
        if token is not None:
            params[name] = token["content"] if isinstance(token, dict) else token
    params["split_special_tokens"] = bool(config.get("split_special_tokens", False))
    params["added_tokens"] = _added_tokens(config, backend)
    params["model_max_length"] = _max_length(config, _read_json(directory / SENTENCE_FILE))
    return params


def _read_json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file}: is not valid JSON ({error}).") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{file}: must hold an object, got {type(values).__name__}.")
    return values


def _vocab_of(backend: Mapping[str, Any], file: Path) -> dict[str, int]:
    model = backend.get("model")
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece":
        raise CheckpointError(f"{file}: model must be of type WordPiece.")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not all(type(index) is int for index in vocab.values()):
        raise CheckpointError(f"{file}: model.vocab must be an object of token ids.")
    return vocab


def _options_of(backend: Mapping[str, Any]) -> dict[str, Any]:
    normalizer = backend.get("normalizer") or {}
    names = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
    named = {names.get(name, name): value for name, value in normalizer.items()}
    return {name: named[name] for name in OPTIONS if name in named}


def _added_tokens(config: Mapping[str, Any], backend: Mapping[str, Any]) -> list[AddedToken]:
    declared = [
        {"id": int(index), **token}
        for index, token in config.get("added_tokens_decoder", {}).items()
    ] or backend.get("added_tokens", [])
    flags = ("special", "lstrip", "rstrip", "single_word", "normalized")
    return [
        AddedToken(
            token["content"], token["id"], **{flag: token.get(flag, False) for flag in flags}
        )
        for token in declared
    ]


def _max_length(config: Mapping[str, Any], sentence: Mapping[str, Any]) -> int | None:
    for value in (sentence.get("max_seq_length"), config.get("model_max_length")):
        if isinstance(value, int | float) and 0 < value < LARGEST_MAX_LENGTH:
            return int(value)
    return None


def tokenizer_files(tokenizer: TokenizerState) -> dict[str, bytes]:
    """Give ``vocab.txt`` and ``tokenizer_config.json``, from which transformers loads the same.

    Raises
    ------
    ValueError
        If the ids of the vocabulary have a gap, so that no file with a token a line has them.
    """
    tokens = sorted(tokenizer.vocab, key=tokenizer.vocab.__getitem__)
    if [tokenizer.vocab[token] for token in tokens] != list(range(len(tokens))):
        raise ValueError(f"The ids of the vocabulary must be 0 to {len(tokens) - 1}, each once.")
    names = (*OPTIONS, *SPECIAL_TOKENS, "split_special_tokens", "model_max_length")
    config = {name: getattr(tokenizer, name) for name in names}
    config |= {"tokenizer_class": "BertTokenizer"}
    if config["model_max_length"] is None:
        del config["model_max_length"]
    if tokenizer.added_tokens:
        config["added_tokens_decoder"] = {
            str(token.id): {name: value for name, value in vars(token).items() if name != "id"}
            for token in tokenizer.added_tokens
        }
    return {
        VOCAB_FILE: "".join(f"{token}\n" for token in tokens).encode(),
        CONFIG_FILE: json.dumps(config, indent=2, sort_keys=True).encode() + b"\n",
    }
