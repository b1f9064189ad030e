"""Where this user's caches belong, by the rules of the platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEFAULTS = {"darwin": "~/Library/Caches", "win32": "~/AppData/Local"}


def user_cache_directory() -> Path:
    """Give the directory of this package's caches, which may not exist yet.

    Returns
    -------
    Path
        ``skdistilbert`` in ``XDG_CACHE_HOME`` (on Windows ``LOCALAPPDATA``), where that is set;
        else in ``~/.cache``, on macOS in ``~/Library/Caches``.
    """
    stated = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", ""))
    # The XDG Base Directory Specification has relative paths ignored.
    base = stated if stated.is_absolute() else Path(DEFAULTS.get(sys.platform, "~/.cache"))
    return base.expanduser() / "skdistilbert"
