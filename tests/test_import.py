"""Importing a name loads only the modules that the name needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import skdistilbert


@pytest.mark.parametrize(
    ("names", "not_loaded"),
    [
        ("", {"numpy", "skdistilbert.tokenization"}),
        ("CheckpointError", {"numpy", "skdistilbert.tokenization"}),
        ("WordPieceTokenizer", {"skdistilbert.nn", "skdistilbert.checkpoint"}),
        ("load_model", {"skdistilbert.tasks"}),
        ("load_model, embed, classify", {"sklearn", "scipy", "pandas", "torch"}),
        ("DistilBertClassifier", {"torch", "transformers", "huggingface_hub", "tqdm"}),
    ],
)
def test_importing_a_name_loads_only_the_needed_modules(names: str, not_loaded: set[str]) -> None:
    code = "import sys, skdistilbert\n"
    code += f"from skdistilbert import {names}\n" if names else ""
    code += f"print(sorted({not_loaded} & sys.modules.keys()))"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_every_public_name_exists_and_is_listed() -> None:
    for name in skdistilbert.__all__:
        assert getattr(skdistilbert, name).__name__ == name
    assert set(skdistilbert.__all__) <= set(dir(skdistilbert))


def test_unknown_names_raise_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DistilBertRanker'"):
        _ = skdistilbert.DistilBertRanker  # type: ignore[attr-defined]
