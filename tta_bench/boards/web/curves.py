"""Curves of a training, SVG: loss, gradient norm and learning rate over its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 352, 180
LEFT, RIGHT, TOP, BOTTOM = 56, 344, 10, 150
MOST = 300
"""Most points of a curve: longer trainings are shown as means of as many stretches."""
CURVES = {"loss": "Training loss", "grad_norm": "Gradient norm", "lr": "Learning rate", "knn": "kNN accuracy"}
"""Figures of a step that have a curve, and its heading."""


def curves(steps: Sequence[Mapping[str, float]]) -> Iterator[tuple[str, str]]:
    """Yield heading and SVG of each curve of a training.

    Args:
        steps: Figures of each step that was logged: ``step`` and those of `CURVES`.
    """
    if len(steps) < 2:
        return
    numbers = np.array([line["step"] for line in steps], float)
    for name, heading in CURVES.items():
        values = np.array([line.get(name, math.nan) for line in steps], float)
        known = np.isfinite(values)
        if known.sum() >= 2:
            yield heading, curve(*thinned(numbers[known], values[known]), heading)


def thinned(steps: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return at most `MOST` points: the means of stretches of the same length.

    Args:
        steps: ``(N,)`` numbers of steps.
        values: ``(N,)`` a figure.
    """
    if len(steps) <= MOST:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), MOST)
    return np.array([steps[part].mean() for part in parts]), np.array([values[part].mean() for part in parts])


def curve(steps: NDArray[np.float64], values: NDArray[np.float64], heading: str) -> str:
    """Return one curve.

    Args:
        steps: ``(N,)`` numbers of steps, in order.
        values: ``(N,)`` a finite figure.
        heading: Its name.
    """
    low, high = float(min(values.min(), 0.0)), float(values.max())
    span, length = (high - low) or 1.0, (steps[-1] - steps[0]) or 1.0
    x = LEFT + (RIGHT - LEFT) * (steps - steps[0]) / length
    y = BOTTOM - (BOTTOM - TOP) * (values - low) / span
    points = " ".join(f"{across:.1f},{up:.1f}" for across, up in zip(x, y, strict=True))
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{heading}: {values[0]:.4g} at step '
        f"{steps[0]:.0f}, {values[-1]:.4g} at step {steps[-1]:.0f}</title>"
        f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}"/>'
        f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{BOTTOM}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{LEFT - 6}" y="{BOTTOM}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{LEFT}" y="{BOTTOM + 18}">{steps[0]:,.0f}</text>'
        f'<text x="{RIGHT}" y="{BOTTOM + 18}" text-anchor="end">step {steps[-1]:,.0f}</text>'
        f'<polyline points="{points}"/></svg>'
    )
