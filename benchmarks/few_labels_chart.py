"""Draw the test accuracy by the number of texts per class from the results of few_labels.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CHART = Path(__file__).parent / "few_labels.png"
ROW = re.compile(r"(\d+) per class, (.+)")

Results = Mapping[str, Mapping[str, float]]


def curves(results: Results) -> dict[str, dict[int, float]]:
    """Return the accuracies by method and number of texts per class."""
    found: dict[str, dict[int, float]] = {}
    for row, columns in results.items():
        match = ROW.fullmatch(row)
        assert match is not None
        found.setdefault(match[2], {})[int(match[1])] = columns["accuracy"]
    return found


def draw(results: Mapping[str, Results], file: Path = CHART) -> None:
    """Draw one panel for each task: its name and its results."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(results), figsize=(11, 5), layout="constrained", squeeze=False
    )
    for panel, (task, rows) in zip(axes[0], results.items(), strict=True):
        methods = curves(rows)
        for method, accuracy in methods.items():
            if not method.endswith(", mini"):
                label = method.removesuffix(", MiniLM")
                panel.plot([*accuracy], [*accuracy.values()], marker="o", label=label)
        panel.set(title=task, xlabel="texts per class", ylabel="test accuracy", xscale="log")
        sizes = sorted({size for accuracy in methods.values() for size in accuracy})
        panel.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        panel.minorticks_off()
        panel.legend(fontsize="small")
    figure.savefig(file, dpi=80)
