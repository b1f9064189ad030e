"""Reading the files of a tokenizer, as transformers' AutoTokenizer reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.tokenization.declared_tokens import (
    CONFIG_FILE,
    TOKENIZER_FILE,
    is_id,
    read_declared_tokens,
    read_if_there,
)
from skdistilbert.tokenization.normalization import STRIPPED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VOCAB_FILE = "vocab.txt"
MODEL_CONFIG_FILE = "config.json"
SENTENCE_FILE = "sentence_bert_config.json"

OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
SWITCHES = ("split_special_tokens", "clean_up_tokenization_spaces")
SIDES = ("padding_side", "truncation_side")
BERT_MODELS = ("bert", "distilbert")
BERT_CLASSES = ("BertTokenizer", "DistilBertTokenizer")
# What there is of the parts that tokenizer.json can name, and the name of each option there.
BACKEND_PARTS = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
BACKEND_OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
# transformers writes int(1e30) for "no limit".
LARGEST_MAX_LENGTH = 10**9


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
        lines = file.read_bytes().decode().split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{file}: is not UTF-8 ({error}).") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise CheckpointError(f"{file}: is empty.")
    return {line.rstrip(STRIPPED): index for index, line in enumerate(lines)}


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Read a tokenizer's parameters, as `WordPieceTokenizer` takes them, from a directory.

    The vocabulary is that of ``tokenizer.json`` where there is one, else ``vocab.txt``. As in
    transformers, a BERT tokenizer takes nothing else from ``tokenizer.json`` but added tokens: its
    options are those of ``tokenizer_config.json``, or the defaults.

    Raises
    ------
    CheckpointError
        If a file is malformed or there is no vocabulary; the message names the file and field.
    """
    config = read_if_there(directory / CONFIG_FILE)
    backend = read_if_there(directory / TOKENIZER_FILE)
    sentence = read_if_there(directory / SENTENCE_FILE)
    vocab = _read_vocab_of(directory, backend)
    if not backend or _is_bert_tokenizer(directory, config):
        options = {name: config[name] for name in OPTIONS if name in config}
        _check_switches(options, directory / CONFIG_FILE)
    else:
        options = _options_of(backend, directory / TOKENIZER_FILE)
    switches = {name: config[name] for name in SWITCHES if name in config}
    _check_switches(switches, directory / CONFIG_FILE)
    _check_sides(config, directory / CONFIG_FILE)
    if sentence.get("do_lower_case") and not options.get("do_lower_case", True):
        # sentence-transformers lowercases beforehand; None then still means not to strip accents.
        options |= {"do_lower_case": True, "strip_accents": bool(options.get("strip_accents"))}
    return {
        "vocab_file": vocab,
        **options,
        **switches,
        **read_declared_tokens(directory, config, backend, vocab),
        "model_max_length": _max_length(directory, config, sentence),
    }


def _is_bert_tokenizer(directory: Path, config: Mapping[str, Any]) -> bool:
    """Tell whether transformers makes a BertTokenizer, or all that tokenizer.json says."""
    model = read_if_there(directory / MODEL_CONFIG_FILE)
    name = config.get("tokenizer_class") or model.get("tokenizer_class")
    if name is None:
        return model.get("model_type") in BERT_MODELS
    return isinstance(name, str) and name.removesuffix("Fast") in BERT_CLASSES


def _read_vocab_of(directory: Path, backend: Mapping[str, Any]) -> dict[str, int]:
    if not backend:
        return read_vocab(directory / VOCAB_FILE)
    file, model = directory / TOKENIZER_FILE, backend.get("model")
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece":
        raise CheckpointError(f"{file}: model must be of type WordPiece.")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab or not all(map(is_id, vocab.values())):
        raise CheckpointError(f"{file}: model.vocab must be an object of token ids.")
    return vocab


def _options_of(backend: Mapping[str, Any], file: Path) -> dict[str, Any]:
    for part, known in BACKEND_PARTS.items():
        stated = backend.get(part)
        if not isinstance(stated, dict) or stated.get("type") != known:
            raise CheckpointError(f"{file}: {part} must be of type {known}; got {stated!r:.99}.")
    normalizer = backend["normalizer"]
    options = {
        name: normalizer[there] for name, there in BACKEND_OPTIONS.items() if there in normalizer
    }
    _check_switches(options, file)
    return options


def _check_switches(switches: Mapping[str, object], file: Path) -> None:
    for name, value in switches.items():
        if type(value) is not bool and not (value is None and name == "strip_accents"):
            raise CheckpointError(f"{file}: {name} must be true or false; got {value!r:.99}.")


def _check_sides(config: Mapping[str, Any], file: Path) -> None:
    for name in SIDES:
        if config.get(name, "right") != "right":
            raise CheckpointError(
                f"{file}: {name} must be 'right', the side where texts are cut and padded here; "
                f"got {config[name]!r:.99}."
            )


def _max_length(
    directory: Path, config: Mapping[str, Any], sentence: Mapping[str, Any]
) -> int | None:
    stated = {
        f"{directory / SENTENCE_FILE}: max_seq_length": sentence.get("max_seq_length"),
        f"{directory / CONFIG_FILE}: model_max_length": config.get("model_max_length"),
    }
    for where, value in stated.items():
        if value is not None and (type(value) not in (int, float) or value < 2 or value % 1):
            raise CheckpointError(f"{where} must be an integer from 2 on; got {value!r:.99}.")
    limits = (value for value in stated.values() if value is not None)
    return next((int(value) for value in limits if value < LARGEST_MAX_LENGTH), None)
