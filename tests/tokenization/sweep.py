"""Compare the tokenizer with the Rust library `tokenizers`, string by string.

    python -m tests.tokenization.sweep code-points --vocab vocab.txt ... [--every 1]
    python -m tests.tokenization.sweep random --vocab vocab.txt ... [--strings 1000000]

``code-points`` compares each code point of Unicode in five contexts: by itself, between letters,
doubled, after and before a combining mark. It does so for all 12 combinations of lowercase,
strip_accents and handle_chinese_chars: 67 million strings per vocabulary. ``--every 100`` compares
each hundredth code point. ``random`` compares mixtures of words, accents, emoji, control
characters, marks, whitespace and special tokens; vocabulary and options change every 2000 strings.

Ids, offsets and words of each string must be equal. The script prints the first differences and
exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from typing import TYPE_CHECKING

from skdistilbert import WordPieceTokenizer
from skdistilbert.tokenization import encode_ragged
from tests.tokenization.reference import OPTIONS, as_options, random_text, reference_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokenizers import Tokenizer

CONTEXTS = ("{0}", "a{0}b", "{0}{0}", "a\u0301{0}", "{0}\u0301")
BATCH = 2000
# Joining this many strings to one text takes a third of the time.
N_JOINED = 100
Options = tuple[bool, bool | None, bool]


class Pair:
    """Both tokenizers, with the same vocabulary and options."""

    def __init__(self, vocab: dict[str, int], options: Options) -> None:
        self.options = options
        self.ours = WordPieceTokenizer(vocab, **as_options(*options))
        self.theirs: Tokenizer = reference_tokenizer(vocab, *options)
        for index, token in self.ours.ids_to_tokens.items():
            assert self.theirs.id_to_token(index) == token

    def differing(self, texts: list[str]) -> Iterator[str]:
        """Yield the texts whose encodings differ."""
        expected = self.theirs.encode_batch(texts, add_special_tokens=False)
        ragged = encode_ragged(self.ours, texts, add_special_tokens=False).input_ids
        for text, theirs, ids in zip(texts, expected, ragged, strict=True):
            ours = self.ours.encode_with_offsets(text, add_special_tokens=False)
            expected_fields = (theirs.ids, theirs.offsets, theirs.word_ids)
            got_fields = (ours.input_ids, ours.offsets, ours.word_ids)
            alone = self.ours.encode(text, add_special_tokens=False)
            if got_fields != expected_fields or not alone == ids.tolist() == theirs.ids:
                yield text

    def differing_when_joined(self, texts: list[str], n_joined: int) -> Iterator[str]:
        """Join `n_joined` texts with spaces, and yield the texts whose results differ.

        If both tokenizers return the same ids and offsets for the joined text, they do so for its
        parts. If only the joined text differs, yield the joined text.
        """
        starts = range(0, len(texts), n_joined)
        groups = {" ".join(group): group for group in (texts[i : i + n_joined] for i in starts)}
        for whole in self.differing(list(groups)):
            yield from list(self.differing(groups[whole])) or [whole]


def code_point_batches(
    vocabs: dict[str, dict[str, int]], every: int
) -> Iterator[tuple[str, Pair, list[str]]]:
    codes = [code for code in range(0, 0x110000, every) if not 0xD800 <= code < 0xE000]
    for name, vocab in vocabs.items():
        for options in OPTIONS:
            pair = Pair(vocab, options)
            for start in range(0, len(codes), BATCH):
                characters = [chr(code) for code in codes[start : start + BATCH]]
                for context in CONTEXTS:
                    yield name, pair, [context.format(each) for each in characters]


def random_batches(
    vocabs: dict[str, dict[str, int]], n_strings: int, seed: int
) -> Iterator[tuple[str, Pair, list[str]]]:
    pairs: dict[tuple[str, Options], Pair] = {}
    for start in range(0, n_strings, BATCH):
        rng = random.Random(f"{seed} {start}")
        name, options = rng.choice(list(vocabs)), rng.choice(OPTIONS)
        if (name, options) not in pairs:
            pairs[name, options] = Pair(vocabs[name], options)
        words = [word for word in rng.sample(list(vocabs[name]), 500) if word.isalpha()]
        words += [word.title() for word in words] + [word.upper() for word in words]
        n_texts = min(BATCH, n_strings - start)
        yield name, pairs[name, options], [random_text(rng, words) for _ in range(n_texts)]


def compare(batches: Iterable[tuple[str, Pair, list[str]]], n_joined: int = 1) -> int:
    """Compare all batches, print the first differences, and return their number."""
    started, n_strings, n_differing = time.perf_counter(), 0, 0
    last = None
    for name, pair, texts in batches:
        if (name, pair.options) != last and sys.stderr.isatty():
            print(f"{n_strings:>12,} {name} {pair.options}", file=sys.stderr)
            last = name, pair.options
        for text in pair.differing_when_joined(texts, n_joined):
            n_differing += 1
            if n_differing <= 20:
                print(f"DIFFERS {name} {pair.options}: {text!a}")
        n_strings += len(texts)
    seconds = time.perf_counter() - started
    print(f"{n_strings:,} strings, {n_differing} differ ({seconds:.0f} s)")
    return n_differing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["code-points", "random"])
    parser.add_argument("--vocab", nargs="+", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--strings", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    vocabs = {name: WordPieceTokenizer(name).vocab for name in chosen.vocab}
    if chosen.what == "random":
        return compare(random_batches(vocabs, chosen.strings, chosen.seed))
    return compare(code_point_batches(vocabs, chosen.every), N_JOINED)


if __name__ == "__main__":
    sys.exit(main() > 0)
