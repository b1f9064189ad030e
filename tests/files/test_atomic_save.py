"""Saving replaces the files of a directory completely or reports that it did not."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertEmbedder,
    DistilBertModel,
    WordPieceTokenizer,
    load_model,
)
from skdistilbert.files import atomic_save
from skdistilbert.files.atomic_save import replace_files
from tests.conftest import DATA
from tests.files.hub_server import files_of

ROOT = Path(__file__).parents[2]
OLD = {"config.json": b"old", "model.safetensors": b"old", "tokenizer.json": b"old"}
NEW = {"model.safetensors": b"new", "config.json": b"new", "vocab.txt": b"new"}
INTERRUPTED = (
    "a mixture of old and new files, because a save to it was interrupted. Save the model"
)


def write_old(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name, content in OLD.items():
        (directory / name).write_bytes(content)
    return directory


def save_new(directory: Path) -> None:
    replace_files(directory, NEW | {"tokenizer.json": None})


def test_other_files_and_the_directory_itself_stay(tmp_path: Path) -> None:
    directory = write_old(tmp_path / "model")
    for name in (".git/HEAD", "1_Pooling/config.json", "README.md"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(b"mine")
    before = [
        (path.stat().st_ino, path.stat().st_mode) for path in (directory, directory / ".git")
    ]
    save_new(directory)
    mine = dict.fromkeys((".git/HEAD", "1_Pooling/config.json", "README.md"), b"mine")
    assert files_of(directory) == NEW | mine
    after = [(path.stat().st_ino, path.stat().st_mode) for path in (directory, directory / ".git")]
    assert after == before
    assert [path.name for path in directory.glob(".*")] == [".git"]


@pytest.mark.parametrize("target", [".", "..", "new"])
def test_the_working_directory_and_its_parents_are_accepted(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    model = load_model(DATA / "distilbert-tiny")
    model.save_pretrained(target)
    assert load_model((tmp_path / "a" / "b" / target).resolve()).config == model.config


def test_a_linked_directory_stays_a_link(tmp_path: Path) -> None:
    write_old(tmp_path / "target")
    try:
        (tmp_path / "link").symlink_to("target", target_is_directory=True)
    except OSError:
        pytest.skip("links can't be made here")
    save_new(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert files_of(tmp_path / "target") == NEW


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(NotADirectoryError, match="file: it is a file, not a directory"):
        save_new(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    directory = write_old(tmp_path / "model")
    directory.chmod(0o500)
    with pytest.raises(PermissionError):
        save_new(directory)
    directory.chmod(0o700)
    assert files_of(directory) == OLD


def test_an_error_while_writing_leaves_the_old_files(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"a part")
        raise OSError("disk full")

    directory = write_old(tmp_path / "model")
    with pytest.raises(OSError, match="disk full"):
        replace_files(directory, NEW | {"tokenizer.json": fail})
    assert files_of(directory) == OLD
    assert len(list(directory.iterdir())) == len(OLD)


@pytest.mark.parametrize("has_locks", [True, False])
def test_weights_that_cannot_be_replaced_leave_the_old_files(
    has_locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to replace a file that a model in use has mapped."""
    replace = Path.replace

    def refuse_weights(path: Path, target: Path) -> Path:
        if target.name == "model.safetensors":
            raise PermissionError("in use")
        return replace(path, target)

    if not has_locks:  # as on Windows
        monkeypatch.setattr(atomic_save, "fcntl", None)
    directory = write_old(tmp_path / "model")
    monkeypatch.setattr(Path, "replace", refuse_weights)
    with pytest.raises(PermissionError, match="in use"):
        save_new(directory)
    assert files_of(directory) == OLD
    assert len(list(directory.iterdir())) == len(OLD)
    monkeypatch.undo()
    save_new(directory)
    assert files_of(directory) == NEW


KILL_BETWEEN_MOVES = """
import os, signal, sys
from pathlib import Path
from skdistilbert import WordPieceTokenizer, load_model

n_moves, replace = int(sys.argv[3]), Path.replace


def replace_or_die(path, target):
    global n_moves
    if n_moves == 0:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    n_moves -= 1
    return replace(path, target)


Path.replace = replace_or_die
model = load_model(sys.argv[1])
model.save_pretrained(sys.argv[2], WordPieceTokenizer.from_pretrained(sys.argv[1]))
"""


@pytest.mark.parametrize("n_moves", [0, 1, 2, 3])
def test_loading_after_a_kill_between_two_moves(n_moves: int, tmp_path: Path) -> None:
    directory = shutil.copytree(DATA / "distilbert-tiny", tmp_path / "model")
    (directory / "tokenizer.json").write_text("old")  # which saving removes
    new = DATA / "distilbert-tiny-token-classification"
    command = [sys.executable, "-c", KILL_BETWEEN_MOVES, str(new), str(directory), str(n_moves)]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode != 0
    for load in (
        load_model,
        DistilBertModel.from_pretrained,
        WordPieceTokenizer.from_pretrained,
        lambda directory: DistilBertEmbedder(directory).fit(["one"]),
    ):
        with pytest.raises(CheckpointError, match=INTERRUPTED):
            load(directory)
    # This save has no tokenizer: it first completes the interrupted one.
    load_model(new).save_pretrained(directory)
    assert load_model(directory).head == "token_classification"
    expected, got = map(WordPieceTokenizer.from_pretrained, (new, directory))
    assert got.vocab == expected.vocab
    assert {path.name for path in directory.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }


SAVE_ALTERNATELY = """
import sys
from pathlib import Path
from skdistilbert.files.atomic_save import replace_files

n_saves = int(sys.argv[2])
print("ready", flush=True)
while n_saves:
    for content in (b"first", b"second"):
        replace_files(Path(sys.argv[1]), dict.fromkeys("abc", content))
    n_saves -= 1
"""


def start_saving(directory: Path, n_saves: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SAVE_ALTERNATELY, str(directory), str(n_saves)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_kill_at_any_moment_is_harmless_or_reported(tmp_path: Path) -> None:
    directory, rng = tmp_path / "model", random.Random(0)
    replace_files(directory, dict.fromkeys("abc", b"first"))
    for _ in range(8):
        with start_saving(directory, -1) as process:
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
        contents = {(directory / name).read_bytes() for name in "abc"}
        try:
            atomic_save.check_save_is_finished(directory)
        except CheckpointError:
            pass
        else:
            assert len(contents) == 1
    replace_files(directory, {"a": b"third"})
    assert {path.name for path in directory.iterdir()} == {"a", "b", "c"}
    assert (directory / "b").read_bytes() == (directory / "c").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks for directories")
def test_concurrent_saves_wait_for_each_other(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    processes = [start_saving(directory, 20) for _ in range(3)]
    for process in processes:
        with process:
            assert process.wait(60) == 0
    assert len({(directory / name).read_bytes() for name in "abc"}) == 1
    assert {path.name for path in directory.iterdir()} == {"a", "b", "c"}


def test_loading_waits_for_a_running_save(tmp_path: Path) -> None:
    directory = shutil.copytree(DATA / "distilbert-tiny", tmp_path / "model")
    (directory / atomic_save.UNFINISHED).mkdir()
    timer = threading.Timer(0.1, (directory / atomic_save.UNFINISHED).rmdir)
    timer.start()
    assert load_model(directory).config.dim == 32
    timer.join()
