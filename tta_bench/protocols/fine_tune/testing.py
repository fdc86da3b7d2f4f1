"""Multi-view testing: each video is decoded once, and the softmax of its views is averaged."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from tta_bench.data.loading import TestItem
from tta_bench.engine.device import ResolvedPrecision, inference, memory_advice, peak_memory
from tta_bench.engine.pixels import normalize
from tta_bench.models.classifier import Classifier
from tta_bench.utils.progress import Bar


@dataclass(frozen=True)
class TestReport:
    """Scores of a test list, and what they took."""

    scores: NDArray[np.float32]
    """(videos, classes) mean probability over views."""
    clips: int
    seconds: float
    waiting: float
    """Seconds spent waiting for data."""
    peak_memory: int
    """Bytes."""


def multi_view_test(
    classifier: Classifier,
    loader: DataLoader[TestItem],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    device: torch.device,
    precision: ResolvedPrecision,
    micro_batch: int,
) -> TestReport:
    """Return each test video's probabilities, averaged over its views as the official ``merge`` does.

    Args:
        classifier: The model, on the device.
        loader: Batches of views ``uint8 (videos, views, T, H, W, 3)``, in the list's order.
        mean: Input mean, for values in [0, 1].
        std: Input standard deviation, for values in [0, 1].
        device: Where the model is.
        precision: Precision of the forward pass; the softmax is float32.
        micro_batch: Clips on the device at once.

    Raises:
        RunFailed: A micro-batch does not fit into memory.
    """
    videos = len(loader.dataset)  # type: ignore[arg-type]
    merged: list[Tensor] = []
    seen, waiting = 0, 0.0
    begun = asked = time.perf_counter()
    classifier.eval()
    with Bar("test", videos, "videos") as bar:
        for batch in loader:
            waiting += time.perf_counter() - asked
            clips = batch["clips"]
            merged.append(average_views(classifier, clips, mean, std, device, precision, micro_batch))
            seen += clips.shape[0] * clips.shape[1]
            bar.advance(len(clips))
            asked = time.perf_counter()
    scores = torch.cat(merged).numpy()
    return TestReport(scores, seen, time.perf_counter() - begun, waiting, peak_memory(device))


def average_views(
    classifier: Classifier,
    clips: Tensor,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    device: torch.device,
    precision: ResolvedPrecision,
    micro_batch: int,
) -> Tensor:
    """Return probabilities ``float (videos, classes)`` of views ``uint8 (videos, views, T, H, W, 3)``, on the CPU."""
    with memory_advice(micro_batch), inference(device, precision):
        logits = [
            classifier(normalize(part.to(device, non_blocking=True), mean, std)).float()
            for part in torch.split(clips.flatten(0, 1), micro_batch)
        ]
        probabilities = torch.cat(logits).softmax(-1)
        return probabilities.reshape(*clips.shape[:2], -1).mean(1).cpu()
