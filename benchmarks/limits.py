"""Show how near the network is to what NumPy allows, and which goals are beyond it.

    python -m benchmarks.limits [--rounds 5] [--texts FILE] [--n-texts 1000]

Parts of our forward pass that it can't go without are timed alone, on two threads, beside the
whole pass of each engine. A *bound* is the time of the peer divided by that of the part: the ratio
that would be reached if all the rest took no time. For the 66M model the part is its matrix
products with the activations between them, `np.exp` of the scores of attention and GELU (the
fastest way found, see "Roads taken and not"), in the shapes of the pass and by the fastest of
three ways: texts shared between threads, weights shared, BLAS's own threads; or one pass over the
weights, if that takes longer. Or, of a model on a few texts, it is the calls of NumPy that a pass
has, with nothing between them: with the weights of every layer, but on arrays that stay in the
cache, by threads that share the texts, or the weights of a single one, and never wait (by a single
thread, too, for the tiny model; beside as many of the cheapest call, `np.add` of one array of
hidden states). A goal above its lowest bound is excluded; one that is below and not reached is
open, and so is one whose part took longer than the whole pass: that is noise, not a bound. No
bound has what threads lose as they wait for the interpreter's lock and for each other: the first
is what `python -m benchmarks.network_speed --python` shows, given a Python without that lock.

Run from the project's root, with the extra ``benchmark``; the section goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.calls_alone import Calls, CallsAlone, calls_of_layers
from benchmarks.cases import corpus_cases, fixed_cases
from benchmarks.corpora import read_texts
from benchmarks.engines import OnnxRuntime, Ours, Torch
from benchmarks.floors import Corpus, Products, Shared, WeightsRead
from benchmarks.measuring import alternate, engine_processes
from benchmarks.network_speed import OURS, PACKAGES, ids_of, prepare
from benchmarks.results import machine, table, write_section
from skdistilbert import load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.cases import Case, Size
    from benchmarks.engines import Work
    from benchmarks.measuring import Engine, EngineProcess

N_THREADS = 2
PEERS = {"torch": Torch, "ONNX Runtime": OnnxRuntime}
PARTS = ("products", "activations")
PART_NAMES = ("products alone", "with activations")
HEADER = (OURS, *(f"{name}: bound, reached" for name in PEERS))


def main() -> None:
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as directory:
        tiny = str(prepare("tiny", Path(directory) / "tiny"))
        base = str(prepare("base", Path(directory) / "base"))
        tables = [
            limits_of_tiny(tiny, fixed_cases_of("tiny"), options.rounds),
            limits_of_base(base, fixed_cases_of("base"), options.rounds),
            limits_of_corpora(base, corpora(options), options.rounds),
        ]
    command = (
        f"`python -m benchmarks.limits --rounds {options.rounds} --n-texts {options.n_texts}`."
    )
    parts = [command, __doc__.split("\n\n")[2], machine(PACKAGES, N_THREADS), *tables]
    write_section("What NumPy can't reach", "\n\n".join(parts))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--n-texts", type=int, default=1000, help="0: only texts of fixed lengths")
    parser.add_argument("--rounds", type=int, default=5, help="of corpora half as many")
    return parser.parse_args()


def fixed_cases_of(size: Size) -> list[Case]:
    """Those of one length that have goals or, 1 x 16, show the bandwidth."""
    return [
        case
        for case in fixed_cases()
        if case.size == size and (case.goals or case.name == "1 x 16") and "texts" not in case.name
    ]


def corpora(options: argparse.Namespace) -> list[Case]:
    """Eight texts of uneven lengths; and all, sorted for the peers: mean and [CLS]."""
    cases = fixed_cases()
    if options.n_texts:
        cases += corpus_cases(ids_of(read_texts(options.texts, options.n_texts)))
    names = "8 texts", f"{options.n_texts:,} texts, sorted"
    return [case for case in cases if case.name.startswith(names) and case.goals]


def limits_of_tiny(checkpoint: str, cases: list[Case], rounds: int) -> str:
    """Compare with the calls of NumPy."""
    encoder = load_model(checkpoint).encoder
    makers: dict[str, Callable[[], Engine]] = {"calls": partial(CallsAlone, checkpoint)}
    rows = []
    with engine_processes(makers | whole_passes(checkpoint), N_THREADS) as engines:
        for case in cases:
            shape = shape_of(case)
            calls = Calls.of_one_length(*shape)
            works = {"calls": calls, "cheapest": replace(calls, cheapest=True)}
            if shape[0] > 1:
                works["calls, two threads"] = Calls.of_one_length(*shape, N_THREADS)
            both = engines | dict.fromkeys(works, engines["calls"])
            seconds = time_all(both, case, works, rounds)
            shared = seconds.get("calls, two threads", math.inf)
            n_calls = len(calls_of_layers(encoder, calls.batches[0])) // len(encoder.layers)
            rows.append([name_of(case), f"{n_calls}", ms(seconds["cheapest"])])
            rows[-1] += [ms(seconds["calls"]), "" if shared == math.inf else ms(shared)]
            rows[-1] += compared(case, min(seconds["calls"], shared), seconds)
    columns = "calls a layer", "as many of the cheapest", "the calls alone, one thread"
    return table(("case", *columns, "two threads", *HEADER), rows)


def limits_of_base(checkpoint: str, cases: list[Case], rounds: int) -> str:
    """Compare with the matrix products and with the reading of the weights."""
    makers = products(checkpoint) | {"weights": partial(WeightsRead, checkpoint, N_THREADS)}
    makers["calls"] = partial(CallsAlone, checkpoint)
    rows = []
    with engine_processes(makers | whole_passes(checkpoint), N_THREADS) as engines:
        for case in cases:
            shape = shape_of(case)
            ways = {"weights": Shared(*shape, "weights"), "BLAS": Shared(*shape, "BLAS")}
            if shape[0] > 1:
                ways["texts"] = Shared(*shape, "texts")
            works = {f"{part}, {way}": work for part in PARTS for way, work in ways.items()}
            processes = {name: engines[name.split(",")[0]] for name in works}
            works |= {"weights": None, "calls": Calls.of_one_length(*shape, N_THREADS)}
            seconds = time_all(engines | processes, case, works, rounds)
            floors = [min(seconds[f"{part}, {way}"] for way in ways) for part in PARTS]
            floors += [seconds["weights"], seconds["calls"]]
            rows.append([name_of(case), *map(ms, floors), *compared(case, max(floors), seconds)])
    columns = (*PART_NAMES, "weights read once", "the calls alone")
    return table(("case", *columns, *HEADER), rows)


def limits_of_corpora(checkpoint: str, cases: list[Case], rounds: int) -> str:
    """Compare with the matrix products of the batches in which we encode uneven texts."""
    rows = []
    encoder = load_model(checkpoint).encoder
    makers = products(checkpoint) | {"calls": partial(CallsAlone, checkpoint)}
    with engine_processes(makers | whole_passes(checkpoint), N_THREADS) as engines:
        for case in cases:
            only_first_tokens = case.ours.gives == "cls"
            corpus = Corpus.from_lists(encoder, lists_of(case.ours), N_THREADS, only_first_tokens)
            works: dict[str, Any] = dict.fromkeys(PARTS, corpus)
            if not case.is_long:
                works["calls"] = Calls(tuple(map(tuple, corpus.batches)), N_THREADS)
            seconds = time_all(engines, case, works, rounds)
            floors = [seconds[part] for part in works]
            rows.append([name_of(case), *map(ms, floors), *[""] * (len(PARTS) + 1 - len(floors))])
            rows[-1] += compared(case, max(floors), seconds)
    return table(("case", *PART_NAMES, "the calls alone", *HEADER), rows)


def lists_of(work: Work) -> Sequence[Sequence[int]]:
    """Token ids of each text."""
    padded = (zip(batch.input_ids, batch.attention_mask, strict=True) for batch in work.batches)
    return work.input_ids or [ids[mask == 1] for ids, mask in chain.from_iterable(padded)]


def products(checkpoint: str) -> dict[str, Callable[[], Engine]]:
    return {
        "products": partial(Products, checkpoint, N_THREADS),
        "activations": partial(Products, checkpoint, N_THREADS, with_activations=True),
    }


def whole_passes(checkpoint: str) -> dict[str, Callable[[], Engine]]:
    engines: dict[str, Callable[[str], Engine]] = {OURS: Ours, **PEERS}
    return {name: partial(engine, checkpoint) for name, engine in engines.items()}


def time_all(
    engines: Mapping[str, EngineProcess], case: Case, works: Mapping[str, Any], rounds: int
) -> dict[str, float]:
    """Seconds of the whole pass of each engine, and of the parts of ours that are named."""
    works = dict.fromkeys(PEERS, case.theirs) | {OURS: case.ours} | works
    warm_up = None
    if case.is_long:
        rounds = max(1, rounds // 2)
        warm_up = {name: work.beginning() for name, work in works.items()}
    measured = alternate({name: engines[name] for name in works}, works, rounds, warm_up)
    return {name: measurement.median for name, measurement in measured.items()}


def compared(case: Case, floor: float, seconds: Mapping[str, float]) -> list[str]:
    cells = [ms(seconds[OURS])]
    for name in PEERS:
        bound, reached = seconds[name] / floor, seconds[name] / seconds[OURS]
        cells.append(f"{bound:.2f}, {reached:.2f}{judged(bound, reached, case.goals.get(name))}")
    return cells


def judged(bound: float, reached: float, goal: float | None) -> str:
    if goal is None:
        return ""
    verdict = "reached" if reached >= goal else "excluded" if reached < bound < goal else "open"
    return f" (goal {goal:g}: {verdict})"


def shape_of(case: Case) -> tuple[int, int]:
    n_texts, length = case.theirs.batches[0].input_ids.shape
    return n_texts, length


def name_of(case: Case) -> str:
    return f"{case.size}, {case.name}"


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


if __name__ == "__main__":
    main()
