"""Measure which operations take the time of a forward pass.

    python -m benchmarks.pass_profile [--rounds 30] [--only REGEX]

The script prints the processor time of a pass on one thread, and the share of each kind of
operation. The processor time hardly depends on other programs that run. "other" is mainly Python
and the sums between operations.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.checkpoints import SIZES, Size, random_model
from skdistilbert import DistilBertConfig, embed, load_model
from skdistilbert.nn import activations, encoder
from skdistilbert.nn.runtime import ConstantWeightProducts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SENTENCE = "Where is my parcel?"


class Stopwatch:
    """The processor time of each kind of operation in one pass."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._watch(ConstantWeightProducts, "multiply", "matrix products")
        self._watch(encoder, "self_attention", "attention")
        self._watch(encoder, "layer_norm", "normalisation")
        self._watch(activations.ACTIVATIONS, "gelu", "GELU")

    def _watch(self, owner: Any, name: str, operation: str) -> None:  # noqa: ANN401
        is_table = isinstance(owner, dict)
        function = owner[name] if is_table else getattr(owner, name)

        def watched(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            start = time.thread_time()
            result = function(*arguments, **options)
            self.seconds[operation] += time.thread_time() - start
            return result

        if is_table:
            owner[name] = watched
        else:
            setattr(owner, name, watched)

    def profile(self, run: Callable[[], object], rounds: int) -> tuple[float, dict[str, float]]:
        """Return the milliseconds of a fast round, and the share of each operation."""
        results = []
        for _ in range(rounds):
            self.seconds.clear()
            start = time.thread_time()
            run()
            results.append((time.thread_time() - start, dict(self.seconds)))
        total, seconds = sorted(results, key=lambda result: result[0])[rounds // 5]
        seconds["other"] = total - sum(seconds.values())
        shares = {name: round(part / total, 3) for name, part in seconds.items()}
        return round(1000 * total, 3), shares


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="regular expression that selects cases")
    options = parser.parse_args(arguments)
    stopwatch = Stopwatch()
    for name, prepare in CASES.items():
        if re.search(options.only, name):
            print(name, *stopwatch.profile(prepare(), options.rounds), flush=True)


def random_texts(size: Size, n_texts: int, length: int) -> Callable[[], object]:
    """Return a pass of texts of random tokens through a model with random weights."""
    model = random_model(DistilBertConfig(**SIZES[size]))
    ids = [random.choices(range(1000, 30000), k=length) for _ in range(n_texts)]
    return partial(model.hidden_states, ids, n_threads=1)


def one_sentence() -> Callable[[], object]:
    """Return the embedding of a sentence with the bundled model, from the string on."""
    return partial(embed, load_model("mini"), [SENTENCE], n_threads=1)


CASES: dict[str, Callable[[], Callable[[], object]]] = {
    "base, 8 x 128": partial(random_texts, "base", 8, 128),
    "base, 1 x 32": partial(random_texts, "base", 1, 32),
    "mini, one sentence": one_sentence,
    "tiny, 8 x 128": partial(random_texts, "tiny", 8, 128),
    "tiny, 1 x 32": partial(random_texts, "tiny", 1, 32),
}


if __name__ == "__main__":
    main()
