"""Classes of a classifier's test: accuracy on each with its interval, and the matrix of what was taken for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.boards import escape
from tta_bench.metrics.pearson import FEWEST, fisher, pearson
from tta_bench.metrics.proportions import korn_graubard
from tta_bench.records.intensities import IntensityOutcomes
from tta_bench.records.predictions import Outcomes, Predictions

_SIDE, _EDGE = 420, 150
"""Pixels: the side of a matrix, and the room for names beside one of few classes."""
_NAMED = 24
"""Most classes whose names stand beside the matrix."""
_LABEL = 20
"""Most characters of a name."""


class ClassFigure(NamedTuple):
    """The figure of one class or emotion, with its 95 % interval."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    """Samples."""


class Mistake(NamedTuple):
    """Clips of one class that were taken for another."""

    true: str
    taken_for: str
    clips: int
    of: int
    """Clips of the class."""


class ClassHits(NamedTuple):
    """Hits of one run on the classes that have samples, each column in the order of the classes."""

    names: Sequence[str]
    """Names of the classes."""
    right: Sequence[float]
    """Hits on each; a tie may count a part of 1."""
    totals: Sequence[int]
    """Clips of each."""
    groups: Sequence[float]
    """Equal groups that tell as much as those of the class."""


def class_hits(outcomes: Outcomes) -> ClassHits:
    """Return the hits of a run on each class that has samples.

    Args:
        outcomes: Those of the run's samples.
    """
    columns = _clips_of_classes(
        outcomes.classes,
        *(outcomes.labels.dtype, outcomes.labels.tobytes()),
        *(outcomes.groups.dtype, outcomes.groups.tobytes()),
    )
    right = np.bincount(outcomes.labels, weights=outcomes.ranks == 0, minlength=len(outcomes.classes))
    return ClassHits(columns.names, right[columns.places].tolist(), columns.totals, columns.groups)


def class_figure(name: str, right: float, n: int, groups: float) -> ClassFigure:
    """Return the figure of one class, with Korn and Graubard's interval in which a whole group counts as one sample.

    Args:
        name: Its name.
        right: Hits.
        n: Samples.
        groups: Equal groups that tell as much.
    """
    return ClassFigure(name, right / n, *korn_graubard(right / n, groups), n)


class _Classes(NamedTuple):
    """Classes of a split that have samples."""

    places: NDArray[np.intp]
    """Their numbers."""
    names: list[str]
    totals: list[int]
    groups: list[float]


@lru_cache(maxsize=16)
def _clips_of_classes(
    classes: tuple[str, ...], kind: np.dtype[Any], labels: bytes, kind_of_groups: np.dtype[Any], groups: bytes
) -> _Classes:
    """Return the classes that have samples; all runs of a split have the same."""
    names, group = np.unique(np.frombuffer(groups, kind_of_groups), return_inverse=True)
    cells = np.frombuffer(labels, kind).astype(np.int64) * len(names) + group
    sizes = np.bincount(cells, minlength=len(classes) * len(names)).reshape(len(classes), len(names))
    totals = sizes.sum(1)
    effective = totals**2 / np.maximum((sizes**2).sum(1), 1)  # Kish's number, as `effective_groups` has it
    (places,) = np.nonzero(totals)
    return _Classes(places, [classes[place] for place in places], totals[places].tolist(), effective[places].tolist())


def emotion_figures(outcomes: IntensityOutcomes) -> Iterator[ClassFigure]:
    """Yield the figure of each emotion, with Fisher's interval in which a whole group counts as one sample.

    Args:
        outcomes: Those of the run's samples.
    """
    values = pearson(outcomes.outputs, outcomes.targets)
    n = len(outcomes.keys)
    groups = n if outcomes.subjects is None else len(np.unique(outcomes.subjects))
    for name, r in zip(outcomes.emotions, values.tolist(), strict=True):
        known = not np.isnan(r) and groups >= FEWEST
        low, high = fisher(min(1.0, max(-1.0, r)), groups) if known else (None, None)
        yield ClassFigure(name, 0.0 if np.isnan(r) else r, low, high, n)


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Return the counts ``(C, C)`` of clips by true class and by the class with the highest score.

    Args:
        predictions: Every clip's scores; of equal scores the lowest class number wins.
    """
    count = len(predictions.classes)
    taken = predictions.scores.argmax(1)
    pairs = np.bincount(predictions.labels * count + taken, minlength=count * count)
    return pairs.reshape(count, count).astype(np.int64)


def mistakes(matrix: NDArray[np.int64], classes: tuple[str, ...], most: int = 20) -> list[Mistake]:
    """Return the pairs of classes that are confused most often.

    Args:
        matrix: Counts by true class and taken class.
        classes: Names of the classes.
        most: Number of pairs.
    """
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = (divmod(int(index), len(classes)) for index in order)
    return [
        Mistake(classes[true], classes[taken], int(wrong[true, taken]), int(matrix[true].sum()))
        for true, taken in pairs
        if wrong[true, taken]
    ]


def matrix_picture(matrix: NDArray[np.int64], classes: tuple[str, ...]) -> str:
    """Return the matrix as SVG: a row for each true class, darker where more of its clips went.

    Args:
        matrix: Counts by true class and taken class.
        classes: Names of the classes; they stand beside it where there are few.
    """
    count = len(classes)
    named = count <= _NAMED
    left = _EDGE if named else 0
    step = _SIDE / count
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    parts = [
        f'<svg class="matrix" viewBox="0 0 {left + _SIDE} {_SIDE + left}" role="img">'
        "<title>Confusion matrix: a row for each true class, a column for each class that it was taken for</title>"
        f'<rect class="plane" x="{left}" y="0" width="{_SIDE}" height="{_SIDE}"/>'
    ]
    for true, taken in zip(*np.nonzero(matrix), strict=True):
        right = " hit" if true == taken else ""
        parts.append(
            f'<rect class="cell{right}" x="{left + taken * step:.1f}" y="{true * step:.1f}" width="{step:.1f}" '
            f'height="{step:.1f}" fill-opacity="{max(shares[true, taken], 0.08):.2f}"><title>'
            f"{escape.html(classes[true])} taken for {escape.html(classes[taken])}: {matrix[true, taken]}"
            "</title></rect>"
        )
        if named:
            x, y = left + (taken + 0.5) * step, (true + 0.5) * step + 4
            deep = " deep" if shares[true, taken] > 0.75 else ""
            parts.append(f'<text class="count{deep}" x="{x:.1f}" y="{y:.1f}">{matrix[true, taken]}</text>')
    for index, name in enumerate(classes if named else ()):
        words = escape.html(name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…")
        at = (index + 0.5) * step
        parts.append(f'<text class="name" x="{left - 6}" y="{at + 4:.1f}">{words}</text>')
        x, y = left + at + 4, _SIDE + 6
        parts.append(f'<text class="name" x="{x:.1f}" y="{y}" transform="rotate(-90 {x:.1f} {y})">{words}</text>')
    return "".join([*parts, "</svg>"])
