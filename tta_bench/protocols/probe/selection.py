"""Honest selection: a point of a grid is chosen on groups held out of the training list, never on the test list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.datasets.layout import Sample
from tta_bench.errors import UserError
from tta_bench.metrics.ties import Places, counted, places
from tta_bench.records import selection as recorded
from tta_bench.utils.keyed_random import generator

Point = Mapping[str, float]
"""Settings of one point of a grid, by name."""
SMALLER_FIRST = {"lr": True, "C": True, "weight_decay": False}
"""Of equal held-out scores the smaller rate goes first, the weaker C, then the larger decay: the calmer training."""
LEAST_COVER = 0.5
"""Least share of the classes that the held-out part must have."""


@dataclass(frozen=True)
class HeldOut:
    """The part of a training list that chooses among the points of a grid."""

    mask: NDArray[np.bool_]
    """True for the held-out clips, in the list's order."""
    groups: int
    """Their groups."""

    @property
    def clips(self) -> int:
        """Number of held-out clips."""
        return int(self.mask.sum())


def held_out(samples: Sequence[Sample], share: float, dataset: str, split: int) -> HeldOut:
    """Return whole groups of a training list, near a share of every class: the same for all backbones and seeds.

    In an order keyed by dataset and split, a group is held out if that brings the held-out number of each class nearer
    to its share (in squares, summed over classes) and leaves every class at least a clip to be trained with.

    Args:
        samples: The training list.
        share: Wanted share of each class.
        dataset: Name of the dataset.
        split: Number of the split.

    Raises:
        UserError: There are too few groups for a held-out part with at least half of the classes.
    """
    classes = 1 + max(sample.label for sample in samples)
    members: dict[str, NDArray[np.int64]] = defaultdict(lambda: np.zeros(classes, np.int64))
    for sample in samples:
        members[sample.group][sample.label] += 1
    total = np.sum(list(members.values()), axis=0)
    lacking, names = total * share, sorted(members)
    chosen: set[str] = set()
    kept = total.copy()
    for index in generator("held out", dataset, split).permutation(len(names)):
        count = members[names[index]]
        nearer = ((lacking - count) ** 2).sum() < (lacking**2).sum()
        if nearer and (kept - count)[count > 0].min() >= 1:
            lacking, kept = lacking - count, kept - count
            chosen.add(names[index])
    there = int((total > 0).sum())
    covered = int((total - kept > 0).sum())
    if covered < LEAST_COVER * there:
        several = sum(len({s.group for s in samples if s.label == label}) > 1 for label in range(classes))
        raise UserError(
            f"the training list has too few groups to choose a grid point on groups held out: {several} of {there} "
            f"classes have two groups or more, and {covered} can be held out.",
            "Say one learning rate and one weight decay (probe.lrs=1e-3 probe.decays=0.01), or for linear "
            "linear.points=1, which chooses nothing; or use a knn protocol, which has nothing to choose.",
        )
    return HeldOut(np.array([sample.group in chosen for sample in samples]), len(chosen))


def choose(points: Sequence[Point], scores: Sequence[float]) -> int:
    """Return the index of the point with the highest held-out score; of equal ones the calmest (`SMALLER_FIRST`)."""

    def place(index: int) -> tuple[float, ...]:
        calm = (value if SMALLER_FIRST[name] else -value for name, value in points[index].items())
        return (-scores[index], *calm)

    return min(range(len(points)), key=place)


def at_edge(points: Sequence[Point], chosen: int) -> tuple[str, ...]:
    """Return the settings of which the chosen value is the least or largest of three or more."""
    values = {name: sorted({point[name] for point in points}) for name in points[chosen]}
    return tuple(
        name for name, known in values.items() if len(known) > 2 and points[chosen][name] in (known[0], known[-1])
    )


def accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the share of clips whose true class has the highest score, a tie of k counting 1/k."""
    ranks, tied, _ = places(scores, labels)
    return float(counted(Places(ranks, tied)).mean())


def describe_selection(
    points: Sequence[Point],
    held: Sequence[float] | None,
    tested: Sequence[float],
    chosen: int,
    part: HeldOut | None,
) -> recorded.Selection:
    """Return the record's entry of a selection.

    Args:
        points: The grid.
        held: Held-out score of each point; None where nothing was chosen.
        tested: Score of each point on the test list, once trained on the whole training list.
        chosen: Index of the chosen point.
        part: The held-out part.
    """
    return recorded.Selection(
        points=tuple(
            recorded.GridPoint(settings=dict(point), held_out=None if held is None else held[index], test=tested[index])
            for index, point in enumerate(points)
        ),
        chosen=chosen,
        held_out_clips=part.clips if part else 0,
        held_out_groups=part.groups if part else 0,
        at_edge=at_edge(points, chosen) if held is not None else (),
        optimism=max(tested) - tested[chosen],
    )
