"""A step of ViT-S on two processes beside one, against the machine's own ceiling: two unconnected ones at once.

Steps of either kind follow each other in the same processes, so that both meet the same machine.

``OMP_NUM_THREADS=1 .venv/bin/pytest -s benchmarks/test_processes.py``, on a machine that does nothing else.
"""

from __future__ import annotations

import os
import time
from statistics import median
from typing import Any, NamedTuple

import torch

from benchmarks.steps import MEAN, STD
from tests.engine.processes import in_processes
from tta_bench.engine.device import Machine
from tta_bench.engine.summing import GradientSum
from tta_bench.engine.world import ALONE, current
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning

CLIPS, PARTS, STEPS, SIZE = 8, 4, 6, 112
PATIENCE = 1200.0
"""Longest time for all steps of a process, in seconds."""
CLOCK = time.perf_counter


class Taken(NamedTuple):
    """Seconds of each step but the first."""

    apart: list[float]
    """Steps that a process did by itself: all parts."""
    shared: list[float]
    """Steps of all processes together, each its parts."""
    sums: list[float]
    """The sums of gradients in these."""


def seconds() -> Taken:
    """Return the seconds of steps of 8 clips in 4 parts, done apart and together turn by turn."""
    torch.set_num_threads(1)
    joined = current()
    machine = Machine(torch.device("cpu"), "fp32")
    train = TrainSettings(batch=CLIPS, steps=STEPS, lr=1e-3, drop_path=0.1)
    settings = FineTuneStepSettings(train=train, seed=0, micro_batch=CLIPS // PARTS, machine=machine)
    backbone = VideoMAEV2(SIZE, width=384, heads=6, mlp_width=1536, drop_path=0.1)
    step = FineTuneStep(Classifier(backbone, 384, 101).train(), settings, MEAN, STD)
    training = fine_tuning(step, [None] * CLIPS)  # type: ignore[arg-type]  # never asked for a clip
    training.optimizer.set_rate(1e-4)
    item = {
        "clips": torch.randint(0, 256, (CLIPS // PARTS, 1, 16, SIZE, SIZE, 3), dtype=torch.uint8),
        "boxes": torch.zeros(CLIPS // PARTS, 1, 1, 4, dtype=torch.int64),
        "label": torch.zeros(CLIPS // PARTS, dtype=torch.int64),
    }
    rows = torch.split(step.order(CLIPS), CLIPS // PARTS)
    taken = Taken([], [], [])
    original = GradientSum.finish

    def timed(*args: Any) -> None:
        begun = CLOCK()
        original(*args)
        taken.sums.append(CLOCK() - begun)

    GradientSum.finish = timed  # type: ignore[method-assign]  # in a process of its own
    for number in range(STEPS):
        step.step = number
        for world, times in ((ALONE, taken.apart), (joined, taken.shared)):
            parts = [(item, rows[part], torch.arange(CLIPS // PARTS)) for part in world.shares(PARTS)[world.rank]]
            joined.most(0)  # all begin at once
            begun = CLOCK()
            step.train_parts(CLIPS, parts, PARTS, training.optimizer, world)
            times.append(CLOCK() - begun)
    return Taken(taken.apart[1:], taken.shared[1:], taken.sums[3::2])


def test_two_processes_come_near_the_machines_ceiling() -> None:
    """The speed-up and the ceiling are both over the time of one process alone, which falls out of their ratio."""
    (one,) = in_processes(1, seconds, patience=PATIENCE)
    both = in_processes(2, seconds, patience=PATIENCE)
    alone = median(one.apart)
    apart, shared, sums = ([max(steps) for steps in zip(*each, strict=True)] for each in zip(*both, strict=True))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    reached = median(2 * together / by_itself for together, by_itself in zip(shared, apart, strict=True))
    share = median(spent / step for spent, step in zip(sums, shared, strict=True))
    print(f"\nViT-S, {CLIPS} clips of {SIZE}: 1 x 1 {alone:.2f} s; 2 x 1 {alone / median(shared):.2f} x as fast;")
    print(f"two unconnected ones {2 * alone / median(apart):.2f} x; of that {1 / reached:.0%}, step by step;")
    print(f"the sum takes {share:.1%} of a step, waiting included; load {load:.1f} on {os.cpu_count()} cores.")
    assert 1 / reached >= 0.9
