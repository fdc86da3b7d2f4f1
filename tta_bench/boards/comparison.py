"""Two records side by side, on the samples that they share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tta_bench.errors import UserError
from tta_bench.metrics.paired import Difference, discordant, mcnemar_exact, paired_group_bootstrap
from tta_bench.records.predictions import Outcomes, read_outcomes
from tta_bench.records.store import read_record
from tta_bench.records.verify import file_problem


class Comparison(NamedTuple):
    """What two models do on the same samples."""

    a: float
    """Top-1 of the first."""
    b: float
    """Top-1 of the second."""
    difference: Difference
    """First minus second, with interval and p from a paired bootstrap over groups."""
    only_a: int
    """Samples that only the first gets right."""
    only_b: int
    """Samples that only the second gets right."""
    mcnemar: float
    """Exact p-value of McNemar's test."""


def compare(a: Path, b: Path) -> Comparison:
    """Return the comparison of two records' files.

    Raises:
        UserError: One has no outcomes, or they are not of the same samples.
    """
    first, second = _sorted_outcomes(a), _sorted_outcomes(b)
    shared = np.intersect1d(first.keys, second.keys)
    if len(shared) != len(first.keys) or len(shared) != len(second.keys):
        raise UserError(
            f"{a.name} has {len(first.keys):,} samples and {b.name} {len(second.keys):,}, of which they share "
            f"{len(shared):,}: only records of the same data and split can be compared."
        )
    hits_a, hits_b = first.ranks == 0, second.ranks == 0
    difference = paired_group_bootstrap(hits_a, hits_b, first.groups)
    only_a, only_b = discordant(hits_a, hits_b)
    return Comparison(
        float(hits_a.mean()), float(hits_b.mean()), difference, only_a, only_b, mcnemar_exact(hits_a, hits_b)
    )


def _sorted_outcomes(path: Path) -> Outcomes:
    """Return a record's outcomes in the order of their keys."""
    record = read_record(path)
    if record.outcomes is None or not (path.parent / record.outcomes.name).is_file():
        raise UserError(f"{path} has no outcomes beside it: status '{record.status}'.")
    if problem := file_problem(record.outcomes, path.parent):
        raise UserError(f"{path}: {problem}.")
    found = read_outcomes(path.parent / record.outcomes.name)
    order = np.argsort(found.keys)
    return Outcomes(found.keys[order], found.groups[order], found.labels[order], found.ranks[order], found.classes)
