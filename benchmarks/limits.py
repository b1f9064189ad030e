"""Show how near the network is to what NumPy allows, and which goals are beyond it.

    python -m benchmarks.limits [--rounds 5]

Parts of our forward pass that it can't go without are timed alone, on two threads, beside the
whole pass of each engine. A *bound* is the time of the peer divided by that of the part: the ratio
that would be reached if all the rest took no time. For the 66M model the part is its matrix
products (in the shapes of the pass, by the fastest of three ways: texts shared between threads,
weights shared, BLAS's own threads) or one pass over the weights, whichever takes longer. For the
tiny model it is the calls of NumPy: as many as a pass has, but of the cheapest (`np.add` of one
array of hidden states). The calls that a pass really has are given beside it, with nothing between
them and each with arrays of its own, which are not in the cache where they are large. A goal above
its bound is excluded; one that is below and not reached is open.

Run from the project's root, with the extra ``benchmark``; the section goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import fixed_cases
from benchmarks.engines import OnnxRuntime, Ours, Torch
from benchmarks.floors import (
    Calls,
    CallsAlone,
    Products,
    Shape,
    Shared,
    WeightsRead,
    calls_of_a_layer,
)
from benchmarks.measuring import alternate, engine_processes
from benchmarks.network_speed import OURS, PACKAGES, prepare
from benchmarks.results import machine, table, write_section
from skdistilbert import load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.cases import Case
    from benchmarks.measuring import Engine, EngineProcess

N_THREADS = 2
PEERS = {"torch": Torch, "ONNX Runtime": OnnxRuntime}
HEADER = (OURS, *(f"{name}: bound, reached" for name in PEERS))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as directory:
        for size, group in groupby(filter(has_limit, fixed_cases()), key=attrgetter("size")):
            checkpoint = prepare(size, Path(directory) / size)
            limits = limits_of_tiny if size == "tiny" else limits_of_base
            tables.append(limits(str(checkpoint), list(group), options.rounds))
            print(tables[-1], flush=True)
    command = f"`python -m benchmarks.limits --rounds {options.rounds}`."
    parts = [command, __doc__.split("\n\n")[2], machine(PACKAGES, N_THREADS), *tables]
    write_section("What NumPy can't reach", "\n\n".join(parts))


def has_limit(case: Case) -> bool:
    """Whether it has goals, or shows the bandwidth, and is of one length."""
    return bool(case.goals or case.name == "1 x 16") and "texts" not in case.name


def limits_of_base(checkpoint: str, cases: list[Case], rounds: int) -> str:
    """Compare with the matrix products and with the reading of the weights."""
    makers: dict[str, Callable[[], Engine]] = {
        "products": partial(Products, checkpoint, N_THREADS),
        "weights": partial(WeightsRead, checkpoint, N_THREADS),
    }
    rows = []
    with engine_processes(makers | whole_passes(checkpoint), N_THREADS) as engines:
        for case in cases:
            shape = shape_of(case)
            ways = {"weights": Shared(*shape, "weights"), "BLAS": Shared(*shape, "BLAS")}
            if shape[0] > 1:
                ways["texts"] = Shared(*shape, "texts")
            seconds = time_all(
                engines | {f"products by {way}": engines["products"] for way in ways},
                case,
                {f"products by {way}": work for way, work in ways.items()} | {"weights": None},
                rounds,
            )
            products = min(seconds[f"products by {way}"] for way in ways)
            floor = max(products, seconds["weights"])
            rows.append([name_of(case), ms(products), ms(seconds["weights"])])
            rows[-1] += compared(case, floor, seconds)
    return table(("case", "products alone", "weights read once", *HEADER), rows)


def limits_of_tiny(checkpoint: str, cases: list[Case], rounds: int) -> str:
    """Compare with the calls of NumPy."""
    encoder = load_model(checkpoint).encoder
    makers: dict[str, Callable[[], Engine]] = {"calls": partial(CallsAlone, checkpoint)}
    rows = []
    with engine_processes(makers | whole_passes(checkpoint), N_THREADS) as engines:
        for case in cases:
            shape = shape_of(case)
            works = {"calls": Calls(*shape), "cheapest": Calls(*shape, cheapest=True)}
            both = engines | dict.fromkeys(works, engines["calls"])
            seconds = time_all(both, case, works, rounds)
            n_calls = len(calls_of_a_layer(encoder, Shape(*shape)))
            rows.append([name_of(case), f"{n_calls}", ms(seconds["cheapest"])])
            rows[-1] += [ms(seconds["calls"]), *compared(case, seconds["cheapest"], seconds)]
    header = ("case", "calls a layer", "as many of the cheapest", "the calls alone", *HEADER)
    return table(header, rows)


def whole_passes(checkpoint: str) -> dict[str, Callable[[], Engine]]:
    engines: dict[str, Callable[[str], Engine]] = {OURS: Ours, **PEERS}
    return {name: partial(engine, checkpoint) for name, engine in engines.items()}


def time_all(
    engines: Mapping[str, EngineProcess], case: Case, works: Mapping[str, Any], rounds: int
) -> dict[str, float]:
    """Seconds of the whole pass of each engine, and of the parts of ours that are named."""
    works = dict.fromkeys((OURS, *PEERS), case.theirs) | works
    measured = alternate({name: engines[name] for name in works}, works, rounds)
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
    verdict = "reached" if reached >= goal else "excluded" if bound < goal else "open"
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
