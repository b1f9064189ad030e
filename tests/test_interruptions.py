"""An error at any line, and Ctrl-C, leave no thread, no limit and no incomplete file behind."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import DistilBertClassifier, DistilBertEmbedder, WordPieceTokenizer, load_model
from skdistilbert.estimators import loaded_encoders
from skdistilbert.nn import inference
from skdistilbert.nn.runtime.cores import cores
from tests.checkpoint.fuzz import write
from tests.checkpoint.originals import small_checkpoint
from tests.files.hub_server import files_of
from tests.interrupting import assert_released, interrupt, lines_of, resources

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = ["one two", "", "the one", "two of"]


def interrupt_everywhere(
    action: Callable[[], object],
    check: Callable[[], object],
    in_main_thread: type[BaseException] = KeyboardInterrupt,
) -> str:
    """Raise an error at each line that an action runs, and return the lines that it reached."""
    action()
    lines, before, interrupted = lines_of(action), resources(), []
    gc.freeze()  # older objects would take most of the time of each collection
    for line in lines:
        error = in_main_thread() if line.in_main_thread else MemoryError()
        try:
            if interrupt(action, line, error):
                interrupted.append(str(line))
            assert_released(before)
            check()
        except BaseException as failure:
            failure.add_note(f"interrupted at {line}")
            raise
    gc.unfreeze()
    return "\n".join(interrupted)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write(small_checkpoint(), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_fit_and_predict_release_all_resources(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two cores on any machine, and two threads for small batches.
    monkeypatch.setattr(cores, "count", 2)
    monkeypatch.setattr(loaded_encoders, "_recent", deque(maxlen=0))  # keep no file open
    monkeypatch.setattr(inference, "MIN_WORK_PER_THREAD", 1)
    monkeypatch.setattr(inference, "MAX_STATES", 1)

    def fit_and_predict() -> np.ndarray:
        classifier = DistilBertClassifier(
            model, trainable_layers=0, max_iter=2, n_threads=2, random_state=0
        )
        return classifier.fit(TEXTS, ["a", "b", "a", "b"]).predict_proba(TEXTS)

    interrupted = interrupt_everywhere(fit_and_predict, lambda: None)
    for stage in (
        "checkpoint/reading.py",
        "tokenization/pipeline.py",
        "nn/packing.py",
        "nn/pooling.py",
        "nn/runtime/workers.py",
        "estimators/classifier.py",
    ):
        assert f"{stage}:" in interrupted
    assert "nn/encoder.py" in interrupted
    assert "in another thread" in interrupted


def test_an_interrupted_estimator_still_works(model: Path) -> None:
    embedder = DistilBertEmbedder(model).fit(TEXTS)
    expected = embedder.transform(TEXTS)

    def check() -> None:
        np.testing.assert_allclose(embedder.transform(TEXTS), expected, atol=1e-6)

    interrupt_everywhere(lambda: embedder.transform(TEXTS), check)


def test_an_interrupted_estimator_still_shares_a_text_among_threads(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two threads for a single short text, on any machine.
    monkeypatch.setattr(inference, "MIN_WORK_PER_THREAD", 1)
    monkeypatch.setattr(cores, "count", 2)
    embedder = DistilBertEmbedder(model, n_threads=2).fit(TEXTS)
    expected = embedder.transform(TEXTS[:1])

    def check() -> None:
        np.testing.assert_allclose(embedder.transform(TEXTS[:1]), expected, atol=1e-6)

    interrupted = interrupt_everywhere(lambda: embedder.transform(TEXTS[:1]), check)
    for line in "_attention_sublayer.<locals>.attend in another thread", " Workers.map":
        assert line in interrupted


def test_save_leaves_the_old_files_or_the_new_ones(model: Path, tmp_path: Path) -> None:
    old = shutil.copytree(model, tmp_path / "old")
    (old / "notes.txt").write_text("mine")
    other, tokenizer = load_model(model), WordPieceTokenizer.from_pretrained(model)
    other.weights = {name: tensor + 1 for name, tensor in other.weights.items()}
    target = tmp_path / "target" / "model"
    shutil.copytree(old, target)
    other.save_pretrained(target, tokenizer)
    allowed = [files_of(old), files_of(target)]

    def save() -> None:
        shutil.rmtree(target)
        shutil.copytree(old, target)
        other.save_pretrained(target, tokenizer)

    def check() -> None:
        assert files_of(target) in allowed
        assert not list(target.glob(".*"))

    interrupted = interrupt_everywhere(save, check)
    assert "_move_files" in interrupted


SCRIPT = """
import sys, threading
from threadpoolctl import ThreadpoolController
from skdistilbert import DistilBertClassifier, DistilBertEmbedder

def blas():
    return [library.num_threads for library in ThreadpoolController().lib_controllers]

directory, before = sys.argv[1], None
texts = ["one two three", "the one of it all"] * 200_000
embedder = DistilBertEmbedder(directory, n_threads=2).fit(texts[:2])
embedder.transform(texts[:100])
before = blas()
print("started", flush=True)
try:
    embedder.transform(texts)
except KeyboardInterrupt:
    print("interrupted", threading.active_count(), blas() == before, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_ctrl_c_stops_all_threads_and_restores_the_limit(seconds: float, model: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT, str(model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[0] == "interrupted 1 True\n"
    assert process.returncode == 0
