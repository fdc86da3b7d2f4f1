"""A step of ViT-S on two processes beside one, against the machine's own ceiling: two unconnected ones at once.

``OMP_NUM_THREADS=1 .venv/bin/pytest -s benchmarks/test_processes.py``, on a machine that does nothing else.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from statistics import median
from typing import Any

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


def seconds(shared: bool) -> tuple[float, float]:
    """Return the seconds of a step of 8 clips in 4 parts, and those of its sum; shared, each process does its part."""
    torch.set_num_threads(1)
    joined = current()
    world = joined if shared else ALONE
    machine = replace(Machine(torch.device("cpu"), "fp32"), world=world)
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
    spent: list[float] = []
    original = GradientSum.finish

    def timed(*args: Any) -> None:
        begun = CLOCK()
        original(*args)
        spent.append(CLOCK() - begun)

    GradientSum.finish = timed  # type: ignore[method-assign]  # in a process of its own
    taken = []
    for number in range(STEPS):
        step.step = number
        joined.most(0)  # both begin at once
        begun = CLOCK()
        parts = [(item, part.rows, torch.arange(CLIPS // PARTS)) for part in training.own_parts()]
        step.train_parts(CLIPS, parts, PARTS, training.optimizer, world)
        taken.append(CLOCK() - begun)
    return median(taken[1:]), median(spent[1:])


def test_two_processes_come_near_the_machines_ceiling() -> None:
    (alone,) = in_processes(1, seconds, False, patience=PATIENCE)
    apart = in_processes(2, seconds, False, patience=PATIENCE)
    shared = in_processes(2, seconds, True, patience=PATIENCE)
    ceiling = 2 * alone[0] / max(taken for taken, _ in apart)
    speed_up = alone[0] / max(taken for taken, _ in shared)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    share = max(spent for _, spent in shared) / max(taken for taken, _ in shared)
    print(f"\nViT-S, {CLIPS} clips of {SIZE}: 1 x 1 {alone[0]:.2f} s; 2 x 1 {speed_up:.2f} x as fast;")
    print(
        f"two unconnected ones {ceiling:.2f} x; of that {speed_up / ceiling:.0%}; the sum takes {share:.1%} of a step;"
    )
    print(f"load {load:.1f} on {os.cpu_count()} cores.")
    assert speed_up / ceiling >= 0.9
