"""The targets of the student: the teacher's hidden states of each token, in the student's width.

Principal components without centring reduce the width, which preserves cosines. `basis` contains
the directions in which the teacher's pooled features are largest, (teacher dim, dim). The states
are written to a file, as they may not fit into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert import WordPieceTokenizer, load_model
from skdistilbert.nn.packing import Ragged
from skdistilbert.tokenization import encode_ragged

if TYPE_CHECKING:
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


def teach(texts: list[str], teacher: Path, dim: int, directory: Path) -> None:
    """Write the files of `read_lessons`."""
    directory.mkdir(parents=True, exist_ok=True)
    model, tokenizer = load_model(teacher), WordPieceTokenizer.from_pretrained(teacher)
    ids = encode_ragged(tokenizer, texts, max_length=MAX_LENGTH).input_ids
    np.save(directory / "input_ids.npy", np.concatenate(ids).astype(np.uint16))
    np.save(directory / "lengths.npy", np.fromiter(map(len, ids), np.uint16))
    basis = components(model.pooled(ids[:N_BASIS_TEXTS], "mean"), dim)
    np.save(directory / "basis.npy", basis)
    _write_states(model, ids, basis, directory / "states.npy")
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    words = model.pooled([[cls, i, sep] for i in range(tokenizer.vocab_size)], "mean")
    np.save(directory / "words.npy", words @ basis)


def _write_states(
    model: DistilBertModel, ids: list[Any], basis: NDArray[np.float32], file: Path
) -> None:
    """Write the hidden states of all tokens, (n_tokens, dim)."""
    shape, n_written = (sum(map(len, ids)), basis.shape[1]), 0
    states = np.lib.format.open_memmap(file, "w+", np.float16, shape)
    for start in range(0, len(ids), TEXTS_PER_REPORT):
        part = ids[start : start + TEXTS_PER_REPORT]
        padded = model.hidden_states(part)
        is_token = np.arange(padded.shape[1]) < np.array([*map(len, part)])[:, None]
        of_tokens = padded[is_token] @ basis
        states[n_written : n_written + len(of_tokens)] = of_tokens
        n_written += len(of_tokens)
        print(f"teacher: {start + len(part)} of {len(ids)} texts", flush=True)
    states.flush()


def read_lessons(directory: Path) -> Lessons:
    """Map the files of `teach`."""
    lengths = np.load(directory / "lengths.npy").astype(np.intp)
    ids = np.load(directory / "input_ids.npy").astype(np.intp)
    states = np.load(directory / "states.npy", mmap_mode="r")
    words, basis = np.load(directory / "words.npy"), np.load(directory / "basis.npy")
    texts = Ragged.from_lists(np.split(ids, np.cumsum(lengths)[:-1]))
    return Lessons(texts, states, words, basis)
