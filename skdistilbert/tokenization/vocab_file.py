"""Read the vocabulary, ``vocab.txt``."""

from __future__ import annotations

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from typing import TYPE_CHECKING

from skdistilbert.exceptions import CheckpointError
from skdistilbert.number_checks import is_integer
from skdistilbert.tokenization.declared_tokens import TOKENIZER_FILE, is_id
from skdistilbert.tokenization.normalization import STRIPPED

if TYPE_CHECKING:
    from pathlib import Path

VOCAB_FILE = "vocab.txt"
GIT_LFS_POINTER = b"version https://git-lfs"
WEB_PAGES = (b"<!doctype", b"<html", b"<?xml")


def read_vocab(file: Path) -> dict[str, int]:
    """Read ``vocab.txt``, which has one token per line. Ids are line numbers from 0.

    Raises
    ------
    CheckpointError
        If the file is missing, empty or not UTF-8.
    """
    if file.is_dir() and file.name != VOCAB_FILE:
        raise CheckpointError(
            f"{str(file)!r} is a directory, but vocab_file must be the path of {VOCAB_FILE}. Use "
            "WordPieceTokenizer.from_pretrained for a directory."
        )
    if not file.is_file():
        raise CheckpointError(
            f"{file} does not exist; a checkpoint directory needs {VOCAB_FILE} or "
            f"{TOKENIZER_FILE} in addition to its weights. Copy one of them into the directory, "
            "or save the tokenizer with its save_pretrained(directory)."
        )
    content = file.read_bytes()
    _check_is_vocab(content, file)
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{file}: is not UTF-8 ({error}).") from None
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise CheckpointError(f"{file}: is empty; it must have one token per line.")
    return {line.rstrip(STRIPPED): index for index, line in enumerate(lines)}


def check_vocab(vocab: Mapping[str, int]) -> dict[str, int]:
    """Return the vocabulary with ids of type int, or raise."""
    if not isinstance(vocab, Mapping) or not all(isinstance(token, str) for token in vocab):
        raise TypeError(
            "vocab_file must be the path of vocab.txt or a mapping of tokens to ids; got "
            f"{vocab!r:.99}."
        )
    for index in vocab.values():
        if not is_id(index) and not (is_integer(index) and is_id(int(index))):
            raise CheckpointError(
                f"The vocabulary has the id {index!r}; ids are integers from 0 to 2147483647."
            )
    return {token: int(index) for token, index in vocab.items()}


def _check_is_vocab(content: bytes, file: Path) -> None:
    """Raise CheckpointError if the content of ``vocab.txt`` has a known other format."""
    start = content[:512].lstrip().lower()
    found = None
    if content.startswith(BOM_UTF8):
        found = "a byte-order mark. Save the file as UTF-8 without it"
    elif content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        found = "UTF-16, which is not UTF-8. Save the file as UTF-8"
    elif start.startswith(GIT_LFS_POINTER):
        found = "a git-lfs pointer. Run `git lfs pull`, or download the file itself"
    elif start.startswith(WEB_PAGES):
        found = "a web page. Download the file itself instead of its page"
    elif start.startswith((b"{", b"[")) and _is_json(content):
        found = f"JSON. If it is the file of a tokenizer, name it {TOKENIZER_FILE}"
    if found:
        raise CheckpointError(
            f"{file} must have one token per line in UTF-8; it starts with {content[:40]!r}, "
            f"which is {found}."
        )


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True
