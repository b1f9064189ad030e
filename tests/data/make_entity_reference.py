"""Make the F1 scores of seqeval that `entity_f1` is compared with.

Run from the project's root, with seqeval installed:

    python -m tests.data.make_entity_reference
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from seqeval.metrics import f1_score

FILE = Path(__file__).parent / "entity-f1.json"
KINDS = ("PER", "LOC")
PREFIXES = {"IOB": "IB", "IOE": "IE", "BIOES": "BIES", "BILOU": "BILU"}
PLAIN = ("PER", "E-mail", "S-Bahn")
BARE = ("B", "I", "E", "S")


def main() -> None:
    rng = random.Random(0)
    label_sets = {
        scheme: [f"{prefix}-{kind}" for prefix in prefixes for kind in KINDS]
        for scheme, prefixes in PREFIXES.items()
    }
    label_sets |= {"plain": [*PLAIN], "bare": [*BARE]}
    references = []
    for scheme, labels in label_sets.items():
        for _ in range(8):
            true, predicted = (
                [rng.choices(["O", *labels], k=length) for length in (7, 1, 12, 4)]
                for _ in range(2)
            )
            mixed = [  # half of the predictions are true
                [rng.choice(pair) for pair in zip(*rows, strict=True)]
                for rows in zip(true, predicted, strict=True)
            ]
            references.append(reference(scheme, ["O", *labels], true, mixed))
    references.append(reference("IOB", ["O", "B-x", "I-x"], [["O"]], [["O"]]))
    references.append(reference("IOB", ["O", "B-x", "I-x"], [["O"]], [["B-x"]]))
    FILE.write_text(json.dumps(references, separators=(",", ":")) + "\n", encoding="utf-8")


def reference(
    scheme: str, labels: list[str], true: list[list[str]], predicted: list[list[str]]
) -> dict[str, object]:
    """Return labels and their score in seqeval's default mode."""

    def rename(rows: list[list[str]]) -> list[list[str]]:
        return [[_for_seqeval(label, scheme) for label in row] for row in rows]

    score = f1_score(rename(true), rename(predicted), zero_division=1)
    return {"labels": labels, "true": true, "predicted": predicted, "f1": float(score)}


def _for_seqeval(label: str, scheme: str) -> str:
    """Rename labels that seqeval's default mode does not know."""
    if label == "O":
        return label
    if scheme == "plain":
        return f"I-{label}"
    return {"L": "E", "U": "S"}.get(label[0], label[0]) + label[1:]


if __name__ == "__main__":
    main()
