"""What the student shall learn: the teacher's states of every token, in the student's width.

The width is reduced by principal components without centring, which keep cosines: `basis` has the
(dim of the teacher, dim of the student) directions in which the teacher's pooled features are
largest. All is kept in files, as it takes the longest time of all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert import WordPieceTokenizer, load_model
from skdistilbert.nn.encoder import encode
from skdistilbert.nn.inference import for_each_batch, pooled_features
from skdistilbert.nn.packing import PackedBatch, Ragged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from skdistilbert.nn.weights import Encoder

MAX_LENGTH = 128  # tokens
FOR_THE_BASIS = 6000  # texts
AT_A_TIME = 1024  # texts between two reports of progress


@dataclass(frozen=True)
class Lessons:
    """Texts as token ids, with what the teacher makes of each token."""

    texts: Ragged
    states: NDArray[np.float16]  # (n_tokens, dim)
    words: NDArray[np.float32]  # (vocab_size, dim): of each token of the vocabulary by itself
    basis: NDArray[np.float32]  # (dim of the teacher, dim)


def components(features: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Give the `dim` directions with the largest mean squares: (n_features, dim).

    They are rotated, as a layer normalisation gives numbers of like size, but the first component
    is tens of times larger than the last; and scaled, so that the mean square becomes 1.
    """
    _, directions = np.linalg.eigh(features.T @ features)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
    basis = (directions[:, -dim:] @ rotation).astype(np.float32)
    basis /= np.sqrt(np.square(features @ basis).mean())
    return basis


def kept(features: NDArray[np.float32], basis: NDArray[np.float32]) -> float:
    """Share of the sum of squares that lies in the basis."""
    orthonormal = basis / np.linalg.norm(basis, axis=0)
    return float(np.square(features @ orthonormal).sum() / np.square(features).sum())


def teach(
    texts: list[str], teacher: Path, dim: int, directory: Path, log: Callable[[str], Any] = print
) -> None:
    """Write to the directory what `read_lessons` reads; goes on where it was interrupted."""
    directory.mkdir(parents=True, exist_ok=True)
    encoder = load_model(teacher).encoder
    ragged, words = _encoded(texts, WordPieceTokenizer.from_pretrained(teacher))
    np.save(directory / "input_ids.npy", ragged.input_ids.astype(np.uint16))
    np.save(directory / "lengths.npy", ragged.lengths.astype(np.uint16))
    if not (directory / "basis.npy").exists():
        sample = pooled_features(encoder, _first(ragged, FOR_THE_BASIS), "mean")
        basis = components(sample, dim)
        log(f"{dim} of {encoder.dim} components keep {kept(sample, basis):.3f} of the features")
        np.save(directory / "words.npy", pooled_features(encoder, words, "mean") @ basis)
        np.save(directory / "basis.npy", basis)
    _write_states(encoder, ragged, directory, log)


def _encoded(texts: list[str], tokenizer: WordPieceTokenizer) -> tuple[Ragged, Ragged]:
    ids = tokenizer.encode_ragged(texts, max_length=MAX_LENGTH).input_ids
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    words = [[cls, token, sep] for token in range(tokenizer.vocab_size)]
    return Ragged.from_lists(ids), Ragged.from_lists(words)


def _first(texts: Ragged, n: int) -> Ragged:
    n_tokens = int(texts.lengths[:n].sum())
    return Ragged(texts.input_ids[:n_tokens], texts.position_ids[:n_tokens], texts.lengths[:n])


def _write_states(
    encoder: Encoder, texts: Ragged, directory: Path, log: Callable[[str], Any]
) -> None:
    basis = np.load(directory / "basis.npy")
    shape, file = (len(texts.input_ids), basis.shape[1]), directory / "states.npy"
    mode = "r+" if file.exists() else "w+"
    states = np.lib.format.open_memmap(file, mode, np.float16, shape)
    if states.shape != shape:
        raise ValueError(f"{file} is of other texts: has shape {states.shape}, expected {shape}.")
    for start in range(n_taught(directory), len(texts.lengths), AT_A_TIME):
        rows = np.arange(start, min(start + AT_A_TIME, len(texts.lengths)))
        tokens = texts.tokens_of(rows)
        part = Ragged(texts.input_ids[tokens], texts.position_ids[tokens], texts.lengths[rows])

        def fill(batch: PackedBatch, part: Ragged = part, first: int = int(tokens[0])) -> None:
            places = first + part.tokens_of(batch.text_indices)
            states[places] = (basis.T @ encode(encoder, batch)).T

        for_each_batch(encoder, part, fill)
        states.flush()
        done = int(rows[-1]) + 1
        new = directory / "progress.new.json"
        new.write_text(json.dumps({"n_taught": done}))
        new.replace(directory / "progress.json")  # at once, as the student may be reading it
        log(f"teacher: {done} of {len(texts.lengths)} texts")


def n_taught(directory: Path) -> int:
    """How many texts have their states by now."""
    file = directory / "progress.json"
    return int(json.loads(file.read_text())["n_taught"]) if file.exists() else 0


def read_lessons(directory: Path) -> Lessons:
    """Map what `teach` has written; the first `n_taught` texts have their states by now."""
    lengths = np.load(directory / "lengths.npy").astype(np.intp)
    ids = np.load(directory / "input_ids.npy").astype(np.intp)
    starts = np.cumsum(lengths) - lengths
    positions = np.arange(len(ids)) - np.repeat(starts, lengths)
    states = np.load(directory / "states.npy", mmap_mode="r")
    words, basis = np.load(directory / "words.npy"), np.load(directory / "basis.npy")
    return Lessons(Ragged(ids, positions, lengths), states, words, basis)
