"""Compare the speed of the network with torch, ONNX Runtime and sentence-transformers.

    python -m benchmarks.network_speed [--texts FILE] [--n-texts 1000] [--threads 2] [--save]
        [--only REGEX] [--engines NAME ...] [--variants NAME ...] [--python INTERPRETER]

Each engine runs in its own process, on the same token ids and with the same number of threads.
The engines alternate, and medians are compared. ONNX Runtime runs the graph that its own optimiser
fused. A ratio is the time of the peer divided by ours: above 1 we are faster. The peers need the
extra ``benchmark``. With ``--engines skdistilbert`` no peer is needed. ``--only`` selects cases,
whose results are saved in their own file.

``--variants`` adds ours with NumPy, with MKL or in bfloat16 (extra ``mkl``), torch in bfloat16 and
ONNX Runtime in int8. Their times are divided by our time with the faster library.

``--python`` runs ours with another interpreter, such as free-threaded Python, which must have the
dependencies of skdistilbert.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cases import Case, corpus_cases, fixed_cases, pair_case, text_case
from benchmarks.checkpoints import SIZES, write_checkpoint
from benchmarks.corpora import add_text_options, read_texts
from benchmarks.engines import (
    INT8_ONNX_FILE,
    CrossEncoders,
    OnnxRuntime,
    Ours,
    SentenceTransformers,
    Torch,
    export_onnx,
)
from benchmarks.measuring import alternate, engine_processes, medians
from benchmarks.results import Results, add_save_option, save, slug
from skdistilbert import WordPieceTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measuring import Engine, EngineProcess

OURS = "skdistilbert"
ENGINES: dict[str, Callable[[str], Engine]] = {
    OURS: Ours,
    "torch": Torch,
    "ONNX Runtime": OnnxRuntime,
    "sentence-transformers": SentenceTransformers,
    "CrossEncoder": CrossEncoders,
}
VARIANTS_OF_OURS: dict[str, Callable[[str], Engine]] = {
    "NumPy": partial(Ours, library="numpy"),
    "MKL": partial(Ours, library="mkl"),
    "bfloat16": partial(Ours, precision="bfloat16"),
}
VARIANTS_OF_PEERS: dict[str, Callable[[str], Engine]] = {
    "torch bfloat16": partial(Torch, dtype="bfloat16"),
    "ONNX Runtime int8": partial(OnnxRuntime, file=INT8_ONNX_FILE),
}
VARIANTS = VARIANTS_OF_OURS | VARIANTS_OF_PEERS
OF_OURS = {OURS, *VARIANTS_OF_OURS}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    results: Results = {}
    pythons = {OURS: {"python": options.python}} if options.python else {}
    with tempfile.TemporaryDirectory() as directory:
        for (size, peers), group in groupby(cases(options), attrgetter("size", "peers")):
            names = [name for name in (OURS, *peers) if name in options.engines]
            names += [x for x in options.variants if x in VARIANTS_OF_OURS or "torch" in peers]
            checkpoint = Path(directory) / size
            prepare(checkpoint, SIZES[size], with_onnx="ONNX Runtime" in " ".join(names))
            makers = {x: partial((ENGINES | VARIANTS)[x], str(checkpoint)) for x in names}
            with engine_processes(makers, options.threads, pythons) as engines:
                for case in group:
                    seconds = medians(measure(case, engines, OF_OURS, options.rounds))
                    results[str(case)] = columns(seconds)
                    print(case, results[str(case)], flush=True)
                    save(options.save, result_name(options), results, options.threads)


def result_name(options: argparse.Namespace) -> str:
    name = "network_speed" + ("_1_thread" if options.threads == 1 else "")
    name += f"_{slug(Path(options.python).name)}" if options.python else ""
    return name + (f"_{slug(options.only)}" if options.only else "")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add_text_options(parser, 1000)
    add_save_option(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="long cases have half as many")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=[])
    parser.add_argument("--python", help="the interpreter that runs ours (default: this one)")
    parser.add_argument("--only", default="", help="regular expression that selects cases")
    return parser


def cases(options: argparse.Namespace) -> list[Case]:
    """Return the cases that `--only` selects."""
    texts = read_texts(options.texts, options.n_texts)
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    ids = [tokenizer.encode(text, max_length=512, truncation=True) for text in texts]
    found = [*fixed_cases(), *corpus_cases(ids), text_case(texts), pair_case(texts)]
    return [case for case in found if re.search(options.only, str(case))]


def prepare(directory: Path, config: dict[str, int], *, with_onnx: bool) -> None:
    if not directory.exists():
        write_checkpoint(directory, **config)
        if with_onnx:
            export_onnx(directory)


def measure(
    case: Case, engines: dict[str, EngineProcess], ours: set[str], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each engine in each round; the engines in `ours` do not pad."""
    works = {name: case.ours if name in ours else case.theirs for name in engines}
    if not case.is_long:
        return alternate(engines, works, rounds)
    beginnings = {name: work.beginning() for name, work in works.items()}
    return alternate(engines, works, max(1, rounds // 2), beginnings)


def columns(seconds: dict[str, float]) -> dict[str, float | str]:
    """Return our milliseconds, and the time of each peer divided by ours."""
    ours = seconds.pop(OURS)
    ratios = {f"{name} / {OURS}": round(other / ours, 3) for name, other in seconds.items()}
    return {f"{OURS}, ms": round(1000 * ours, 3), **ratios}


if __name__ == "__main__":
    main()
