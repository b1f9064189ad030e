"""The model that comes with this package."""

from __future__ import annotations

from pathlib import Path

# A directory of this name in the working directory is "./mini".
BUNDLED_MODEL = "mini"


def bundled_directory() -> Path:
    """Give the directory of the bundled model, where it was installed."""
    return Path(__file__).parents[1] / "mini_model"
