"""Attributions as a bar chart of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.inspection.attribution_text import most_important, shortened, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdistilbert.inspection.attribution import Attribution

# Blue and orange of Okabe and Ito (2008), which colour-blind readers distinguish.
RAISES, LOWERS = "#0072B2", "#E69F00"


def plot_bars(record: Attribution, ax: Axes | None, top: int) -> Axes:
    """Draw the most important words of a text; see `AttributionDisplay.plot`."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            'AttributionDisplay.plot needs matplotlib: pip install "skdistilbert[plot]".'
        ) from None
    best = most_important(record, top)
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 1.4 + 0.3 * len(best)), layout="constrained")
    values = record.values[best].tolist()
    bars = ax.barh(
        range(len(best)), values, color=[LOWERS if value < 0 else RAISES for value in values]
    )
    for bar, value in zip(bars, values, strict=True):
        bar.set_hatch("//" if value < 0 else "")
    # A dollar sign must not start a formula.
    words = [shortened(record.words[index], 30).replace("$", r"\$") for index in best]
    ax.set_yticks(range(len(best)), words)
    ax.invert_yaxis()
    ax.axvline(0, color="gray", linewidth=0.8)
    ax.set(title=title_of(record).replace("$", r"\$"), xlabel=_axis_label(record))
    return ax


def _axis_label(record: Attribution) -> str:
    if record.reason is not None:
        return record.reason
    target = "the prediction" if record.target is None else str(record.target)
    return f"contribution to the score of {target}".replace("$", r"\$")
