"""What importing the package costs: nothing that a model and a tokenizer can do without."""

from __future__ import annotations

import subprocess
import sys

import pytest

import skdistilbert


def test_models_and_tasks_do_without_scikit_learn_and_scipy() -> None:
    code = (
        "import sys, skdistilbert; skdistilbert.embed; skdistilbert.classify;"
        "print(sorted({'sklearn', 'scipy', 'pandas', 'torch'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_every_public_name_is_there_and_listed() -> None:
    for name in skdistilbert.__all__:
        assert getattr(skdistilbert, name).__name__ == name
    assert set(skdistilbert.__all__) <= set(dir(skdistilbert))


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'DistilBertRanker'"):
        _ = skdistilbert.DistilBertRanker  # type: ignore[attr-defined]
