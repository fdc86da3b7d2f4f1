"""One optimisation step of a fine-tune: the whole global batch, in micro-batches, keyed by (seed, step)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypedDict

import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from tta_bench.data.loading import TrainItem
from tta_bench.engine.device import memory_advice
from tta_bench.engine.mixing import erase, mix_clips, mix_targets, mixing_plan, normalize, pair_order
from tta_bench.errors import RunFailed
from tta_bench.keys import generator, torch_seed
from tta_bench.models.classifier import Classifier
from tta_bench.settings import TrainSettings

MIN_LOSS_SCALE = 2.0**-10
"""float16 training whose loss scale has fallen below this has diverged."""


class StepResult(TypedDict):
    """What one step tells its hooks."""

    loss: float
    grad_norm: float


class Diverged(RunFailed):
    """A loss or gradient that is no longer a finite number."""


@dataclass(frozen=True, kw_only=True)
class StepSettings:
    """What any step needs to know besides its batch."""

    seed: int
    micro_batch: int
    """Clips on the device at once."""
    device: torch.device


@dataclass(frozen=True, kw_only=True)
class FineTuneStepSettings(StepSettings):
    """What a step of fine-tuning needs to know besides its batch."""

    train: TrainSettings
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    classes: int


class FineTuneStep(nn.Module):
    """A classifier with MMEngine's ``train_step``.

    Args:
        classifier: Backbone and head.
        settings: Recipe, input statistics, seed, micro-batch.
    """

    def __init__(self, classifier: Classifier, settings: FineTuneStepSettings) -> None:
        super().__init__()
        self.classifier = classifier
        self.settings = settings
        self.step = 0

    def train_step(self, batch: TrainItem, optim_wrapper: OptimWrapper) -> StepResult:
        """Do one optimisation step on a batch ``uint8 (videos, views, T, H, W, 3)``.

        Mixing is drawn once for the global batch, mixed pairs share a micro-batch, and what is erased is drawn for each
        clip, so how the batch is cut changes none of these. What a network draws itself (dropout, stochastic depth)
        does depend on it.

        Raises:
            Diverged: The loss or the gradient is not finite.
            RunFailed: A micro-batch does not fit into memory.
        """
        to = self.settings
        clips = batch["clips"].flatten(0, 1)
        boxes = batch["boxes"].flatten(0, 1)
        labels = batch["label"].repeat_interleave(to.train.views)
        mix = mixing_plan(clips.shape[0], clips.shape[2:4], to.train, generator(to.seed, "mix", self.step))
        total = 0.0
        for part, rows in enumerate(torch.split(pair_order(len(clips)), to.micro_batch)):
            torch.manual_seed(torch_seed(to.seed, "noise", self.step, part))
            erased = [torch_seed(to.seed, "erase", self.step, row) for row in rows.tolist()]
            with memory_advice(to.micro_batch), optim_wrapper.optim_context(self):
                x = normalize(clips[rows].to(to.device, non_blocking=True), to.mean, to.std)
                x = mix_clips(erase(x, boxes[rows], erased), mix)
                targets = mix_targets(labels[rows].to(to.device), to.classes, to.train.smoothing, mix)
                loss = F.cross_entropy(self.classifier(x), targets, reduction="sum") / len(clips)
                optim_wrapper.backward(loss)
            total += float(loss.detach())
        norm = checked_norm(self, total, self.step, optim_wrapper)
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        return {"loss": total, "grad_norm": norm}


def checked_norm(model: nn.Module, loss: float, step: int, optim_wrapper: OptimWrapper) -> float:
    """Return the gradient's norm; a float16 overflow is forgiven while the scaler can still lower its scale.

    Raises:
        Diverged: The loss or the gradient is not finite.
    """
    scaler = getattr(optim_wrapper, "loss_scaler", None)
    scale = 1.0 if scaler is None else float(scaler.get_scale())
    gradients: list[Tensor] = [p.grad for p in model.parameters() if p.grad is not None]
    norm = float(nn.utils.get_total_norm(gradients)) / scale
    forgiven = scaler is not None and scale > MIN_LOSS_SCALE
    for what, value in (("loss", loss), ("gradient", 0.0 if forgiven else norm)):
        if not math.isfinite(value):
            raise Diverged(
                f"the {what} is {value} at step {step}.",
                "Try a lower train.lr, train.clip_grad=1.0 or precision=fp32.",
            )
    return norm
