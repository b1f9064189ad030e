"""Pretrained encoders in this process: shared by all estimators and kept between fits."""

from __future__ import annotations

import os
from collections import deque
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

    FileStates = tuple[tuple[str, int, int, int], ...]

# How many encoders stay loaded after their last user is gone. A grid search fits one estimator
# after the other; their weights are mapped from the file, so the system can reclaim the memory.
N_KEPT = 3


class PretrainedEncoder:
    """Encoder, tokenizer and fingerprint of a checkpoint directory.

    Parameters
    ----------
    directory : Path
    fingerprint : str, default=None
        Hash of the files if it is known; None computes it.
    """

    def __init__(self, directory: Path, fingerprint: str | None = None) -> None:
        checkpoint = read_checkpoint(directory, encoder_only=True)
        self.model = DistilBertModel.from_checkpoint(checkpoint)
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)
        self.directory = directory.absolute()
        self.fingerprint = fingerprint or checkpoint.fingerprint
        check_vocabulary(self.tokenizer, checkpoint.config, directory)


# Keys hold the state of each file, so that an encoder whose files have changed is loaded again.
_in_use: WeakValueDictionary[tuple[Path, FileStates], PretrainedEncoder] = WeakValueDictionary()
_recent: deque[PretrainedEncoder] = deque(maxlen=N_KEPT)
_fingerprints: dict[tuple[Path, FileStates], str] = {}
_loading = Lock()


def _replace_lock() -> None:
    """Replace the lock in a forked process, as another thread may have held it."""
    global _loading
    _loading = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)


def load_pretrained_encoder(directory: Path) -> PretrainedEncoder:
    """Return the encoder of a directory; load it only if it is not loaded or has changed."""
    key = (directory.resolve(), _file_states(directory))
    with _loading:
        encoder = _in_use.get(key)
        if encoder is None:
            encoder = _in_use[key] = PretrainedEncoder(directory, _fingerprints.get(key))
            _fingerprints[key] = encoder.fingerprint
        if encoder in _recent:
            _recent.remove(encoder)
        _recent.append(encoder)
    return encoder


def _file_states(directory: Path) -> FileStates:
    # Modules of sentence-transformers have directories of their own, such as 2_Dense.
    folders = {folder.name for folder in directory.glob("[0-9]*_*")} | {*module_paths(directory)}
    candidates = sorted({file for name in {"", *folders} for file in (directory / name).glob("*")})
    files = (file for file in candidates if file.is_file())
    states = ((file.relative_to(directory).as_posix(), file.stat()) for file in files)
    return tuple((name, x.st_ino, x.st_size, x.st_mtime_ns) for name, x in states)
