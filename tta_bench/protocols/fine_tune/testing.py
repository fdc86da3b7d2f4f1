"""Multi-view testing: each video is decoded once, and the softmax of its views is averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tta_bench.data.loading import TestItem
from tta_bench.engine.device import Machine, memory_advice
from tta_bench.engine.pixels import normalize
from tta_bench.engine.timing import TimedBatches, Timing, shared_timing
from tta_bench.engine.woven import woven
from tta_bench.utils.progress import Bar


@dataclass(frozen=True)
class TestReport:
    """Scores of a test list, and the time they took."""

    scores: NDArray[np.float32]
    """(videos, classes) mean probability over views."""
    timing: Timing


def multi_view_test(
    classifier: nn.Module,
    loader: DataLoader[TestItem],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    machine: Machine,
    micro_batch: int,
) -> TestReport:
    """Return each test video's probabilities, averaged over its views as the official ``merge`` does.

    Args:
        classifier: The model, on the device.
        loader: This process's batches of views ``uint8 (videos, views, T, H, W, 3)``.
        mean: Input mean, for values in [0, 1].
        std: Input standard deviation, for values in [0, 1].
        machine: Device and precision of the forward pass; the softmax is float32.
        micro_batch: Clips on the device at once.

    Raises:
        RunFailed: A micro-batch does not fit into memory.
    """
    merged: list[NDArray[np.float32]] = []
    indices: list[int] = []
    clips, batches = 0, TimedBatches(loader, machine)
    classifier.eval()
    with Bar("test", len(loader.dataset), "videos") as bar:  # type: ignore[arg-type]
        for batch in batches:
            views = batch["clips"]
            merged.append(average_views(classifier, views, mean, std, machine, micro_batch).numpy())
            indices += [int(index) for index in batch["index"]]
            clips += views.shape[0] * views.shape[1]
            bar.advance(len(views) * machine.world.size)
    scores = woven(machine.world, indices, merged, len(loader.dataset))  # type: ignore[arg-type]
    return TestReport(scores, shared_timing(batches.timing(clips), machine.world))


def average_views(
    classifier: nn.Module,
    clips: Tensor,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    machine: Machine,
    micro_batch: int,
) -> Tensor:
    """Return probabilities ``float (videos, classes)`` of views ``uint8 (videos, views, T, H, W, 3)``, on the CPU."""
    with memory_advice(micro_batch), machine.inference():
        logits = [
            classifier(normalize(part.to(machine.device, non_blocking=True), mean, std)).float()
            for part in torch.split(clips.flatten(0, 1), micro_batch)
        ]
        probabilities = torch.cat(logits).softmax(-1)
        return probabilities.reshape(*clips.shape[:2], -1).mean(1).cpu()
