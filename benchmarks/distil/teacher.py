"""The targets of the student: the teacher's hidden states of each token, in the student's width.

Principal components without centring reduce the width, which preserves cosines. `basis` contains
the directions in which the teacher's pooled features are largest, (teacher dim, dim). All results
are kept in files, because the teacher takes most of the time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert import WordPieceTokenizer, load_model
from skdistilbert.nn.packing import Ragged
from skdistilbert.tokenization import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from skdistilbert import DistilBertModel

MAX_LENGTH = 128  # tokens
N_BASIS_TEXTS = 6000
TEXTS_PER_REPORT = 1024


@dataclass(frozen=True)
class Lessons:
    """Texts as token ids, with the teacher's hidden states."""

    texts: Ragged
    states: NDArray[np.float16]  # (n_tokens, dim)
    words: NDArray[np.float32]  # (vocab_size, dim): features of each token of the vocabulary
    basis: NDArray[np.float32]  # (teacher dim, dim)


def components(features: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Return the `dim` directions with the largest mean squares, (n_features, dim).

    Layer normalisation outputs numbers of similar size, but the first component is tens of times
    larger than the last. Therefore the directions are rotated, and scaled to a mean square of 1.
    """
    _, directions = np.linalg.eigh(features.T @ features)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
    basis = (directions[:, -dim:] @ rotation).astype(np.float32)
    basis /= np.sqrt(np.square(features @ basis).mean())
    return basis


def explained_share(features: NDArray[np.float32], basis: NDArray[np.float32]) -> float:
    """Return the share of the sum of squares that the basis preserves."""
    orthonormal = basis / np.linalg.norm(basis, axis=0)
    return float(np.square(features @ orthonormal).sum() / np.square(features).sum())


def teach(
    texts: list[str], teacher: Path, dim: int, directory: Path, log: Callable[[str], Any] = print
) -> None:
    """Write the files of `read_lessons`; after an interruption, resume."""
    directory.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_model(teacher), WordPieceTokenizer.from_pretrained(teacher)
    ids = encode_ragged(tokenizer, texts, max_length=MAX_LENGTH).input_ids
    lengths = np.fromiter(map(len, ids), np.uint16)
    np.save(directory / "input_ids.npy", np.concatenate(ids).astype(np.uint16))
    np.save(directory / "lengths.npy", lengths)
    if not (directory / "basis.npy").exists():
        sample = model.pooled(ids[:N_BASIS_TEXTS], "mean")
        basis = components(sample, dim)
        share = explained_share(sample, basis)
        log(f"{dim} of {model.config.dim} components preserve {share:.3f} of the features")
        cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        words = model.pooled([[cls, i, sep] for i in range(tokenizer.vocab_size)], "mean")
        np.save(directory / "words.npy", words @ basis)
        np.save(directory / "basis.npy", basis)
    _write_states(model, ids, directory, log)


def _write_states(
    model: DistilBertModel, ids: list[Any], directory: Path, log: Callable[[str], Any]
) -> None:
    basis = np.load(directory / "basis.npy")
    stops = np.cumsum([len(of_text) for of_text in ids])
    shape, file = (int(stops[-1]), basis.shape[1]), directory / "states.npy"
    mode = "r+" if file.exists() else "w+"
    states = np.lib.format.open_memmap(file, mode, np.float16, shape)
    if states.shape != shape:
        raise ValueError(
            f"{file} has shape {states.shape}, but these texts need {shape}. "
            "Delete it, or give another --work directory."
        )
    for start in range(n_taught(directory), len(ids), TEXTS_PER_REPORT):
        part = ids[start : start + TEXTS_PER_REPORT]
        padded = model.hidden_states(part)
        is_token = (
            np.arange(padded.shape[1]) < np.array([len(of_text) for of_text in part])[:, None]
        )
        done = start + len(part)
        states[stops[start] - len(ids[start]) : stops[done - 1]] = padded[is_token] @ basis
        states.flush()
        new = directory / "progress.new.json"
        new.write_text(json.dumps({"n_taught": done}))
        new.replace(directory / "progress.json")  # atomic, as the student may be reading it
        log(f"teacher: {done} of {len(ids)} texts")


def n_taught(directory: Path) -> int:
    """Return the number of texts whose states are in the file."""
    file = directory / "progress.json"
    return int(json.loads(file.read_text())["n_taught"]) if file.exists() else 0


def read_lessons(directory: Path) -> Lessons:
    """Map the files of `teach`; only the first `n_taught` texts have their states."""
    lengths = np.load(directory / "lengths.npy").astype(np.intp)
    ids = np.load(directory / "input_ids.npy").astype(np.intp)
    states = np.load(directory / "states.npy", mmap_mode="r")
    words, basis = np.load(directory / "words.npy"), np.load(directory / "basis.npy")
    texts = Ragged.from_lists(np.split(ids, np.cumsum(lengths)[:-1]))
    return Lessons(texts, states, words, basis)
