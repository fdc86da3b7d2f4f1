"""Fine-tuning a classifier: the step, and the training that it is a step of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper
from torch import Tensor

from tta_bench.data.loading import TrainClips, TrainItem
from tta_bench.engine.device import ResolvedPrecision, wrap_optimizer
from tta_bench.engine.optimizer import parameter_groups, scaled
from tta_bench.engine.pixels import normalize
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training, plan_steps
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.mixup import Mix, erase, mix_clips, mix_targets, mixing_plan, pair_order
from tta_bench.utils.keyed_random import generator, torch_seed


@dataclass(frozen=True, kw_only=True)
class FineTuneStepSettings(StepSettings):
    """What a step of fine-tuning needs to know besides its batch."""

    train: TrainSettings
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    classes: int


class FineTuneStep(TrainStep[TrainItem, Mix]):
    """The step of a classifier, on a batch ``uint8 (videos, views, T, H, W, 3)``; see `TrainStep`.

    Args:
        classifier: Backbone and head.
        settings: Recipe, input statistics, seed, micro-batch.
    """

    settings: FineTuneStepSettings

    def __init__(self, classifier: Classifier, settings: FineTuneStepSettings) -> None:
        super().__init__(settings)
        self.classifier = classifier

    def draw(self, batch: TrainItem) -> Mix:
        """Return how the batch's clips are mixed."""
        to, shape = self.settings, batch["clips"].shape
        return mixing_plan(shape[0] * shape[1], shape[3:5], to.train, generator(to.seed, "mix", self.step))

    def order(self, batch: TrainItem) -> Tensor:
        """Return the clips in pairs of those that are mixed, which thus share a micro-batch."""
        return pair_order(batch["clips"].shape[0] * batch["clips"].shape[1])

    def loss(self, batch: TrainItem, drawn: Mix, rows: Tensor) -> Tensor:
        """Return what some clips add to the mean cross-entropy; what is erased is drawn for each clip."""
        to = self.settings
        clips, boxes = batch["clips"].flatten(0, 1), batch["boxes"].flatten(0, 1)
        labels = batch["label"].repeat_interleave(to.train.views)[rows].to(to.device)
        seeds = [torch_seed(to.seed, "erase", self.step, row) for row in rows.tolist()]
        x = normalize(clips[rows].to(to.device, non_blocking=True), to.mean, to.std)
        x = mix_clips(erase(x, boxes[rows], seeds), drawn)
        targets = mix_targets(labels, to.classes, to.train.smoothing, drawn)
        return F.cross_entropy(self.classifier(x), targets, reduction="sum") / len(clips)


def fine_tuning(step: FineTuneStep, clips: TrainClips, precision: ResolvedPrecision) -> Training:
    """Return the training of a classifier.

    Args:
        step: The classifier with its training step, on its device.
        clips: Training clips.
        precision: Resolved precision.

    Raises:
        UserError: There are fewer clips than a step takes, or the recipe does not say how long it is.
    """
    to = step.settings
    return Training(
        step=step,
        model=step.classifier,
        optimizer=make_optimizer(step, precision)[0],
        clips=clips,
        batch=to.train.batch,
        views=to.train.views,
        plan=plan_steps(len(clips), to.train),
        rates=(scaled(to.train.lr, to.train.batch), scaled(to.train.min_lr, to.train.batch)),
        seed=to.seed,
        device=to.device,
        title="train",
    )


def make_optimizer(step: FineTuneStep, precision: ResolvedPrecision) -> tuple[OptimWrapper, str]:
    """Return AdamW over layer-decay groups, wrapped for the precision, and where the layers came from."""
    to = step.settings
    groups, source = parameter_groups(step.classifier, to.train.weight_decay, to.train.layer_decay)
    optimizer = torch.optim.AdamW(groups, lr=scaled(to.train.lr, to.train.batch), betas=to.train.betas, fused=True)
    return wrap_optimizer(optimizer, precision, to.device, to.train.clip_grad), source
