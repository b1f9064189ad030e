"""Read the files of a tokenizer as transformers' AutoTokenizer does, and write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.tokenization.declared_tokens import (
    ADDED_TOKENS_FILE,
    CONFIG_FILE,
    SPECIAL_TOKENS,
    SPECIAL_TOKENS_FILE,
    TOKENIZER_FILE,
    is_id,
    read_declared_tokens,
    read_if_exists,
)
from skdistilbert.tokenization.normalization import STRIPPED
from skdistilbert.tokenization.sentence_options import read_sentence_options
from skdistilbert.tokenization.truncation import check_side
from skdistilbert.tokenization.vocab_file import VOCAB_FILE, read_vocab

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MODEL_CONFIG_FILE = "config.json"

OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
SIDES = ("padding_side", "truncation_side")
SWITCHES = ("split_special_tokens", "clean_up_tokenization_spaces")
# Keys of the configuration that would replace the vocabulary or special tokens.
NOT_SUPPORTED = ("init_inputs", "vocab", "model_specific_special_tokens")
# By the architecture of the model: a BertTokenizer of transformers also returns token types, which
# DistilBERT rejects.
TOKENIZER_CLASSES = {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer"}
# transformers loads these classes as a BertTokenizer.
_BERT_NAMES = "Bert DistilBert Electra LayoutLM Lxmert MobileBert SqueezeBert"
BERT_CLASSES = {f"{name}Tokenizer" for name in _BERT_NAMES.split()}
# These classes read vocab.txt in the same way, but follow their own rules if there is a
# tokenizer.json. PreTrainedTokenizer is the base of all classes and names none.
_VOCAB_NAMES = "BertTokenizerLegacy ConvBertTokenizer PreTrainedTokenizer SplinterTokenizer"
VOCAB_CLASSES = BERT_CLASSES | set(_VOCAB_NAMES.split())
# The supported parts of tokenizer.json, and the names of the options there.
BACKEND_PARTS = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
BACKEND_OPTIONS = dict(
    zip(OPTIONS, ("lowercase", "strip_accents", "handle_chinese_chars"), strict=True)
)
# Fields of tokenizer.json that have only one supported value.
BACKEND_FIXED: dict[tuple[str, str], object] = {
    ("normalizer", "clean_text"): True,
    ("model", "continuing_subword_prefix"): "##",
    ("model", "max_input_chars_per_word"): 100,
}
FIRST_TEXT = "A"  # Name of the first text in templates of tokenizer.json.
# transformers writes int(1e30) if there is no limit.
LARGEST_MAX_LENGTH = 10**9


def read_tokenizer(directory: Path) -> dict[str, Any]:
    """Return the parameters of a directory's tokenizer, as `WordPieceTokenizer` accepts them.

    The vocabulary is in ``tokenizer.json`` if this file exists, else in ``vocab.txt``. As in
    transformers, a BERT tokenizer reads only added tokens from the rest of ``tokenizer.json``. Its
    options come from ``tokenizer_config.json``.

    Raises
    ------
    CheckpointError
        If a file is malformed, there is no vocabulary, or the tokenizer is not BERT's. The message
        names the file and the field.
    """
    config_file = directory / CONFIG_FILE
    sentence = read_sentence_options(directory)
    config = read_if_exists(config_file) | sentence.tokenizer
    for name in NOT_SUPPORTED:
        if config.get(name):
            raise CheckpointError(
                f"{config_file}: {name} is not supported; got {config[name]!r:.99}. Remove it if "
                "the other files describe the tokenizer."
            )
    backend = read_if_exists(directory / TOKENIZER_FILE)
    vocab = (
        _read_backend_vocab(backend, directory) if backend else read_vocab(directory / VOCAB_FILE)
    )
    is_bert = _is_bert_tokenizer(directory, config, has_backend=bool(backend))
    tokens = read_declared_tokens(directory, config, backend, vocab, uses_backend=not is_bert)
    if is_bert:
        options = _read_switches(config, OPTIONS, config_file)
    else:
        options = _read_backend_options(backend, tokens, directory / TOKENIZER_FILE)
    switches = _read_switches(config, SWITCHES, config_file)
    if sentence.do_lower_case and not options.get("do_lower_case", True):
        # sentence-transformers converts to lower case before it tokenises. Accents remain.
        options |= {"do_lower_case": True, "strip_accents": bool(options.get("strip_accents"))}
    sides = _read_sides(config, backend, directory)
    # Older files have max_len.
    name = "model_max_length" if "model_max_length" in config else "max_len"
    lengths = {f"{config_file}: {name}": config.get(name)}
    if name not in sentence.tokenizer:
        lengths = {f"{sentence.file}: max_seq_length": sentence.max_seq_length} | lengths
    max_length = _first_max_length(lengths)
    return {
        "vocab_file": vocab,
        **options,
        **switches,
        **sides,
        **tokens,
        "model_max_length": max_length,
    }


def _is_bert_tokenizer(directory: Path, config: Mapping[str, Any], *, has_backend: bool) -> bool:
    """Return whether transformers loads a BertTokenizer instead of the rules in tokenizer.json."""
    model = read_if_exists(directory / MODEL_CONFIG_FILE)
    name = config.get("tokenizer_class") or model.get("tokenizer_class")
    if name is None:
        return not has_backend or model.get("model_type") in TOKENIZER_CLASSES
    known = BERT_CLASSES if has_backend else VOCAB_CLASSES
    is_known = isinstance(name, str) and name.removesuffix("Fast") in known
    if not (is_known or has_backend):
        raise CheckpointError(
            f"{directory / CONFIG_FILE}: tokenizer_class is {name!r:.99}, which needs more than "
            f"{VOCAB_FILE}; only BERT's tokenizer can be loaded."
        )
    return is_known


def _read_backend_vocab(backend: Mapping[str, Any], directory: Path) -> dict[str, int]:
    file, model = directory / TOKENIZER_FILE, backend.get("model")
    if not isinstance(model, dict) or model.get("type", "WordPiece") != "WordPiece":
        raise CheckpointError(f"{file}: model must be of type WordPiece; got {model!r:.99}.")
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab or not all(map(is_id, vocab.values())):
        raise CheckpointError(
            f"{file}: model.vocab must be an object that maps tokens to ids; got {vocab!r:.99}."
        )
    return vocab


def _read_backend_options(
    backend: Mapping[str, Any], tokens: Mapping[str, Any], file: Path
) -> dict[str, Any]:
    """Return the options of tokenizer.json, or raise if a part of it is not supported."""
    for part, known in BACKEND_PARTS.items():
        stated = backend.get(part)
        if not isinstance(stated, dict) or stated.get("type") != known:
            raise CheckpointError(f"{file}: {part} must be of type {known}; got {stated!r:.99}.")
    supported = BACKEND_FIXED | {("model", "unk_token"): tokens.get("unk_token")}
    for (part, name), value in supported.items():
        if (got := backend[part].get(name, value)) != value:
            raise CheckpointError(f"{file}: {part}.{name} must be {value!r}; got {got!r:.99}.")
    expected = [tokens.get("cls_token"), FIRST_TEXT, tokens.get("sep_token")]
    if (template := _template(backend.get("post_processor"))) != expected:
        raise CheckpointError(
            f"{file}: post_processor must be the template {expected!r} for one text; got "
            f"{template!r:.99}."
        )
    normalizer = backend["normalizer"]
    options = {
        ours: normalizer[name] for ours, name in BACKEND_OPTIONS.items() if name in normalizer
    }
    return _read_switches(options, OPTIONS, file)


def _template(processor: object) -> list[object]:
    """Return the template that a post-processor applies to one text, with FIRST_TEXT in it."""
    match processor:
        case {"type": "BertProcessing", "cls": [cls, _], "sep": [sep, _]}:
            return [cls, FIRST_TEXT, sep]
        case {"type": "TemplateProcessing", "single": list(parts)}:
            return [_name_in_template(part) for part in parts]
    return [FIRST_TEXT]


def _name_in_template(part: object) -> object:
    match part:
        case {"SpecialToken": {"id": name}} | {"Sequence": {"id": name}}:
            return name
    return part


def is_switch(name: str, value: object) -> bool:
    """Return whether an option is true or false, or None if it has a default for None."""
    return type(value) is bool or (value is None and name == "strip_accents")


def _read_switches(config: Mapping[str, Any], names: Iterable[str], file: Path) -> dict[str, Any]:
    switches = {name: config[name] for name in names if name in config}
    for name, value in switches.items():
        if not is_switch(name, value):
            raise CheckpointError(f"{file}: {name} must be true or false; got {value!r:.99}.")
    return switches


def _read_sides(
    config: Mapping[str, Any], backend: Mapping[str, Any], directory: Path
) -> dict[str, str]:
    """Return the sides of padding and truncation; as in transformers, the configuration wins."""
    sides: dict[str, str] = {}
    for name in SIDES:
        file, side = directory / CONFIG_FILE, config.get(name)
        if name not in config:
            part = backend.get(name.removesuffix("_side"))
            file = directory / TOKENIZER_FILE
            side = part.get("direction", "Right") if isinstance(part, dict) else "Right"
            side = side.lower() if isinstance(side, str) else side
        try:
            check_side(name, side)
        except ValueError as error:
            raise CheckpointError(f"{file}: {error}") from None
        sides[name] = str(side)
    return sides


def _first_max_length(stated: Mapping[str, object]) -> int | None:
    """Return the first maximum length that is a limit, or raise if one is not valid."""
    lengths: list[int] = []
    for where, value in stated.items():
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 2 or value % 1:
            raise CheckpointError(f"{where} must be an integer of at least 2; got {value!r:.99}.")
        lengths.append(int(value))
    return next((length for length in lengths if length < LARGEST_MAX_LENGTH), None)


def model_type_in(directory: Path) -> str:
    """Return the architecture of the model in a directory; "distilbert" without a model."""
    model_type = read_if_exists(directory / MODEL_CONFIG_FILE).get("model_type")
    return "bert" if model_type == "bert" else "distilbert"


def tokenizer_files(tokenizer: Mapping[str, Any], model_type: str) -> dict[str, bytes | None]:
    """Return the contents of the files from which transformers loads the same tokenizer, by name.

    None means that a file must be deleted, because it would take precedence.

    Parameters
    ----------
    tokenizer : mapping
        Parameters of the tokenizer, as `WordPieceTokenizer.__getstate__` returns them.
    model_type : {"distilbert", "bert"}
        The architecture of the model that reads the tokens.

    Raises
    ------
    ValueError
        If the files cannot store the tokens: the ids of the vocabulary and then of the
        added tokens have a gap, or a token contains a line end or ends with whitespace.
    """
    vocab, added = tokenizer["vocab"], tokenizer["added_tokens"]
    tokens = sorted(vocab, key=vocab.__getitem__)
    new = {token.content: token.id for token in added if token.content not in vocab}
    _check_can_be_saved(tokens, vocab | new)
    names = [*OPTIONS, *SPECIAL_TOKENS, *SWITCHES, *SIDES]
    if tokenizer["model_max_length"] is not None:
        names.append("model_max_length")
    config = {name: tokenizer[name] for name in names} | {
        "tokenizer_class": TOKENIZER_CLASSES[model_type],
        "added_tokens_decoder": {
            str(token.id): {name: value for name, value in vars(token).items() if name != "id"}
            for token in added
        },
    }
    return {
        VOCAB_FILE: "".join(f"{token}\n" for token in tokens).encode(),
        CONFIG_FILE: json.dumps(config, indent=2, sort_keys=True).encode() + b"\n",
        **dict.fromkeys([TOKENIZER_FILE, SPECIAL_TOKENS_FILE, ADDED_TOKENS_FILE]),
    }


def _check_can_be_saved(vocab_tokens: list[str], ids: Mapping[str, int]) -> None:
    known = set(vocab_tokens)
    tokens = [*vocab_tokens, *(token for token in ids if token not in known)]
    for line, token in enumerate(tokens):
        if ids[token] != line:
            raise ValueError(
                f"{token!r:.99} has the id {ids[token]}, but would be read back as {line}: a "
                "saved vocabulary needs the ids from 0 on without gaps, followed by the ids of "
                "added tokens."
            )
    for token in vocab_tokens:
        if token != token.rstrip(STRIPPED) or "\n" in token:
            raise ValueError(
                f"{token!r:.99} can't be saved: {VOCAB_FILE} has a token a line, without "
                "whitespace at its end."
            )
