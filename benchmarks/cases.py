"""The cases of the speed benchmark: texts, and the outputs that the engines compute."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchmarks.checkpoints import SIZES, Size
from benchmarks.engines import Padded, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

PEER_BATCH_SIZE = 32  # the default of sentence-transformers
UNEVEN = [8, 16, 24, 40, 56, 80, 104, 128]


@dataclass(frozen=True, eq=False)
class Case:
    """One row of the results: the same texts for each engine, in the form that it accepts."""

    name: str
    size: Size
    ours: Work
    theirs: Work
    peers: tuple[str, ...] = ("torch", "ONNX Runtime")
    is_long: bool = False

    def __str__(self) -> str:
        return f"{self.size}, {self.name}"


def fixed_cases() -> list[Case]:
    """Return batches of texts of equal length, and one batch of uneven lengths."""
    cases = [
        _padded_case(f"{n_texts} x {length}", size, [length] * n_texts)
        for size in SIZES
        for n_texts in (1, 8)
        for length in (16, 32, 128, 512)
    ]
    return [*cases, _padded_case("8 texts of 8..128", "base", UNEVEN)]


def corpus_cases(input_ids: Sequence[Sequence[int]]) -> list[Case]:
    """Return real texts: few or all, sorted by length or not, repeated, and [CLS] pooling."""
    few, n_texts = input_ids[:128], f"{len(input_ids):,} texts"
    cases = [
        _corpus_case(f"{len(few)} texts, sorted", few),
        _corpus_case(f"{len(few)} texts, in arrival order", few, is_sorted=False),
    ]
    if len(input_ids) == len(few):
        return cases
    repeated = _with_repeats(input_ids)
    return [
        *cases,
        _corpus_case(f"{n_texts}, sorted", input_ids),
        _corpus_case(f"{n_texts}, in arrival order", input_ids, is_sorted=False),
        _corpus_case(f"{n_texts}, sorted, 10 % repeated", repeated),
        _corpus_case(f"{n_texts}, sorted, [CLS]", input_ids, output="cls"),
    ]


def text_case(texts: Sequence[str]) -> Case:
    """Return the case from strings to embeddings, in which both libraries sort and batch."""
    work = Work("embeddings", texts=texts)
    name = f"{len(texts):,} texts, from strings"
    return Case(name, "base", work, work, peers=("sentence-transformers",), is_long=True)


def pair_case(texts: Sequence[str]) -> Case:
    """Return the case from pairs of texts to the scores of a cross-encoder."""
    pairs = list(zip(texts, [*texts[1:], texts[0]], strict=True))
    work = Work("scores", pairs=pairs)
    name = f"{len(pairs):,} pairs, from strings"
    return Case(name, "base", work, work, peers=("CrossEncoder",), is_long=True)


def _padded_case(name: str, size: Size, lengths: Sequence[int]) -> Case:
    generator = random.Random(0)
    ids = [[generator.randrange(1000, 30000) for _ in range(length)] for length in lengths]
    work = Work("states", [Padded.from_lists(ids)])
    return Case(name, size, work, work)


def _corpus_case(
    name: str,
    input_ids: Sequence[Sequence[int]],
    *,
    is_sorted: bool = True,
    output: Literal["mean", "cls"] = "mean",
) -> Case:
    for_peers = sorted(input_ids, key=len, reverse=True) if is_sorted else input_ids
    batches = [
        Padded.from_lists(for_peers[start : start + PEER_BATCH_SIZE])
        for start in range(0, len(for_peers), PEER_BATCH_SIZE)
    ]
    ours, theirs = Work(output, input_ids=input_ids), Work(output, batches)
    return Case(name, "base", ours, theirs, is_long=True)


def _with_repeats(input_ids: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Replace the last tenth of the texts by copies of the others, and shuffle."""
    n_distinct = len(input_ids) - len(input_ids) // 10
    generator = random.Random(0)
    texts = list(input_ids[:n_distinct])
    texts += generator.choices(texts, k=len(input_ids) - n_distinct)
    generator.shuffle(texts)
    return texts
