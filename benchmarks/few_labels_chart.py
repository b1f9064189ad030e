"""Draw the test accuracy by the number of texts per class from the results of few_labels.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CHART = Path(__file__).parent / "few_labels.png"
ROW = re.compile(r"(.+), (\d+) per class, (.+)")


def curves(results: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, dict[int, float]]]:
    """Return the accuracies by task, method and number of texts per class."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for row, columns in results.items():
        match = ROW.fullmatch(row)
        assert match is not None
        task, size, method = match.groups()
        found.setdefault(task, {}).setdefault(method, {})[int(size)] = columns["accuracy"]
    return found


def draw(results: Mapping[str, Mapping[str, float]], file: Path = CHART) -> None:
    from matplotlib import pyplot as plt

    tasks = curves(results)
    figure, axes = plt.subplots(
        1, len(tasks), figsize=(11, 5), layout="constrained", squeeze=False
    )
    for panel, (task, methods) in zip(axes[0], tasks.items(), strict=True):
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
