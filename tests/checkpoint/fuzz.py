"""Load many damaged checkpoints: each must load correctly or raise CheckpointError.

Run from the project's root, where it may take some minutes:

    python -m tests.checkpoint.fuzz [n_cases] [first_seed]
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import load_file

from skdistilbert import (
    CheckpointError,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
from skdistilbert.tokenization import encode_ragged
from tests.checkpoint.mutations import ELSEWHERE, links, spoil
from tests.checkpoint.originals import ORIGINALS

if TYPE_CHECKING:
    from tests.checkpoint.originals import Files

TEXTS = ["one two", "Ünknown [MASK] 中", ""]
MAX_SECONDS = 2.0
# Python objects of a vocabulary and of JSON take more than their text.
MAX_BYTES_A_BYTE, MAX_BYTES_BESIDES = 40, 4_000_000


def check(directory: Path) -> str:
    """Load a directory as a model and as an estimator does, use both, and return the outcome."""
    before = _listed(directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = load_model(directory)
            encoder = PretrainedEncoder(directory)
            embeddings = embed(model, encoder.tokenizer, TEXTS, n_threads=1)
    except CheckpointError as error:
        if str(directory) not in str(error) or len(str(error)) > 2000:
            raise AssertionError("the message names no file or is too long") from error
        return "refused"
    finally:
        assert _listed(directory) == before, "wrote files"
    assert embeddings.shape[0] == len(TEXTS)
    for tensor in (*model.weights.values(), *encoder.model.weights.values()):
        assert tensor.dtype == np.float32
        assert np.isfinite(tensor).all()
    _check_against_safetensors(directory, encoder.model.weights)
    _check_against_lines(directory, encoder.tokenizer)
    _use(encoder)
    return "loaded"


def _listed(directory: Path) -> list[tuple[str, list[str], list[str]]]:
    return sorted((name, sorted(dirs), sorted(files)) for name, dirs, files in os.walk(directory))


def _check_against_safetensors(directory: Path, weights: dict[str, np.ndarray]) -> None:
    """Compare tensors with the tensors of equal names that the safetensors library reads."""
    tensors: dict[str, np.ndarray] = {}
    for file in directory.glob("*.safetensors"):
        tensors |= load_file(file)
    for name, tensor in tensors.items():
        ours = weights.get(name.removeprefix("distilbert.").removeprefix("bert."))
        if ours is None or tensor.dtype != np.float32:
            continue
        if name.endswith("position_embeddings.weight"):
            types = tensors.get(name.replace("position", "token_type"))
            tensor = tensor if types is None else tensor + types[0].astype(np.float32)  # noqa: PLW2901, RUF100
        np.testing.assert_array_equal(ours, tensor)


def _check_against_lines(directory: Path, tokenizer: WordPieceTokenizer) -> None:
    """Compare the vocabulary with the lines of ``vocab.txt`` unless ``tokenizer.json`` exists."""
    file = directory / "vocab.txt"
    if file.is_file() and not (directory / "tokenizer.json").is_file():
        lines = file.read_bytes().decode().split("\n")
        for index, token in tokenizer.ids_to_tokens.items():
            # Added tokens may be normalised.
            added = {each.id: each.content.lower() for each in tokenizer.added_tokens}
            assert added.get(index) == token.lower() or lines[index].rstrip() == token.rstrip()


def _use(encoder: PretrainedEncoder) -> None:
    tokenizer: WordPieceTokenizer = encoder.tokenizer
    ids = encode_ragged(tokenizer, TEXTS, max_length=8).input_ids
    states = encoder.model.hidden_states(ids, n_threads=1)
    assert states.shape[0] == len(TEXTS)
    assert isinstance(tokenizer.decode(ids[0]), str)


def run(n_cases: int, first_seed: int, directory: Path) -> collections.Counter[str]:
    """Check one case per seed; the first error has a note with its seed."""
    originals, outcomes = [make() for make in ORIGINALS], collections.Counter[str]()
    for original in originals:
        write(original, directory)
        assert check(directory) == "loaded"
    for seed in range(first_seed, first_seed + n_cases):
        rng = random.Random(seed)
        files = spoil(originals[seed % len(originals)], rng)
        write(files, directory, links(files, rng))
        try:
            outcomes[_bounded(files, directory, traced=seed % 16 == 0)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    return outcomes


def _bounded(files: dict[str, bytes], directory: Path, *, traced: bool) -> str:
    if traced:
        tracemalloc.start()
    start = time.thread_time()
    try:
        outcome = check(directory)
        seconds, peak = time.thread_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < MAX_SECONDS, f"{seconds} s"
    allowed = MAX_BYTES_BESIDES + MAX_BYTES_A_BYTE * sum(map(len, files.values()))
    assert peak < allowed, f"{peak} bytes in use; {allowed} allowed"
    return outcome


def write(files: Files, directory: Path, links: dict[str, str] | None = None) -> None:
    """Replace a directory's contents with files, or with links instead of some files."""
    for each in (directory, directory.parent / ELSEWHERE):
        shutil.rmtree(each, ignore_errors=True)
    directory.mkdir()
    for name, content in files.items():
        target = (links or {}).get(name)
        path = directory / name
        if target == ELSEWHERE:
            path = directory.parent / ELSEWHERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, target in (links or {}).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(
            directory.parent / ELSEWHERE / name if target == ELSEWHERE else directory / target
        )


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource  # noqa: PLC0415, RUF100 - POSIX only
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def main(n_cases: int = 100_000, first_seed: int = 0) -> None:
    """Run all cases and print the outcomes."""
    _limit_memory(4 * 2**30)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as name:
        for first in range(first_seed, first_seed + n_cases, 10_000):
            n = min(10_000, first_seed + n_cases - first)
            print(f"seeds {first} to {first + n - 1}:", dict(run(n, first, Path(name, "model"))))
            sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
