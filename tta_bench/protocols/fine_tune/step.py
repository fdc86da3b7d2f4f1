"""Fine-tuning a classifier: the training step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tta_bench.data.loading import TrainClips, TrainItem
from tta_bench.engine.moving import chosen, on_the_way, sent
from tta_bench.engine.optimizer import parameter_groups
from tta_bench.engine.pixels import erase, normalize
from tta_bench.engine.running_statistics import normalises_over_batch
from tta_bench.engine.schedule import scaled
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.mixup import (
    Mix,
    mix_clips,
    mix_targets,
    mixing_plan,
    pair_order,
    parts_of,
    runs_of_parts,
)
from tta_bench.utils.keyed_random import generator, torch_seed

FineTuneStepSettings = StepSettings[TrainSettings]


class FineTuneStep(TrainStep[TrainItem, tuple[Mix, ...], TrainSettings]):
    """The step of a classifier, on a batch ``uint8 (videos, views, T, H, W, 3)``; see `TrainStep`.

    Args:
        classifier: Backbone and head, on the device.
        settings: Recipe, seed, micro-batch and machine.
        mean: Input mean, for values in [0, 1].
        std: Input standard deviation, for values in [0, 1].
    """

    def __init__(
        self,
        classifier: Classifier,
        settings: FineTuneStepSettings,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__(settings)
        self.classifier, self.mean, self.std = classifier, mean, std

    def on_the_way(self, batch: TrainItem) -> TrainItem:
        """Return a batch whose clips are being copied to the device."""
        return {**batch, "clips": on_the_way(batch["clips"], self.settings.machine.device)}

    def count(self, batch: TrainItem) -> int:
        """Return the number of views in a batch."""
        return batch["clips"].shape[0] * batch["clips"].shape[1]

    def draw(self, batch: TrainItem) -> tuple[Mix, ...]:
        """Return the mixing of the global batch's clips, or of each of its parts that are mixed apart."""
        train, size = self.settings.train, batch["clips"].shape[3:5]
        if train.mix_per is None:
            return (mixing_plan(self.clips, size, train, generator(self.settings.seed, "mix", self.step)),)
        parts = parts_of(self.clips, train)
        draws = [generator(self.settings.seed, "mix", self.step, part) for part in range(parts)]
        return tuple(mixing_plan(self.clips // parts, size, train, rng) for rng in draws)

    def order(self, clips: int) -> Tensor:
        """Return the clips in pairs of those that are mixed, which thus share a micro-batch."""
        return pair_order(clips, parts_of(clips, self.settings.train))

    def loss(self, batch: TrainItem, drawn: tuple[Mix, ...], rows: Tensor, places: Tensor) -> Tensor:
        """Return the share of some clips in the mean cross-entropy; noise in erased boxes is drawn for each clip."""
        train, device = self.settings.train, self.settings.machine.device
        clips, boxes = batch["clips"].flatten(0, 1), batch["boxes"].flatten(0, 1)
        labels = sent(batch["label"].repeat_interleave(train.views)[places], device)
        seeds = [torch_seed(self.settings.seed, "erase", self.step, row) for row in rows.tolist()]
        x = normalize(chosen(clips, places, device), self.mean, self.std)
        runs = runs_of_parts(rows, self.clips // len(drawn))
        lengths = [length for _, length in runs]
        erased = torch.split(erase(x, boxes[places], seeds), lengths)
        mixed = [mix_clips(part, drawn[number]) for (number, _), part in zip(runs, erased, strict=True)]
        logits = self.classifier(mixed[0] if len(mixed) == 1 else torch.cat(mixed))
        targets = torch.cat(
            [
                mix_targets(part, logits.shape[1], train.smoothing, drawn[number])
                for (number, _), part in zip(runs, torch.split(labels, lengths), strict=True)
            ]
        )
        return F.cross_entropy(logits, targets, reduction="sum") / self.clips


def fine_tuning(step: FineTuneStep, clips: TrainClips) -> Training:
    """Return the training of a classifier; its learning rates scale with the batch.

    Args:
        step: The classifier with its training step, on its device.
        clips: Training clips.

    Raises:
        UserError: See `Training.of`.
    """
    train = step.settings.train
    groups, _ = parameter_groups(step.classifier, train.weight_decay, train.layer_decay)
    return Training.of(step, step.classifier, groups, clips, train.views, scaled(1.0, train.batch))


def try_last_part(step: FineTuneStep, clips: int, clip: ResolvedClip) -> None:
    """Show a classifier that normalises over its batch the last micro-batch of a step, where that is a single clip.

    Args:
        step: The step, of a model that is thrown away afterwards.
        clips: Clips of a step.
        clip: Extent of a clip.

    Raises:
        UserError: The classifier does not take one clip alone in training.
    """
    micro_batch, net = step.settings.micro_batch, step.classifier
    if clips % micro_batch != 1 or clips == 1 or not normalises_over_batch(net):
        return
    device = next(net.parameters()).device
    try:
        with torch.no_grad():
            net.train()(torch.zeros(1, 3, clip.frames, clip.size, clip.size, device=device))
    except ValueError as error:
        raise UserError(
            f"a step of {clips} clips in micro-batches of {micro_batch} ends with one clip alone, and the backbone "
            f"normalises over its batch: {error}",
            f"Say another train.batch= or {step.settings.micro_batch_key}=, so that no clip is left alone.",
        ) from error
