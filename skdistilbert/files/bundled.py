"""The model that is part of this package."""

from __future__ import annotations

from pathlib import Path

# "./mini" names a directory of the same name in the working directory.
BUNDLED_MODEL = "mini"


def bundled_directory() -> Path:
    """Return the directory of the bundled model."""
    return Path(__file__).parents[1] / "mini_model"
