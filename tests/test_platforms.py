"""The package works without calls that only POSIX has, and reads no file in the locale's encoding.

The tests use the package in a fresh process from which these calls have been removed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
USE = """
import sys
from pathlib import Path

import numpy as np
from skdistilbert import DistilBertClassifier, DistilBertEmbedder, __main__

directory = Path(sys.argv[1])
texts, labels = ["one", "two of them", "three", ""], ["odd", "even"] * 2
features = DistilBertEmbedder(directory, pooling="mean", n_threads=2).fit_transform(texts)
classifier = DistilBertClassifier(directory, pooling="cls", max_iter=1, trainable_layers=1)
expected = classifier.fit(texts, labels).predict_proba(texts)
target = directory.parent / "saved"
for _ in range(2):  # into a new directory, then into an existing one
    classifier.save_pretrained(target)
    (target / "notes").mkdir(exist_ok=True)
    (target / "notes" / "mine.txt").write_bytes(b"mine")
assert (target / "notes" / "mine.txt").read_bytes() == b"mine"
again = DistilBertClassifier.from_pretrained(target).predict_proba(texts)
np.testing.assert_allclose(again, expected, atol=1e-6)
assert [path.name for path in directory.parent.iterdir() if path.name.startswith(".")] == []
assert __main__.main() == 0
"""
WITHOUT_POSIX = """
# First the packages that are not ours, which know where they are.
import os, signal, sys, types
import joblib, numpy, safetensors.numpy, sklearn, threadpoolctl
import sklearn.linear_model, sklearn.preprocessing, sklearn.pipeline, sklearn.model_selection
import tempfile, shutil, platform, sqlite3

for module, names in {
    os: "fork register_at_fork link symlink mkfifo geteuid getuid chown sched_getaffinity "
    "O_DIRECTORY O_NOFOLLOW O_CLOEXEC fchmod killpg getloadavg",
    signal: "SIGKILL SIGALRM pthread_kill pthread_sigmask setitimer",
}.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in ("fcntl", "resource", "grp", "pwd", "termios"):
    sys.modules[name] = None  # importing it is an ImportError
"""
LOCALE_ENCODING = """
import warnings

warnings.filterwarnings("error", category=EncodingWarning, module="skdistilbert")
"""


def run(tmp_path: Path, code: str, *options: str) -> None:
    source = ROOT / "tests" / "data" / "distilbert-tiny"
    directory = shutil.copytree(source, tmp_path / "model")
    command = [sys.executable, *options, "-c", code + USE, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_package_works_without_posix_calls(tmp_path: Path) -> None:
    run(tmp_path, WITHOUT_POSIX)


def test_no_file_is_read_in_the_encoding_of_the_locale(tmp_path: Path) -> None:
    run(tmp_path, LOCALE_ENCODING, "-X", "warn_default_encoding")


def test_these_checks_detect_violations(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no attribute 'fork'"):
        run(tmp_path, WITHOUT_POSIX + "os.fork()")
    (tmp_path / "model").rename(tmp_path / "other")
    reading = "exec('open(1, closefd=False)', {'__name__': 'skdistilbert'})"
    with pytest.raises(AssertionError, match="EncodingWarning"):
        run(tmp_path, f"{LOCALE_ENCODING}{reading}", "-X", "warn_default_encoding")
