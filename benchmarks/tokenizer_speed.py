"""Compare the speed of the tokenizer with `tokenizers` (Rust) and with transformers.

    python -m benchmarks.tokenizer_speed [--texts FILE] [--n-texts 4000] [--save]

Ours runs on one thread. `encode_batch` of tokenizers runs on one and on all threads. Its time
includes the conversion to the same result: ids as int32 arrays, or ids and offsets as lists. "New"
means that our tokenizer has seen no word before. Each engine runs in its own process; they
alternate, and medians are compared. The last rows are the megabytes that our caches hold after
150,000 random words.
"""

from __future__ import annotations

import argparse
import os
import random
import tracemalloc
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import skdistilbert
from benchmarks.corpora import add_text_options, read_texts
from benchmarks.measuring import alternate, engine_processes, medians
from benchmarks.results import Results, add_save_option, save
from benchmarks.tokenizer_engines import Ours, Rust, Transformers, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.measuring import Engine, EngineProcess

SENTENCE = "Hello, this is a test sentence for benchmarking purpose."
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCAB = str(Path(skdistilbert.__file__).parent / "mini_model" / "vocab.txt")
OURS, RUST, RUST_THREADS, TRANSFORMERS = (
    "skdistilbert",
    "tokenizers, 1 thread",
    "tokenizers, all threads",
    "transformers",
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add_text_options(parser, 4000)
    add_save_option(parser)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1, help="share of the artificial texts")
    options = parser.parse_args(arguments)
    texts = read_texts(options.texts, options.n_texts)
    makers: dict[str, Callable[[], Engine]] = {
        OURS: partial(Ours, VOCAB),
        RUST: partial(Rust, VOCAB, 1),
        RUST_THREADS: partial(Rust, VOCAB, os.cpu_count() or 1),
    }
    if find_spec("transformers"):
        makers[TRANSFORMERS] = partial(Transformers, VOCAB)
    results: Results = {}
    with engine_processes(makers, 1) as engines:
        for name, work in cases(texts, options.scale).items():
            results[name] = compare(work, engines, options.rounds)
            print(name, results[name], flush=True)
    results |= memory(options.scale)
    save(options.save, "tokenizer_speed", results, 1)


def cases(texts: list[str], scale: float) -> dict[str, Work]:
    """Return real texts, short sentences, and texts without repeated words."""
    rng = random.Random(0)
    words = SENTENCE.split()
    n_sentences = int(1000 * scale)
    reordered = [" ".join(rng.sample(words, len(words))) for _ in range(n_sentences)]
    ids, offsets = Work(texts, "ids"), Work(texts, "offsets")
    return {
        "new texts": replace(ids, caches="empty"),
        "repeated texts": ids,
        "new texts, offsets": replace(offsets, caches="empty"),
        "repeated texts, offsets": offsets,
        "repeated texts, one by one": replace(ids, one_by_one=True),
        "one short text, repeated": Work([SENTENCE] * n_sentences, "ids", one_by_one=True),
        "new sentences of known words": Work(reordered, "ids", one_by_one=True, caches="words"),
        **{name: Work(hard, "ids", caches="empty") for name, hard in hard_texts(scale).items()},
    }


def hard_texts(scale: float) -> dict[str, list[str]]:
    """Return texts that contain hardly any word twice."""
    rng = random.Random(0)
    n_texts, n_words = int(2_000 * scale), int(100_000 * scale)
    distinct = list({random_word(rng, 5, 12): None for _ in range(n_words + 1_000)})[:n_words]
    return {
        "random words": [
            " ".join(random_word(rng, 1, 15) for _ in range(50)) for _ in range(n_texts)
        ],
        "Chinese": [chinese(rng, 100) for _ in range(n_texts)],
        "one text without spaces": [random_word(rng, 10 * n_words, 10 * n_words)],
        "one text of distinct words": [" ".join(distinct)],
    }


def random_word(rng: random.Random, shortest: int, longest: int) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randint(shortest, longest)))


def chinese(rng: random.Random, length: int) -> str:
    return "".join(chr(rng.randrange(0x4E00, 0x9FA0)) for _ in range(length))


def compare(
    work: Work, engines: Mapping[str, EngineProcess], rounds: int
) -> dict[str, float | str]:
    """Return our texts per second, and the time of each peer divided by ours."""
    chosen = {
        name: engine for name, engine in engines.items() if name != TRANSFORMERS or work.one_by_one
    }
    seconds = medians(alternate(chosen, dict.fromkeys(chosen, work), rounds))
    ours = seconds.pop(OURS)
    ratios = {f"{name} / {OURS}": other / ours for name, other in seconds.items()}
    return {f"{OURS}, texts per second": len(work.texts) / ours, **ratios}


def memory(scale: float) -> Results:
    """Return the megabytes that the caches hold after many distinct words."""
    results: Results = {}
    for output in ("ids", "offsets"):
        tokenizer = Ours(VOCAB).tokenizer
        encode: Callable[[str], Any] = (
            tokenizer.encode if output == "ids" else tokenizer.encode_with_offsets
        )
        encode("tokenize")  # creates the tables of the vocabulary
        rng = random.Random(0)
        tracemalloc.start()
        for _ in range(int(1_500 * scale)):
            encode(" ".join(random_word(rng, 3, 12) for _ in range(100)))
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        results[f"caches, {output}"] = {f"{OURS}, MB": held / 1e6}
    return results


if __name__ == "__main__":
    main()
