"""The pretrained part of an estimator: one copy a process, however many estimators use it."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.files.module_paths import module_paths
from skdistilbert.models import DistilBertModel
from skdistilbert.models.inputs import check_vocabulary
from skdistilbert.tokenization import WordPieceTokenizer

if TYPE_CHECKING:
    from pathlib import Path


class PretrainedEncoder:
    """Encoder, tokenizer and fingerprint of a checkpoint directory."""

    def __init__(self, directory: Path) -> None:
        checkpoint = read_checkpoint(directory, encoder_only=True)
        self.model = DistilBertModel.from_checkpoint(checkpoint)
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)
        self.fingerprint: str = checkpoint.fingerprint
        check_vocabulary(self.tokenizer, checkpoint.config, directory)


# Keyed by the directory and its files' sizes and times, so that a changed file is read anew.
_loaded: WeakValueDictionary[tuple[object, ...], PretrainedEncoder] = WeakValueDictionary()
_loading = Lock()


def _forget_other_threads() -> None:
    """Go on in a forked process, which has no other threads to wait for."""
    global _loading
    _loading = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def load_pretrained_encoder(directory: Path) -> PretrainedEncoder:
    """Give the encoder in a directory, shared with all who use it now, freed when none does."""
    key = (directory.resolve(), *_file_states(directory))
    with _loading:
        encoder = _loaded.get(key)
        if encoder is None:
            encoder = _loaded[key] = PretrainedEncoder(directory)
    return encoder


def _file_states(directory: Path) -> list[tuple[str, int, int]]:
    # Modules of sentence-transformers have directories of their own, such as 2_Dense.
    folders = {folder.name for folder in directory.glob("[0-9]*_*")} | {*module_paths(directory)}
    candidates = {file for folder in {"", *folders} for file in (directory / folder).glob("*")}
    files = (file for file in sorted(candidates) if file.is_file())
    states = ((str(file.relative_to(directory)), file.stat()) for file in files)
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]
