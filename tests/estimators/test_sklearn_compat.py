"""The import of an old scikit-learn raises an error that names the oldest supported version."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skdistilbert.estimators.sklearn_compat import OLDEST_SCIKIT_LEARN, check_scikit_learn


def test_old_scikit_learn_versions_raise() -> None:
    with pytest.raises(ImportError, match=r"need scikit-learn 1\.6 or newer; found 1\.5\.2\."):
        check_scikit_learn("1.5.2")
    for version in ("1.6.0", "1.10.0", "2.0.dev0"):
        check_scikit_learn(version)


def test_importing_the_estimators_with_an_old_one() -> None:
    code = (
        "import sklearn; sklearn.__version__ = '1.5.2'; import skdistilbert\n"
        "try: from skdistilbert import DistilBertEmbedder\n"
        "except ImportError as error: print(error)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("The estimators of skdistilbert need scikit-learn 1.6 or newer")


def test_pyproject_requires_the_same_version() -> None:
    file = Path(__file__).parents[2] / "pyproject.toml"
    if not file.is_file():
        pytest.skip("the tests have no pyproject.toml")
    dependencies = tomllib.loads(file.read_text("utf-8"))["project"]["dependencies"]
    assert f"scikit-learn>={OLDEST_SCIKIT_LEARN}" in dependencies
