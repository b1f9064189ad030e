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
# The first that is there counts, as for sentence-transformers.
SENTENCE_FILES = ("sentence_bert_config.json", "sentence_distilbert_config.json")

OPTIONS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
SWITCHES = ("split_special_tokens", "clean_up_tokenization_spaces")
SIDES = ("padding_side", "truncation_side")
BERT_MODELS = ("bert", "distilbert")
# What transformers makes a BertTokenizer of.
BERT_CLASSES = {
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "LayoutLMTokenizer",
    "LxmertTokenizer",
    "MobileBertTokenizer",
    "SqueezeBertTokenizer",
}
# And what reads vocab.txt as it does, but is of its own beside tokenizer.json; the class of all
# (PreTrainedTokenizer) says nothing of the kind.
LIKE_BERT = {
    *BERT_CLASSES,
    "BertTokenizerLegacy",
    "ConvBertTokenizer",
    "PreTrainedTokenizer",
    "SplinterTokenizer",
}
# What there is of the parts that tokenizer.json can name, and the name of each option there.
BACKEND_PARTS = {"normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
BACKEND_OPTIONS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
# What a tokenizer.json may say, part and field, that can't be otherwise here.
BACKEND_FIXED: dict[tuple[str, str], object] = {
    ("normalizer", "clean_text"): True,
    ("model", "continuing_subword_prefix"): "##",
    ("model", "max_input_chars_per_word"): 100,
}
TEXT = "A"  # as templates of tokenizer.json call the first text
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
        If a file is malformed, there is no vocabulary, or the tokenizer is not BERT's; the message
        names the file and field.
    """
    config = read_if_there(directory / CONFIG_FILE)
    backend = read_if_there(directory / TOKENIZER_FILE)
    sentence_files = [directory / name for name in SENTENCE_FILES]
    sentence_file = next((file for file in sentence_files if file.is_file()), sentence_files[0])
    sentence = read_if_there(sentence_file)
    vocab = _read_vocab_of(directory, backend)
    tokens = read_declared_tokens(directory, config, backend, vocab)
    if _is_bert_tokenizer(directory, config, has_backend=bool(backend)):
        options = {name: config[name] for name in OPTIONS if name in config}
        _check_switches(options, directory / CONFIG_FILE)
    else:
        options = _options_of(backend, tokens, directory / TOKENIZER_FILE)
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
        **tokens,
        "model_max_length": _max_length(config, directory / CONFIG_FILE, sentence, sentence_file),
    }


def _is_bert_tokenizer(directory: Path, config: Mapping[str, Any], *, has_backend: bool) -> bool:
    """Tell whether transformers makes a BertTokenizer, or all that tokenizer.json says."""
    model = read_if_there(directory / MODEL_CONFIG_FILE)
    name = config.get("tokenizer_class") or model.get("tokenizer_class")
    if name is None:
        return not has_backend or model.get("model_type") in BERT_MODELS
    known = BERT_CLASSES if has_backend else LIKE_BERT
    is_known = isinstance(name, str) and name.removesuffix("Fast") in known
    if not (is_known or has_backend):
        raise CheckpointError(
            f"{directory / CONFIG_FILE}: tokenizer_class is {name!r:.99}; of {VOCAB_FILE} alone "
            "only BERT's tokenizer can be made, which would give other ids."
        )
    return is_known


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


def _options_of(
    backend: Mapping[str, Any], tokens: Mapping[str, Any], file: Path
) -> dict[str, Any]:
    for part, known in BACKEND_PARTS.items():
        stated = backend.get(part)
        if not isinstance(stated, dict) or stated.get("type") != known:
            raise CheckpointError(f"{file}: {part} must be of type {known}; got {stated!r:.99}.")
    _check_fixed(backend, tokens, file)
    normalizer = backend["normalizer"]
    options = {
        name: normalizer[there] for name, there in BACKEND_OPTIONS.items() if there in normalizer
    }
    _check_switches(options, file)
    return options


def _check_fixed(backend: Mapping[str, Any], tokens: Mapping[str, Any], file: Path) -> None:
    """Refuse what a tokenizer.json says that is otherwise here."""
    needed = BACKEND_FIXED | {("model", "unk_token"): tokens.get("unk_token")}
    for (part, name), value in needed.items():
        if (got := backend[part].get(name, value)) != value:
            raise CheckpointError(f"{file}: {part}.{name} must be {value!r}; got {got!r:.99}.")
    expected = [tokens.get("cls_token"), TEXT, tokens.get("sep_token")]
    if (made := _made_of_a_text(backend.get("post_processor"))) != expected:
        raise CheckpointError(
            f"{file}: post_processor must put {expected[0]!r} before a text and {expected[2]!r} "
            f"after it; it makes {made!r:.99}."
        )


def _made_of_a_text(processor: object) -> list[object]:
    """Give what a post-processor makes of one text: names of special tokens, and TEXT."""
    match processor:
        case {"type": "BertProcessing", "cls": [cls, _], "sep": [sep, _]}:
            return [cls, TEXT, sep]
        case {"type": "TemplateProcessing", "single": list(parts)}:
            return [_name_in_template(part) for part in parts]
    return [TEXT]


def _name_in_template(part: object) -> object:
    match part:
        case {"SpecialToken": {"id": name}} | {"Sequence": {"id": name}}:
            return name
    return part


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
    config: Mapping[str, Any], config_file: Path, sentence: Mapping[str, Any], sentence_file: Path
) -> int | None:
    # Older files call it max_len.
    name = "model_max_length" if "model_max_length" in config else "max_len"
    stated = {
        f"{sentence_file}: max_seq_length": sentence.get("max_seq_length"),
        f"{config_file}: {name}": config.get(name),
    }
    for where, value in stated.items():
        if value is not None and (type(value) not in (int, float) or value < 2 or value % 1):
            raise CheckpointError(f"{where} must be an integer from 2 on; got {value!r:.99}.")
    limits = (value for value in stated.values() if value is not None)
    return next((int(value) for value in limits if value < LARGEST_MAX_LENGTH), None)
