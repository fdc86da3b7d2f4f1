"""Plots of docs/statistics.md: how often a worse size is called sufficient, and what the official lists can show.

    python -m benchmarks.statistics_plots

The shares are those that `tests/acceptance/test_statistics.py` prints (1,000 studies each; those of before, 200 each).
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from tta_bench.metrics.paired import design_effect, detectable_difference

DOCS = Path(__file__).parents[1] / "docs"
DEVIATIONS = (0, 1, 2)
BEFORE = {1: (0.075, 0.280, 0.330), 3: (0.000, 0.095, 0.160), 5: (0.025, 0.085, 0.090)}
"""Share of studies by seeds: percentiles of a bootstrap over groups and seeds."""
NOW = {3: (0.012, 0.051, 0.052), 5: (0.018, 0.052, 0.049)}
"""The same now; one seed names none."""
LISTS = {"UCF101 split 1": (3783, 5.65, 0.06), "HMDB51 split 1": (1530, 6.24, 0.15)}
"""Clips, mean size of a clip's group, and share of clips that only one of two models gets right."""


def save(figure: Figure, name: str) -> None:
    """Write a plot that is the same every time."""
    with mpl.rc_context({"svg.hashsalt": "tta-bench", "svg.fonttype": "none"}):
        figure.savefig(DOCS / name, format="svg", metadata={"Date": None})


def sufficient() -> None:
    """Draw the share of studies that call a size sufficient which is exactly one point worse."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for number, (seeds, shares) in enumerate(BEFORE.items()):
        axes.plot(DEVIATIONS, shares, "o--", color=f"C{number}", mfc="none", label=f"before, {seeds} seeds")
        if seeds in NOW:
            axes.plot(DEVIATIONS, NOW[seeds], "s-", color=f"C{number}", label=f"now, {seeds} seeds")
    axes.axhline(0.05, color="0.5", lw=1)
    axes.set_xticks(DEVIATIONS)
    axes.set_xlabel("training sd, points")
    axes.set_ylabel("called sufficient though a point worse")
    axes.legend(fontsize=8)
    save(figure, "statistics_sufficient.svg")


def detectable() -> None:
    """Draw the difference that a paired test finds with power .8, by how alike the clips of a group are."""
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.add_subplot()
    alike = np.linspace(0, 0.6, 61)
    for name, (n, size, share) in LISTS.items():
        points = [100 * detectable_difference(n, share, effect=design_effect(size, value)) for value in alike]
        axes.plot(alike, points, label=f"{name}, disagree on {share:.0%}")
    axes.set_ylim(0)
    axes.set_xlabel("correlation of the clips of a group")
    axes.set_ylabel("detectable difference, points")
    axes.legend(fontsize=8)
    save(figure, "statistics_detectable.svg")


if __name__ == "__main__":
    sufficient()
    detectable()
