"""The cases of the speed benchmark, and the goals set for them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from benchmarks.engines import Padded, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PEER_BATCH_SIZE = 32  # that of sentence-transformers

Size = Literal["tiny", "base"]
SIZES: dict[Size, dict[str, int]] = {
    "tiny": {"dim": 32, "n_layers": 5, "n_heads": 4, "hidden_dim": 37},
    "base": {},  # DistilBertConfig(): 66 million parameters
}


@dataclass(frozen=True, eq=False)
class Case:
    """One line of the report: the same texts for each engine, and the ratios aimed for."""

    name: str
    size: Size
    ours: Work
    theirs: Work
    goals: Mapping[str, float] = field(default_factory=dict)
    peers: Sequence[str] = ("torch", "ONNX Runtime")
    is_long: bool = False


def fixed_cases() -> list[Case]:
    """Batches of texts of one length, and one of uneven lengths."""
    goals = {
        ("tiny", 1, 32): {"torch": 10, "ONNX Runtime": 1.0},
        ("tiny", 8, 32): {"torch": 3, "ONNX Runtime": 1.0},
        ("tiny", 8, 128): {"torch": 1.5, "ONNX Runtime": 0.8},
        ("base", 1, 32): {"torch": 1.3, "ONNX Runtime": 0.8},
        ("base", 1, 128): {"torch": 1.15, "ONNX Runtime": 0.95},
        ("base", 8, 32): {"torch": 1.2, "ONNX Runtime": 1.0},
        ("base", 8, 128): {"torch": 1.15, "ONNX Runtime": 1.0},
    }
    sizes: tuple[Size, ...] = ("tiny", "base")
    cases = [
        _padded_case(
            f"{n_texts} x {length}",
            size,
            [length] * n_texts,
            goals.get((size, n_texts, length), {}),
        )
        for size in sizes
        for n_texts in (1, 8)
        for length in (16, 32, 128, 512)
    ]
    uneven = [8, 16, 24, 40, 56, 80, 104, 128]
    goal = {"torch": 2.2, "ONNX Runtime": 2.2}
    return [*cases, _padded_case("8 texts of 8..128", "base", uneven, goal)]


def corpus_cases(input_ids: Sequence[Sequence[int]]) -> list[Case]:
    """Real texts: few and all; sorted for the peers and not; mean and [CLS]; with repeats."""
    torch, onnx = "torch", "ONNX Runtime"
    n_texts = f"{len(input_ids):,} texts"
    few = input_ids[:128]
    repeated = _with_repeats(input_ids)
    cases = [
        _corpus_case(f"{len(few)} texts, sorted", few, True, {torch: 1.9, onnx: 1.6}),
        _corpus_case(f"{len(few)} texts, in arrival order", few, False),
    ]
    if len(input_ids) == len(few):
        return cases
    return [
        *cases,
        _corpus_case(f"{n_texts}, sorted", input_ids, True, {torch: 1.4, onnx: 1.05}),
        _corpus_case(f"{n_texts}, in arrival order", input_ids, False, {torch: 2.5, onnx: 2}),
        _corpus_case(f"{n_texts}, sorted, 10 % of them repeated", repeated, True),
        _corpus_case(f"{n_texts}, sorted, [CLS]", input_ids, True, {torch: 1.6, onnx: 1.2}, "cls"),
    ]


def _padded_case(
    name: str, size: Size, lengths: Sequence[int], goals: Mapping[str, float]
) -> Case:
    generator = random.Random(0)
    ids = [[generator.randrange(1000, 30000) for _ in range(length)] for length in lengths]
    work = Work("states", [Padded.from_lists(ids)])
    return Case(name, size, work, work, goals)


def _corpus_case(
    name: str,
    input_ids: Sequence[Sequence[int]],
    is_sorted: bool,
    goals: Mapping[str, float] = {},
    gives: Literal["mean", "cls"] = "mean",
) -> Case:
    for_peers = sorted(input_ids, key=len, reverse=True) if is_sorted else input_ids
    batches = [
        Padded.from_lists(for_peers[start : start + PEER_BATCH_SIZE])
        for start in range(0, len(for_peers), PEER_BATCH_SIZE)
    ]
    ours = Work(gives, input_ids=input_ids)
    return Case(name, "base", ours, Work(gives, batches), goals, is_long=True)


def text_case(texts: Sequence[str]) -> Case:
    """Texts to embeddings, tokenizing included; both sort and batch by themselves."""
    work = Work("embeddings", texts=texts)
    name = f"{len(texts):,} texts, from strings to embeddings"
    return Case(name, "base", work, work, peers=("sentence-transformers",), is_long=True)


def _with_repeats(input_ids: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """As many texts, the last tenth of them taken from before, in random order."""
    n_different = len(input_ids) - len(input_ids) // 10
    generator = random.Random(0)
    texts = list(input_ids[:n_different])
    texts += generator.choices(texts, k=len(input_ids) - n_different)
    generator.shuffle(texts)
    return texts
