from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skdistilbert import __main__ as main
from skdistilbert import self_test
from skdistilbert.nn import activations
from tests.nn.reference import hidden_states

ROOT = Path(__file__).parents[1]


def test_the_report_names_versions_blas_threads_and_cache(tmp_path: Path) -> None:
    environment = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    environment |= {"HF_TOKEN": "hf_secret", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"OPENBLAS_NUM_THREADS": "1"}  # has precedence over OMP_NUM_THREADS
    environment.pop("HF_HUB_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "skdistilbert"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    values = {line[:16].strip(): line[17:] for line in done.stdout.splitlines()}
    for package in ("numpy", "scipy", "scikit-learn", "safetensors", "threadpoolctl"):
        assert values[package] == importlib.metadata.version(package)
    assert values["Python"].startswith(sys.version.split()[0])
    if "blas" in values:  # if threadpoolctl knows the library
        assert values["blas"].endswith("1 threads")
        assert values["threads used"] == "1"
    assert values["hub's cache"] == f"{tmp_path}/hub (offline)".replace("/", os.sep)
    assert values["self-test"].startswith("ok")
    assert "secret" not in done.stdout
    for development in ("extra test", "extra lint", "extra parity", "extra benchmark"):
        assert development not in done.stdout


@pytest.mark.parametrize("has_lock", [True, False])
def test_the_report_identifies_free_threaded_python(
    monkeypatch: pytest.MonkeyPatch, has_lock: bool
) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: has_lock, raising=False)
    value = next(value for name, value in main.report() if name == "Python")
    assert value.endswith("free-threaded)") == (not has_lock)


def test_the_self_test_expects_the_features_of_a_plain_network() -> None:
    weights = self_test.known_weights()
    features = [hidden_states(weights, text)[-1].mean(axis=0) for text in self_test.TEXTS]
    expected = np.array(features) @ self_test.projection()
    np.testing.assert_allclose(self_test.EXPECTED, expected, atol=1e-7)


@pytest.mark.parametrize(
    "coefficients",
    [
        (1.0, 0.1995, 0.1791, 0.0688, 0.0157, 0.0036, 0.0062),  # an error of 4e-4 in GELU
        (np.nan, 0.0, 0.0),
    ],
)
def test_the_self_test_detects_wrong_arithmetic(
    coefficients: tuple[float, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(activations, "GELU_COEFFICIENTS", coefficients)
    assert main.main() == 1
    assert "\nself-test        FAILED (error " in capsys.readouterr().out


def test_unknown_arguments_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--version"])
    assert "unrecognized arguments: --version" in capsys.readouterr().err


def test_the_report_works_without_package_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert dict(main.report())["numpy"] == "not installed"
    monkeypatch.setattr(importlib.metadata, "requires", missing)
    assert main.optional_packages() == {}


def test_the_report_lists_no_extras_for_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["numpy>=2", 'huggingface_hub>=0.30; extra == "hub"']
    requirements += ['ruff; extra == "lint"', 'hypothesis; extra == "coverage"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: requirements)
    assert main.optional_packages() == {"huggingface_hub": "hub"}
