"""Table of the keys that transformers 5 and sentence-transformers 6 read for a tokenizer.

Each case writes one value of one key, and the other files that the key needs, over the directory
`tests/data/distilbert-tiny`. tests/data/make_tokenizer_reference.py stores what transformers and
sentence-transformers return; test_file_keys.py compares.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from tokenizers import AddedToken, decoders
from tokenizers.processors import BertProcessing

from tests.conftest import DATA
from tests.tokenization.reference import SPECIAL_TOKENS, reference_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

# "honoured": the result equals that of the peer and differs from the result without the key.
# "no effect": the result equals that of the peer and the result without the key.
# "rejected": loading raises a CheckpointError.
Effect = Literal["honoured", "no effect", "rejected"]
TEXTS = [
    "The one <a> and <img> [MASK] caf\u00e9 \u4e2d\u6587",
    "low <user> there [mask] <m>  New",
    "what would you do? it is there, too.",
    "<old> a",
]
MAX_LENGTH = 6


class Case(NamedTuple):
    """A value of a key in a file, its effect, and the other files."""

    file: str
    key: str
    value: Any
    effect: Effect
    files: dict[str, Any] = {}  # noqa: RUF012

    @property
    def name(self) -> str:
        return f"{self.file} {self.key} {json.dumps([self.value, sorted(self.files)])}"


def token(content: str, **flags: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"content": content, "special": True} | flags


CONFIG = "tokenizer_config.json"
BACKEND = "tokenizer.json"
SPECIAL = "special_tokens_map.json"
ADDED = "added_tokens.json"
SENTENCE = "sentence_bert_config.json"
ROLES = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL_TOKENS}
FAST = {CONFIG: {"tokenizer_class": "PreTrainedTokenizerFast"} | ROLES, BACKEND: {}}
DECODER = {"1124": token("<a>"), "1125": token("<m>", lstrip=True, rstrip=True)}
MAP = {"additional_special_tokens": ["<a>"]}
IMG = {"image_token": "<img>"}

HONOURED = [
    (CONFIG, "do_lower_case", False),
    (CONFIG, "strip_accents", False),
    (CONFIG, "tokenize_chinese_chars", False),
    (CONFIG, "unk_token", "the"),
    (CONFIG, "sep_token", "there"),
    (CONFIG, "pad_token", "there"),
    (CONFIG, "cls_token", "there"),
    (CONFIG, "mask_token", "there"),
    (CONFIG, "bos_token", "<a>"),
    (CONFIG, "eos_token", "<a>"),
    (CONFIG, "user_token", "<user>"),
    (CONFIG, "additional_special_tokens", ["<a>", "<img>"]),
    (CONFIG, "extra_special_tokens", ["<a>", "<img>"]),
    (CONFIG, "extra_special_tokens", IMG),
    (CONFIG, "added_tokens_decoder", DECODER),
    (CONFIG, "model_max_length", 5),
    (CONFIG, "max_len", 5),
    (CONFIG, "padding_side", "left"),
    (CONFIG, "truncation_side", "left"),
    (CONFIG, "split_special_tokens", True),
    (SPECIAL, "mask_token", "there"),
    (SPECIAL, "cls_token", {"content": "there", "lstrip": True}),
    (SPECIAL, "user_token", "<user>"),
    (SPECIAL, "additional_special_tokens", ["<a>", "<img>"]),
    (SPECIAL, "extra_special_tokens", ["<a>"]),
    (SPECIAL, "extra_special_tokens", IMG),
    (ADDED, "<old>", 1124),
    (SENTENCE, "max_seq_length", 5),
    (SENTENCE, "tokenizer_args", {"model_max_length": 6}),
    (SENTENCE, "tokenizer_args", {"padding_side": "left", "truncation_side": "left"}),
    (SENTENCE, "tokenizer_args", {"do_lower_case": False, "strip_accents": False}),
    (SENTENCE, "processor_kwargs", {"model_max_length": 6}),
]
NO_EFFECT = [
    (CONFIG, "do_basic_tokenize", False),
    (CONFIG, "never_split", ["the"]),
    (CONFIG, "model_input_names", ["input_ids"]),
    (CONFIG, "name_or_path", "other"),
    (CONFIG, "processor_class", "Processor"),
    (CONFIG, "special_tokens_map_file", "other.json"),
    (CONFIG, "vocab_file", "other.txt"),
    (CONFIG, "tokenizer_file", None),
    (CONFIG, "chat_template", "{{ messages }}"),
    (CONFIG, "response_template", "x"),
    (CONFIG, "verbose", True),
    (CONFIG, "add_prefix_space", True),
    (CONFIG, "add_bos_token", True),
    (CONFIG, "add_eos_token", True),
    (CONFIG, "max_length", 3),
    (CONFIG, "stride", 2),
    (CONFIG, "truncation_strategy", "only_second"),
    (CONFIG, "pad_to_multiple_of", 8),
    (CONFIG, "pad_token_type_id", 1),
    (CONFIG, "is_local", True),
    (CONFIG, "backend", "tokenizers"),
    (CONFIG, "clean_up_tokenization_spaces", True),
    (CONFIG, "tokenizer_class", "BertTokenizerFast"),
    (SENTENCE, "do_lower_case", True),
    (SENTENCE, "query_length", 3),
    (SENTENCE, "document_length", 3),
]
REJECTED = [
    (CONFIG, "init_inputs", [{"a": 0}]),
    (CONFIG, "vocab", {"a": 0}),
    (CONFIG, "model_specific_special_tokens", IMG),
    (CONFIG, "padding_side", "middle"),
    (CONFIG, "tokenizer_class", "RobertaTokenizer"),
    (SENTENCE, "tokenizer_name_or_path", "other"),
    (SENTENCE, "processing_kwargs", {"text": {"max_length": 3}}),
    (SENTENCE, "tokenizer_args", {"subfolder": "other"}),
    (SENTENCE, "tokenizer_args", 3),
]
CASES = [
    *(Case(*key, "honoured") for key in HONOURED),
    *(Case(*key, "no effect") for key in NO_EFFECT),
    *(Case(*key, "rejected") for key in REJECTED),
    Case(CONFIG, "extra_special_tokens", IMG, "honoured", {CONFIG: MAP}),
    Case(CONFIG, "extra_special_tokens", IMG, "honoured", {SPECIAL: MAP}),
    Case(CONFIG, "extra_special_tokens", ["<img>"], "honoured", {SPECIAL: MAP}),
    Case(SPECIAL, "extra_special_tokens", ["<a>"], "honoured", {CONFIG: {"eos_token": "<m>"}}),
    Case(SPECIAL, "extra_special_tokens", IMG, "honoured", {CONFIG: MAP}),
    Case(SPECIAL, "extra_special_tokens", IMG, "honoured", {SPECIAL: MAP}),
    Case(BACKEND, "added_tokens", ["<a>", "<m>"], "honoured"),
    Case(BACKEND, "added_tokens", ["<a>", "<m>"], "honoured", FAST),
    Case(CONFIG, "added_tokens_decoder", DECODER, "honoured", {BACKEND: {"added": ["<old>"]}}),
    Case(
        CONFIG, "added_tokens_decoder", DECODER, "honoured", {**FAST, BACKEND: {"added": ["<m>"]}}
    ),
    Case(BACKEND, "padding", {"direction": "left", "pad_id": 0}, "honoured"),
    Case(BACKEND, "padding", {"direction": "left", "pad_id": 0}, "honoured", FAST),
    Case(BACKEND, "truncation", {"direction": "left", "max_length": 3}, "honoured", FAST),
    Case(BACKEND, "truncation", {"max_length": 3}, "no effect", FAST),
    Case(BACKEND, "padding", {"length": 30}, "no effect", FAST),
    Case(SENTENCE, "max_seq_length", 5, "honoured", {CONFIG: {"model_max_length": 4}}),
    Case(
        SENTENCE,
        "tokenizer_args",
        {"model_max_length": 6},
        "honoured",
        {SENTENCE: {"max_seq_length": 4}},
    ),
    Case(SENTENCE, "do_lower_case", True, "honoured", {CONFIG: {"do_lower_case": False}}),
]


def write_case(case: Case, directory: Path, *, with_key: bool = True) -> None:
    """Write the files of a case, or only the files without its key."""
    shutil.copytree(DATA / "distilbert-tiny", directory, ignore=shutil.ignore_patterns(CONFIG))
    files = {name: dict(content) for name, content in case.files.items()}
    if with_key:
        files.setdefault(case.file, {})[case.key] = case.value
    for name, content in files.items():
        if name == BACKEND:
            backend_tokenizer(directory, **content).save(str(directory / name))
        else:
            (directory / name).write_text(json.dumps(content), encoding="utf-8")


def backend_tokenizer(
    directory: Path,
    added_tokens: list[str] | None = None,
    added: list[str] | None = None,
    padding: dict[str, Any] | None = None,
    truncation: dict[str, Any] | None = None,
) -> Tokenizer:
    lines = (directory / "vocab.txt").read_text("utf-8").splitlines()
    vocab = {line: index for index, line in enumerate(lines)}
    tokenizer = reference_tokenizer(vocab, True, None, True)
    tokenizer.post_processor = BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_tokens(
        [AddedToken(each, lstrip=True) for each in [*(added_tokens or []), *(added or [])]]
    )
    if padding:
        tokenizer.enable_padding(**padding)
    if truncation:
        tokenizer.enable_truncation(**truncation)
    return tokenizer
