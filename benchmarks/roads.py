"""Compare what the network does with other ways to do the same.

    python -m benchmarks.roads [--texts FILE] [--rounds 7] [--only NAME]

Each way is timed in turn with the one that is kept, within one process; medians are compared.
Where another one is faster and yet not taken, the table says why; below a tenth, either may come
out faster in the next run. Arrays have the shapes of the 66M model (8 x 128 tokens on one thread,
if nothing else is said); whole passes are on two threads and 64 real texts.

Run from the project's root, with the extra ``benchmark``; the section goes to RESULTS.md.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.cases import SIZES
from benchmarks.corpora import read_texts
from benchmarks.engines import write_checkpoint
from benchmarks.fine_tuning_tasks import find_minilm
from benchmarks.results import machine, table, write_section
from benchmarks.road_cases import Given, Road, roads
from skdistilbert import WordPieceTokenizer, load_model
from skdistilbert.nn.memory import prepare_memory
from skdistilbert.nn.packing import Ragged


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--texts", type=Path, help="a file with a text a line")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="an expression: the roads it finds, no report")
    options = parser.parse_args()
    prepare_memory(2)
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for road in roads(prepare(Path(directory), options.texts)):
            if re.search(options.only, road.name):
                rows += compared(road, options.rounds)
    if not options.only:
        header = ("road", "kept", "another way", "its time", "times as long", "why not taken")
        parts = [f"`python -m benchmarks.roads --rounds {options.rounds}`."]
        parts += [__doc__.split("\n\n")[2], machine(("numpy", "scipy"), 2)]
        write_section("Roads taken and not", "\n\n".join([*parts, table(header, rows)]))


def prepare(directory: Path, file: Path | None) -> Given:
    write_checkpoint(directory, find_minilm() / "vocab.txt", **SIZES["base"])
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    texts = [
        tokenizer.encode(text, max_length=512, truncation=True) for text in read_texts(file, 64)
    ]
    return Given(directory, load_model(directory).encoder, Ragged.from_lists(texts))


def compared(road: Road, rounds: int) -> list[list[str]]:
    ways = {"": road.kept, **road.others}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    limit = threadpool_limits(1, "blas") if road.n_threads == 1 else nullcontext()
    with limit, np.errstate(all="ignore"):
        for turn in range(rounds + 1):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if turn > 0:
                    seconds[name].append(time.perf_counter() - start)
    kept, *others = (1000 * statistics.median(each) for each in seconds.values())
    rows = []
    for name, other in zip(road.others, others, strict=True):
        why_not = road.why_not.get(name, "") if other < 0.97 * kept else ""
        rows.append([road.name, f"{kept:.3g} ms", name, f"{other:.3g} ms"])
        rows[-1] += [f"{other / kept:.2f}", why_not]
    print("\n".join(" | ".join(row) for row in rows), flush=True)
    return rows


if __name__ == "__main__":
    main()
