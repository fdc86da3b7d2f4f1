"""Masked pre-training: the training step, keyed by (seed, step)."""

from __future__ import annotations

import torch
from torch import Tensor

from tta_bench.engine.moving import chosen, on_the_way, sent
from tta_bench.engine.optimizer import decay_groups
from tta_bench.engine.pixels import normalize_last
from tta_bench.engine.schedule import scaled
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training
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

PretrainStepSettings = StepSettings[PretrainSettings]


class PretrainStep(TrainStep[PretrainItem, Masks, PretrainSettings]):
    """The step of a masked autoencoder, on a batch ``uint8 (videos, views, T, H, W, 3)``; see `TrainStep`.

    Args:
        autoencoder: Encoder and decoder, on the device.
        settings: Recipe, seed, micro-batch and machine.
        mean: Input mean, for values in [0, 1].
        std: Input standard deviation, for values in [0, 1].
    """

    def __init__(
        self,
        autoencoder: MaskedAutoencoder,
        settings: PretrainStepSettings,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__(settings)
        self.autoencoder, self.mean, self.std = autoencoder, mean, std

    def on_the_way(self, batch: PretrainItem) -> PretrainItem:
        """Return a batch whose clips are being copied to the device."""
        return {**batch, "clips": on_the_way(batch["clips"], self.settings.machine.device)}

    def count(self, batch: PretrainItem) -> int:
        """Return the number of views in a batch."""
        return batch["clips"].shape[0] * batch["clips"].shape[1]

    def draw(self, batch: PretrainItem) -> Masks:
        """Return the masks of the global batch's clips."""
        return self.draw_masks(self.clips)

    def order(self, clips: int) -> Tensor:
        """Return the clips as they are."""
        return torch.arange(clips)

    def loss(self, batch: PretrainItem, drawn: Masks, rows: Tensor, places: Tensor) -> Tensor:
        """Return the share of some clips in the mean error of all hidden and decoded tubelets of the batch."""
        clips = chosen(batch["clips"].flatten(0, 1), places, self.settings.machine.device)
        part = Masks(*(mask[rows.numpy()] for mask in drawn))
        return self.summed_errors(clips, part) / int(drawn.counted.sum())

    def draw_masks(self, clips: int) -> Masks:
        """Return this step's masks of some clips."""
        mask, rng = self.settings.train.mask, generator(self.settings.seed, "mask", self.step)
        return draw_masks(self.autoencoder.grid, mask.encoder, mask.decoder, clips, rng)

    def summed_errors(self, clips: Tensor, masks: Masks) -> Tensor:
        """Return the sum of the squared errors of the hidden and decoded tubelets of clips ``uint8 (b, T, H, W, 3)``.

        A tubelet's error is the mean over its pixels and channels.
        """
        visible, decoded, counted = (sent(torch.from_numpy(part), clips.device) for part in masks)
        tubelets = cut_tubelets(clips, self.autoencoder.tubelet, self.autoencoder.patch)
        pixels = take(tubelets, decoded).float() / 255
        targets = normalized_targets(pixels) if self.settings.train.normalize else pixels.flatten(2)
        restored = self.autoencoder(self.encoder_input(take(tubelets, visible)), visible, decoded)
        return (squared_errors(restored, targets) * counted).sum()

    def encoder_input(self, tubelets: Tensor) -> Tensor:
        """Normalise tubelets ``uint8 (b, V, P, 3)`` for the encoder: ``float32`` of the same shape."""
        return normalize_last(tubelets, self.mean, self.std)


def pretraining(step: PretrainStep, clips: PretrainClips) -> Training:
    """Return the training of a masked autoencoder; its learning rates scale with the batch.

    Args:
        step: The autoencoder with its training step, on its device.
        clips: The corpus.

    Raises:
        UserError: See `Training.of`.
    """
    train = step.settings.train
    groups = decay_groups(step.autoencoder, train.weight_decay)
    return Training.of(step, step.autoencoder, groups, clips, train.views, scaled(1.0, train.batch), "pre-train")
