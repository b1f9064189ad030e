"""Find requests that customers sent twice in slightly different words.

    python examples/near_duplicates.py [--model MODEL] [--threshold COSINE]

The script edits copies of 32 of the 128 requests: it swaps two letters, removes a word, adds a
greeting or writes in capitals. Then it searches for these copies. All pairs are compared.
"""

from __future__ import annotations

import argparse

import numpy as np
from quickstart import read_requests

from skdistilbert import DistilBertEmbedder, near_duplicates

N_COPIES = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    parser.add_argument(
        "--threshold", type=float, default=0.8, help="lowest cosine (default: %(default)s)"
    )
    options = parser.parse_args()
    texts, _ = read_requests()
    rng = np.random.default_rng(0)
    originals = rng.choice(len(texts), N_COPIES, replace=False)
    copies = [edit(texts[row], index % 4, rng) for index, row in enumerate(originals)]
    true_pairs = {(int(row), len(texts) + index) for index, row in enumerate(originals)}
    texts += copies

    embeddings = DistilBertEmbedder(options.model, normalize=True).fit_transform(texts)
    for threshold in sorted({0.95, 0.9, 0.8, 0.7, options.threshold}, reverse=True):
        found = near_duplicates(embeddings, threshold)
        n_right = sum((i, j) in true_pairs for i, j in found.pairs.tolist())
        print(
            f"cosine >= {threshold:.2f}: {len(found.pairs)} pairs, {n_right} of the {N_COPIES} "
            "copies are found"
        )

    found = near_duplicates(embeddings, options.threshold)
    print(f"\nThe least similar pairs with a cosine of at least {options.threshold}:")
    for (i, j), score in zip(found.pairs[-3:], found.scores[-3:], strict=True):
        print(f"  {score:.2f}  {texts[i]}\n        {texts[j]}")
    repeated = {row for group in found.groups for row in group[1:]}
    print(f"\n{len(texts) - len(repeated)} of {len(texts)} requests remain, one of each group.")


def edit(text: str, kind: int, rng: np.random.Generator) -> str:
    """Return a text with swapped letters, without a word, with a greeting or in capitals."""
    words = text.split()
    at = int(rng.integers(1, len(text) - 2))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    del words[rng.integers(len(words))]
    greeting = f"Hello, {text[0].lower()}{text[1:]} Thanks!"
    return (swapped, " ".join(words), greeting, text.upper())[kind]


if __name__ == "__main__":
    main()
