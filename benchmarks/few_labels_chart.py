"""Draw the test accuracy by the number of texts per class from the results of few_labels.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.few_labels_engines import METHODS, SETFIT

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
    """Draw one panel for each task: its name and its results. SetFit is a star."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(results), figsize=(11, 5), layout="constrained", squeeze=False
    )
    for panel, (task, rows) in zip(axes[0], results.items(), strict=True):
        sizes: set[int] = set()
        for name, accuracy in curves(rows).items():
            method = name.removesuffix(", MiniLM")
            if method in METHODS:
                marker, color = "*" if method == SETFIT else "o", f"C{METHODS.index(method)}"
                values = [*accuracy.values()]
                panel.plot([*accuracy], values, marker, linestyle="-", color=color, label=method)
                sizes |= accuracy.keys()
        panel.set(title=task, xlabel="texts per class", ylabel="test accuracy", xscale="log")
        panel.set_xticks(sorted(sizes), [str(size) for size in sorted(sizes)], minor=False)
        panel.minorticks_off()
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(file, dpi=80)
