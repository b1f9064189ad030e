"""Names of files that a checkpoint's files give: in the same directory, or refused."""

from __future__ import annotations

from pathlib import Path


def is_plain_name(name: str) -> bool:
    """Tell whether a name is that of a file or directory beside, on every platform."""
    return Path(name).name == name and name not in ("", "..") and not set(name) & set("\\:\0")
