"""Made-up results of UCF101's size: 3,783 test clips in 707 groups for each of three splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.records.some_records import DIGEST, some_identity, some_record
from tta_bench.metrics import METRICS
from tta_bench.records.files import write_outcomes
from tta_bench.records.identity import DatasetRef
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Metric, Phase
from tta_bench.records.store import record_name, write_record
from tta_bench.utils.keyed_random import generator

CLIPS, GROUPS, CLASSES = 3783, 707, 101
UCF101 = DatasetRef(name="ucf101", manifest_sha256=DIGEST, splits=("1", "2", "3"))
NAMES = ("top1", "top5", "mean_class")


def groups() -> NDArray[np.int64]:
    """Return the group of each clip: every group has one clip at least, and the rest fall anywhere."""
    rest = generator("groups").integers(0, GROUPS, CLIPS - GROUPS)
    return np.sort(np.concatenate([np.arange(GROUPS), rest]))


def hits(accuracy: float, *key: int) -> NDArray[np.bool_]:
    """Return which clips are right, those of a group tending to agree."""
    draw = generator("hits", *key)
    of_group = draw.beta(3 * accuracy, 3 * (1 - accuracy), GROUPS)
    found: NDArray[np.bool_] = draw.random(CLIPS) < of_group[groups()]
    return found


def write_results(folder: Path, backbones: int) -> int:
    """Write the records of as many backbones on three splits with three seeds each; return how many these are."""
    names = tuple(f"class{k}" for k in range(CLASSES))
    for backbone in range(backbones):
        for split in (1, 2, 3):
            for seed in (0, 1, 2):
                right = hits(0.5 + 0.45 * backbone / backbones, backbone, split, seed)
                outcomes = Outcomes(
                    (np.arange(CLIPS) + 10_000 * split).astype(np.uint64),
                    (groups() + 1_000 * split).astype(np.uint64),
                    (groups() % CLASSES).astype(np.uint16),
                    np.where(right, 0, 7).astype(np.uint8),
                    names,
                )
                _write(folder, f"net{backbone:03d}", split, seed, outcomes)
    return 9 * backbones


def _write(folder: Path, backbone: str, split: int, seed: int, outcomes: Outcomes) -> None:
    identity = some_identity(backbone=backbone, split=str(split), seed=seed, dataset=UCF101)
    values = {metric.name: metric.value(outcomes) for metric in map(METRICS.of_samples, NAMES) if metric is not None}
    classes, _ = outcomes.per_class()
    ref = write_outcomes(folder / f"{record_name(identity)}.outcomes.npz", outcomes)
    record = some_record(
        identity=identity,
        status="success",
        finished="2026-11-22T11:00:00Z",
        metrics={name: _metric(value) for name, value in values.items()},
        per_class=classes,
        n_expected=CLIPS,
        n_scored=CLIPS,
        outcomes=ref,
        phases=(
            Phase(name="test", seconds=8.0, samples=CLIPS, throughput=472.9, waiting=0.1, peak_memory_bytes=2**30),
        ),
    )
    write_record(record, folder)


def _metric(value: float) -> Metric:
    """Return a figure with an interval that nobody computed: boards compute their own."""
    return Metric(value=value, low=value - 0.01, high=value + 0.01, n=CLIPS, n_groups=GROUPS)
