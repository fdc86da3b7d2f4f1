"""Picture of a scaling study: accuracy against clips pre-trained on, as SVG that follows its reader into the dark."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from tta_bench.protocols.scaling.curve import Saturation
from tta_bench.protocols.scaling.report import Study

INK, PAPER, MEAN, CURVE, DIM = "#1f2328", "#ffffff", "#0969da", "#9a6700", "#59636e"
"""Colours in the light, those of the web pages."""
DARK = {INK: "#f0f6fc", PAPER: "#0d1117", MEAN: "#4493f8", CURVE: "#d29922", DIM: "#9198a1"}
"""Colours in the dark by those in the light."""


def draw(study: Study, file: Path) -> None:
    """Write the plot as SVG: each seed, each size's mean with its interval, and the curve where there is one."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    levels = [level for level in study.levels if level.size]
    settings: dict[Any, Any] = dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color"), INK
    )
    settings |= {"svg.hashsalt": "tta-bench", "svg.fonttype": "none", "legend.edgecolor": DIM}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained", facecolor=PAPER)
        axes = figure.add_subplot(facecolor=PAPER)
        axes.set_xscale("log")
        sizes = [level.size for level in levels]
        means = [100 * level.accuracy.value for level in levels]
        errors = [
            [100 * (level.accuracy.value - level.accuracy.low) for level in levels],
            [100 * (level.accuracy.high - level.accuracy.value) for level in levels],
        ]
        axes.errorbar(sizes, means, yerr=errors, fmt="s", color=MEAN, capsize=4, label="mean of seeds, 95 %")
        seeds = [(level.size, 100 * value) for level in levels for value in level.values]
        axes.plot(*zip(*seeds, strict=True), "o", mfc="none", color=INK, ms=6, zorder=3, label="each seed")
        _draw_lines(axes, study, sizes)
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("clips pre-trained on")
        axes.set_ylabel("top-1, %")
        axes.set_title(study.title, fontsize=10)
        axes.legend(fontsize=8)
        drawn = StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    file.write_text(with_dark(drawn.getvalue()), encoding="utf-8")


def with_dark(svg: str) -> str:
    """Return matplotlib's SVG with the colours that it has in the dark.

    Args:
        svg: Picture whose colours are of `DARK`, and whose letters are text.
    """
    rules = "".join(
        f'[style*="{part}: {light}"]{{{part}:{dark}!important}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
        if f"{part}: {light}" in svg
    )
    style = f"<style>@media(prefers-color-scheme:dark){{text{{fill:{DARK[INK]}}}{rules}}}</style>"
    before, closing, after = svg.rpartition("</svg>")
    return f"{before}{style}{closing}{after}"


def _draw_lines(axes: Any, study: Study, sizes: Sequence[int]) -> None:
    """Draw the curve and the level without pre-training, if they exist."""
    if isinstance(study.fit, Saturation):
        along = np.geomspace(min(sizes), max(sizes), 200)
        axes.plot(along, 100 * study.fit.at(along), color=CURVE, label="saturating curve")
        axes.axhspan(100 * study.fit.low, 100 * study.fit.high, color=CURVE, alpha=0.12, label="where it levels off")
    for level in study.levels:
        if not level.size:
            axes.axhline(100 * level.accuracy.value, color=DIM, ls="--", label="without pre-training")
