"""Exceptions and warnings of skdistilbert."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path


class SkdistilbertError(Exception):
    """Base class of this package's exceptions.

    Invalid arguments raise Python's own `TypeError` and `ValueError` instead.
    """


class CheckpointError(SkdistilbertError, ValueError):
    """A checkpoint is invalid; the message names the file, the field and the remedy."""


class HubError(SkdistilbertError, OSError):
    """A model cannot be downloaded from the Hugging Face hub."""


class NonFiniteError(SkdistilbertError, ValueError):
    """A result contains NaN or infinity."""


class TruncationWarning(UserWarning):
    """Texts were truncated because they are longer than `max_length`."""


class UnknownTokenWarning(UserWarning):
    """Most tokens of many texts are [UNK], because the vocabulary does not contain their words."""


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points at the user's line.

    This is the first caller outside of this package, scikit-learn and joblib.
    """
    modules = (sys.modules.get(name) for name in ("skdistilbert", "sklearn", "joblib"))
    files = [module.__file__ for module in modules if module and module.__file__]
    internal = tuple(f"{Path(file).parent}{os.sep}" for file in files)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(internal):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
