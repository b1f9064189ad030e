"""What the Python that runs the tests is like."""

from __future__ import annotations

import sys


def has_global_lock() -> bool:
    """Whether one thread at a time is in Python; else it is a free-threaded build."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())
