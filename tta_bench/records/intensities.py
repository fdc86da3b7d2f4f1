"""Predicted intensities, sample by sample, with the true ones where these may be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError, shorten
from tta_bench.metrics.base import Needs
from tta_bench.metrics.pearson import FEWEST, pearson
from tta_bench.records.predictions import check_complete, name_hashes


@dataclass(frozen=True)
class Truth:
    """The true intensities of a split."""

    emotions: tuple[str, ...]
    """Names of the targets, in the order of the values."""
    targets: Mapping[str, Sequence[float]]
    """Those of each sample, in [0, 1]."""
    groups: Mapping[str, str] | None = None
    """The subject of each sample; None where subjects are not known."""


@dataclass(frozen=True)
class Intensities:
    """Every sample's outputs, sorted by id."""

    serves: ClassVar[Needs] = "nothing"
    """Metrics of intensities are computed from the outcomes, which have the labels."""
    ids: NDArray[np.str_]
    """``(N,)`` sample ids."""
    outputs: NDArray[np.float32]
    """``(N, K)`` predicted intensities."""
    emotions: tuple[str, ...]
    """Names of the ``K`` targets."""
    targets: NDArray[np.float32] | None = None
    """``(N, K)`` true intensities; None where labels may not be published."""
    groups: NDArray[np.str_] | None = None
    """``(N,)`` the subject of each sample; None where subjects are not known, or may not be published."""

    def with_truth(self, truth: Truth | None) -> Intensities | None:
        """Return these outputs with labels: their own, else the given ones, else None.

        The outputs of a copy that is not whole take the labels of their samples.

        Raises:
            UserError: The labels are of other samples or emotions.
        """
        if self.targets is not None:
            return self
        if truth is None:
            return None
        if self.emotions != truth.emotions:
            raise UserError(f"the labels are of {', '.join(truth.emotions)}, and it has {', '.join(self.emotions)}")
        ids = self.ids.tolist()
        own = {id: truth.targets[id] for id in ids if id in truth.targets}
        known = replace(truth, targets=own) if len(own) == len(set(ids)) else truth
        return collect_intensities(ids, self.outputs, known)

    def without_labels(self) -> Intensities:
        """Return the outputs without labels or subjects."""
        return replace(self, targets=None, groups=None)

    def outcomes(self) -> IntensityOutcomes:
        """Return the outcomes: outputs and labels, under hashes of the samples' names.

        Raises:
            UserError: The labels are missing.
        """
        if self.targets is None:
            raise UserError("these predictions are without labels, which may not be published.", "Say data.root=DIR.")
        return IntensityOutcomes(
            name_hashes(self.ids),
            self.outputs,
            self.targets,
            self.emotions,
            None if self.groups is None else name_hashes(self.groups),
        )


@dataclass(frozen=True)
class IntensityOutcomes:
    """Every sample's outputs and true intensities, under hashes of the samples' names."""

    serves: ClassVar[Needs] = "intensities"
    """Metrics that can be computed from them."""
    keys: NDArray[np.uint64]
    """``(N,)`` hash of each id."""
    outputs: NDArray[np.float32]
    """``(N, K)`` predicted intensities."""
    targets: NDArray[np.float32]
    """``(N, K)`` true intensities."""
    emotions: tuple[str, ...]
    """Names of the ``K`` targets."""
    subjects: NDArray[np.uint64] | None = None
    """``(N,)`` hash of each subject; None where subjects are not known."""

    @property
    def groups(self) -> NDArray[np.uint64]:
        """The unit of resampling, ``(N,)``: the subject, or each sample by itself where subjects are not known."""
        return self.keys if self.subjects is None else self.subjects

    @property
    def resampled(self) -> Literal["groups", "samples"]:
        """Unit of resampling, as records name it."""
        return "samples" if self.subjects is None else "groups"

    def same_truth(self, other: object) -> bool:
        """Return True for outcomes of the same targets, in the same order."""
        if not isinstance(other, IntensityOutcomes):
            return False
        return self.emotions == other.emotions and np.array_equal(self.targets, other.targets)

    def per_class(self) -> tuple[dict[str, float], tuple[str, ...]]:
        """Return Pearson's r of each emotion that has one, and the names of the others."""
        r = dict(zip(self.emotions, pearson(self.outputs, self.targets).tolist(), strict=True))
        return (
            {name: value for name, value in r.items() if not np.isnan(value)},
            tuple(name for name, value in r.items() if np.isnan(value)),
        )


def collect_intensities(ids: Sequence[str], outputs: NDArray[np.floating], truth: Truth) -> Intensities:
    """Return outputs with their true intensities in stored form: sorted by id, in single precision.

    Args:
        ids: The samples, in any order.
        outputs: ``(N, K)`` predicted intensities, columns in the order of the truth's emotions.
        truth: Labels of the split: every sample of it must be there once, and no other.

    Raises:
        UserError: A sample is missing, repeated or unknown; an output is no finite number; a true intensity is outside
            [0, 1]; or there are fewer than 3 samples. Each is counted and named.
    """
    check_complete(ids, truth.targets)
    if len(ids) < FEWEST:
        raise UserError(f"a correlation needs {FEWEST} samples or more, and there are {len(ids)}.")
    check_truth(truth)
    order = np.argsort(np.array(ids), kind="stable")
    names = np.array(ids)[order]
    with np.errstate(over="ignore"):
        single = outputs[order].astype(np.float32)
    if single.shape != (len(ids), len(truth.emotions)):
        raise UserError(
            f"outputs of shape {single.shape} do not fit {len(ids):,} ids and {len(truth.emotions)} targets."
        )
    _name_rows(names, ~np.isfinite(single), "an output that is not a finite number")
    return Intensities(
        names,
        single,
        truth.emotions,
        np.array([truth.targets[name] for name in names.tolist()], np.float32),
        None if truth.groups is None else np.array([truth.groups[name] for name in names.tolist()]),
    )


def check_truth(truth: Truth) -> None:
    """Check that every true intensity is there and in [0, 1].

    Raises:
        UserError: Counts and names the samples whose labels are missing or outside.
    """
    names = np.array(list(truth.targets))
    values = np.array(list(truth.targets.values()), np.float64).reshape(len(names), -1)
    if values.shape[1] != len(truth.emotions):
        raise UserError(f"{values.shape[1]} labels of each sample do not fit {len(truth.emotions)} targets.")
    _name_rows(names, np.isnan(values), "no label")
    _name_rows(names, (values < 0) | (values > 1), "a label outside [0, 1]")


def _name_rows(names: NDArray[np.str_], wrong: NDArray[np.bool_], problem: str) -> None:
    rows = wrong.any(axis=1)
    if rows.any():
        raise UserError(f"{int(rows.sum()):,} samples have {problem}: {shorten([str(name) for name in names[rows]])}.")
