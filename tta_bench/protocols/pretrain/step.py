"""Masked pre-training: the step, keyed by (seed, step), and the training that it is a step of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tta_bench.engine.device import ResolvedPrecision, wrap_optimizer
from tta_bench.engine.optimizer import decay_groups, scaled
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training, plan_steps
from tta_bench.experiments.pretrain import PretrainSettings
from tta_bench.protocols.pretrain.clips import PretrainClips, PretrainItem
from tta_bench.protocols.pretrain.masking import Masks, draw_masks
from tta_bench.protocols.pretrain.model import (
    MaskedAutoencoder,
    cut_tubelets,
    normalized_targets,
    squared_errors,
    take,
)
from tta_bench.utils.keyed_random import generator


@dataclass(frozen=True, kw_only=True)
class PretrainStepSettings(StepSettings):
    """What a step of pre-training needs to know besides its batch."""

    train: PretrainSettings
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class PretrainStep(TrainStep[PretrainItem, Masks]):
    """The step of a masked autoencoder, on a batch ``uint8 (videos, views, T, H, W, 3)``; see `TrainStep`.

    Args:
        autoencoder: Encoder and decoder.
        settings: Recipe, input statistics, seed, micro-batch.
    """

    settings: PretrainStepSettings

    def __init__(self, autoencoder: MaskedAutoencoder, settings: PretrainStepSettings) -> None:
        super().__init__(settings)
        self.autoencoder = autoencoder

    def draw(self, batch: PretrainItem) -> Masks:
        """Return the masks of the batch's clips."""
        return self.draw_masks(len(self.order(batch)))

    def order(self, batch: PretrainItem) -> Tensor:
        """Return the clips as they are."""
        return torch.arange(batch["clips"].shape[0] * batch["clips"].shape[1])

    def loss(self, batch: PretrainItem, drawn: Masks, rows: Tensor) -> Tensor:
        """Return what some clips add to the mean error of all hidden and decoded tubelets of the batch."""
        clips = batch["clips"].flatten(0, 1)[rows].to(self.settings.device, non_blocking=True)
        part = Masks(*(mask[rows.numpy()] for mask in drawn))
        return self.summed_errors(clips, part) / int(drawn.counted.sum())

    def draw_masks(self, clips: int) -> Masks:
        """Return this step's masks of some clips."""
        to = self.settings
        rng = generator(to.seed, "mask", self.step)
        return draw_masks(self.autoencoder.grid, to.train.mask.encoder, to.train.mask.decoder, clips, rng)

    def summed_errors(self, clips: Tensor, masks: Masks) -> Tensor:
        """Return the sum of the squared errors of the hidden and decoded tubelets of clips ``uint8 (b, T, H, W, 3)``.

        A tubelet's error is the mean over its pixels and channels.
        """
        visible, decoded, counted = (torch.from_numpy(part).to(clips.device, non_blocking=True) for part in masks)
        tubelets = cut_tubelets(clips, self.autoencoder.tubelet, self.autoencoder.patch)
        pixels = take(tubelets, decoded).float() / 255
        targets = normalized_targets(pixels) if self.settings.train.normalize else pixels.flatten(2)
        restored = self.autoencoder(self.encoder_input(take(tubelets, visible)), visible, decoded)
        return (squared_errors(restored, targets) * counted).sum()

    def encoder_input(self, tubelets: Tensor) -> Tensor:
        """Normalise tubelets ``uint8 (b, V, P, 3)`` for the encoder: ``float32`` of the same shape."""
        mean, std = (torch.tensor(values, device=tubelets.device) for values in (self.settings.mean, self.settings.std))
        return tubelets.float().div_(255).sub_(mean).div_(std)


def pretraining(step: PretrainStep, clips: PretrainClips, precision: ResolvedPrecision) -> Training:
    """Return the training of a masked autoencoder.

    Args:
        step: The autoencoder with its training step, on its device.
        clips: The corpus.
        precision: Resolved precision.

    Raises:
        UserError: There are fewer clips than a step takes, or the recipe does not say how long it is.
    """
    to = step.settings
    rates = scaled(to.train.lr, to.train.batch), scaled(to.train.min_lr, to.train.batch)
    groups = decay_groups(step.autoencoder, to.train.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=rates[0], betas=to.train.betas, fused=True)
    return Training(
        step=step,
        model=step.autoencoder,
        optimizer=wrap_optimizer(optimizer, precision, to.device, to.train.clip_grad),
        clips=clips,
        batch=to.train.batch,
        views=to.train.views,
        plan=plan_steps(len(clips), to.train),
        rates=rates,
        seed=to.seed,
        device=to.device,
        title="pre-train",
    )
