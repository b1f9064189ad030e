"""Ctrl-C during a download leaves only complete files; the next call downloads the rest."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from skdistilbert.files import locate_checkpoint
from skdistilbert.files.hub_cache import cached_commit, cached_snapshot
from tests.conftest import DATA
from tests.files.conftest import NAME
from tests.files.hub_server import Hub, files_of
from tests.interrupting import interrupt, lines_of

pytest.importorskip("huggingface_hub")


@pytest.mark.usefixtures("hub")
def test_an_interruption_at_any_line(cache: Path) -> None:
    def download() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        locate_checkpoint(NAME)

    download()
    expected = files_of(locate_checkpoint(NAME).directory)
    lines = lines_of(download)
    assert any("download.py" in str(line) for line in lines)
    for line in lines[::3]:
        interrupt(download, line, KeyboardInterrupt())
        commit = cached_commit(NAME, "main", cache)
        snapshot = commit and cached_snapshot(NAME, commit, cache)
        if snapshot:  # which counts as complete
            assert files_of(snapshot) == expected
        assert files_of(locate_checkpoint(NAME).directory) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_in_a_transfer(hub: Hub) -> None:
    hub.stop_after = 1000
    command = "from skdistilbert.files import locate_checkpoint as locate; locate('owner/tiny')"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", command], stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert hub.stopped.wait(30)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1].endswith("KeyboardInterrupt\n")
    hub.stop_after = None
    hub.proceed.set()
    weights = locate_checkpoint(NAME).directory / "model.safetensors"
    assert weights.read_bytes() == (DATA / "distilbert-tiny/model.safetensors").read_bytes()
