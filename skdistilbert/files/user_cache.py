"""The directory for this package's caches."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEFAULTS = {"darwin": "~/Library/Caches", "win32": "~/AppData/Local"}


def user_cache_directory() -> Path:
    """Return ``skdistilbert`` in the user's cache directory; it may not exist yet.

    The cache directory is ``XDG_CACHE_HOME`` (``LOCALAPPDATA`` on Windows) if this is an absolute
    path, or else the platform's default, such as ``~/.cache``.
    """
    variable = Path(os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", ""))
    # The XDG Base Directory Specification ignores relative paths.
    base = variable if variable.is_absolute() else Path(DEFAULTS.get(sys.platform, "~/.cache"))
    return base.expanduser() / "skdistilbert"
