"""Training step of a network of intensities, and its test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from tta_bench.cards.kinds import BackboneCard
from tta_bench.engine.device import memory_advice
from tta_bench.engine.moving import chosen, sent
from tta_bench.engine.optimizer import Groups, decay_groups
from tta_bench.engine.pixels import normalize
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.timing import TimedBatches, Timing, shared_timing
from tta_bench.engine.training import Training
from tta_bench.engine.woven import woven
from tta_bench.experiments.reaction import ReactionSettings
from tta_bench.models.measure import evaluating
from tta_bench.protocols.reaction.clips import ReactionBatch, ReactionClips, ReactionItem
from tta_bench.protocols.reaction.model import HidingDraws, ReactionNet, VisualPath, hide_modalities
from tta_bench.protocols.reaction.temporal import PaddedSequence
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.progress import Bar

ReactionStepSettings = StepSettings[ReactionSettings]


@dataclass(frozen=True)
class ReactionReport:
    """Outputs for a part's clips, and the time they took."""

    outputs: NDArray[np.float32]
    """(clips, targets), in the list's order."""
    timing: Timing


class ReactionStep(TrainStep[ReactionBatch, HidingDraws, ReactionSettings]):
    """The step of a network of intensities, and its outputs in a test; see `TrainStep`.

    Args:
        net: The network, on its device.
        settings: Recipe, seed, micro-batch and machine.
        parts: The backbone of each path of the network.
    """

    def __init__(self, net: ReactionNet, settings: ReactionStepSettings, parts: Sequence[BackboneCard]) -> None:
        super().__init__(settings)
        self.net, self.parts = net, tuple(parts)

    def draw(self, batch: ReactionBatch) -> HidingDraws:
        """Return the numbers that decide which modalities of each clip are hidden."""
        return HidingDraws.of(self.clips, len(self.parts), generator(self.settings.seed, "modalities", self.step))

    def hidden(self, batch: ReactionBatch, drawn: HidingDraws, rows: Tensor, places: Tensor) -> Tensor:
        """Return the mask of hidden modalities of some clips, ``bool (clips, paths)``; see `loss`."""
        lengths = iter(batch["rows"])
        present = torch.stack([batch["frames"] if part.sees else next(lengths) for part in self.parts], 1)[places] > 0
        draws = HidingDraws(*(numbers[rows.numpy()] for numbers in drawn))
        return torch.from_numpy(hide_modalities(present.numpy(), self.settings.train.modality_dropout, draws))

    def count(self, batch: ReactionBatch) -> int:
        """Return the number of clips in a batch."""
        return len(batch["targets"])

    def order(self, clips: int) -> Tensor:
        """Return the clips as they are."""
        return torch.arange(clips)

    def loss(self, batch: ReactionBatch, drawn: HidingDraws, rows: Tensor, places: Tensor) -> Tensor:
        """Return the share of some clips in the squared error, averaged over the batch's clips and targets."""
        device = self.settings.machine.device
        hidden = self.hidden(batch, drawn, rows, places)
        outputs = self.net(self.inputs(batch, places), sent(hidden, device))
        targets = sent(batch["targets"][places], device)
        return F.mse_loss(outputs, targets, reduction="sum") / (self.clips * targets.shape[1])

    def inputs(self, batch: ReactionBatch, rows: Tensor) -> list[PaddedSequence]:
        """Return some clips of a batch as the network's paths take them: faces normalised for each part."""
        device = self.settings.machine.device
        faces = chosen(batch["faces"], rows, device) if batch["faces"].numel() else None
        frames = sent(batch["frames"][rows], device)
        features = iter(zip(batch["features"], batch["rows"], strict=True))
        inputs = []
        for part in self.parts:
            if part.sees:
                assert faces is not None
                inputs.append(PaddedSequence(normalize(faces, part.mean, part.std), frames))
            else:
                values, lengths = next(features)
                inputs.append(PaddedSequence(chosen(values, rows, device), sent(lengths[rows], device)))
        return inputs

    def outputs(self, batch: ReactionBatch) -> Tensor:
        """Return the intensities ``float32 (B, K)`` of a batch in evaluation, on the CPU."""
        micro_batch = self.settings.micro_batch
        self.net.eval()
        with memory_advice(micro_batch, self.settings.micro_batch_key), self.settings.machine.inference():
            parts = torch.split(torch.arange(len(batch["frames"])), micro_batch)
            return torch.cat([self.net(self.inputs(batch, rows)) for rows in parts]).float().cpu()

    def gmacs(self, batch: ReactionBatch) -> float | None:
        """Return the multiply-adds, in units of 10^9, that a batch of one clip takes; None where they are not counted.

        PyTorch's counter fails in some networks that run well without it.
        """
        try:
            with evaluating(self.net), torch.no_grad(), FlopCounterMode(display=False) as counter:
                self.net(self.inputs(batch, torch.arange(1)))
        except Exception:  # the network has been trained and tested: only its count is lost
            return None
        return float(counter.get_total_flops() / 2e9)


def reaction_training(step: ReactionStep, clips: ReactionClips) -> Training:
    """Return the training of a network of intensities; its learning rates are as written.

    Args:
        step: The network with its training step, on its device.
        clips: Training clips.

    Raises:
        UserError: See `Training.of`.
    """
    train = step.settings.train
    return Training.of(step, step.net, encoder_groups(step.net, train.weight_decay, train.encoder_lr), clips)


def encoder_groups(net: ReactionNet, weight_decay: float, encoder_lr: float) -> Groups:
    """Return an optimizer's groups: visual encoders learn at ``encoder_lr`` times the rate of all else.

    Args:
        net: The network; frozen parameters are left out.
        weight_decay: None on biases and norms.
        encoder_lr: The factor.
    """
    encoders = {
        id(parameter) for path in net.paths if isinstance(path, VisualPath) for parameter in path.encoder.parameters()
    }
    groups: Groups = []
    for group in decay_groups(net, weight_decay):
        for name, scale, inside in (("encoder", encoder_lr, True), ("head", 1.0, False)):
            chosen = [parameter for parameter in group["params"] if (id(parameter) in encoders) == inside]
            if chosen:
                groups.append(group | {"params": chosen, "lr_scale": scale, "name": f"{name}_{group['name']}"})
    return groups


def reaction_test(step: ReactionStep, loader: DataLoader[ReactionItem]) -> ReactionReport:
    """Return the outputs for every clip of a list, of whose batches the loader has this process's, in its order.

    Raises:
        RunFailed: A micro-batch does not fit into memory.
    """
    outputs: list[NDArray[np.float32]] = []
    world, batches = step.settings.machine.world, TimedBatches(loader, step.settings.machine)
    with Bar("test", len(loader.dataset), "clips") as bar:  # type: ignore[arg-type]
        for batch in batches:
            outputs.append(step.outputs(batch).numpy())
            bar.advance(len(outputs[-1]) * world.size)
    indices = [index for keys in loader.batch_sampler for _, index in keys]  # type: ignore[union-attr]
    clips = woven(world, indices, outputs, len(loader.dataset))  # type: ignore[arg-type]
    return ReactionReport(clips, shared_timing(batches.timing(len(indices)), world))
