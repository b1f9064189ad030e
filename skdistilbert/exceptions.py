"""Exceptions and warnings of skdistilbert."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path


class SkdistilbertError(Exception):
    """Base class of this package's exceptions.

    Invalid arguments raise Python's own `TypeError` and `ValueError` instead.

    Examples
    --------
    >>> from skdistilbert import CheckpointError, SkdistilbertError
    >>> issubclass(CheckpointError, SkdistilbertError)
    True
    """


class CheckpointError(SkdistilbertError, ValueError):
    """A checkpoint is invalid; the message names the file, the field and the remedy.

    Examples
    --------
    >>> from skdistilbert import CheckpointError, load_model
    >>> try:
    ...     load_model("./missing")
    ... except CheckpointError as error:
    ...     print(str(error)[:33])
    './missing' is not a directory. G
    """


class HubError(SkdistilbertError, OSError):
    """A model cannot be downloaded from the Hugging Face hub.

    Examples
    --------
    >>> from skdistilbert import HubError
    >>> issubclass(HubError, OSError)
    True
    """


class NonFiniteError(SkdistilbertError, ValueError):
    """A result contains NaN or infinity.

    Examples
    --------
    >>> from skdistilbert import NonFiniteError
    >>> issubclass(NonFiniteError, ValueError)
    True
    """


class TruncationWarning(UserWarning):
    """Texts were truncated because they are longer than `max_length`.

    Examples
    --------
    Turn the warning into an error:

    >>> import warnings
    >>> from skdistilbert import TruncationWarning, embed
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", TruncationWarning)
    ...     try:
    ...         embed("mini", "a text of some words", max_length=4)
    ...     except TruncationWarning as warning:
    ...         print(str(warning)[:29])
    1 of 1 texts was truncated to
    """


class UnknownTokenWarning(UserWarning):
    """Most tokens of many texts are [UNK], because the vocabulary does not contain their words.

    Examples
    --------
    Ignore the warning:

    >>> import warnings
    >>> from skdistilbert import UnknownTokenWarning
    >>> warnings.simplefilter("ignore", UnknownTokenWarning)
    """


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that points at the user's line.

    The user's line is in the first caller outside of this package, scikit-learn and joblib.
    """
    modules = (sys.modules.get(name) for name in ("skdistilbert", "sklearn", "joblib"))
    files = [module.__file__ for module in modules if module and module.__file__]
    internal = tuple(f"{Path(file).parent}{os.sep}" for file in files)
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(internal):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
