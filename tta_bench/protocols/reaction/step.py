"""Training and testing of intensities: the step, keyed by (seed, step), and one pass over a part."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from tta_bench.cards.kinds import BackboneCard
from tta_bench.engine.device import ResolvedPrecision, inference, memory_advice, peak_memory, wrap_optimizer
from tta_bench.engine.optimizer import decay_groups
from tta_bench.engine.pixels import normalize
from tta_bench.engine.step import StepSettings, TrainStep
from tta_bench.engine.training import Training, plan_steps
from tta_bench.experiments.reaction import ReactionSettings
from tta_bench.models.measure import evaluating
from tta_bench.protocols.reaction.clips import ReactionBatch, ReactionClips, ReactionItem
from tta_bench.protocols.reaction.model import ReactionNet, VisualPath, hide_modalities
from tta_bench.protocols.reaction.temporal import PaddedSequence
from tta_bench.utils.keyed_random import generator
from tta_bench.utils.progress import Bar


@dataclass(frozen=True, kw_only=True)
class ReactionStepSettings(StepSettings):
    """What a step, or a test, of intensities needs to know besides its batch."""

    train: ReactionSettings
    parts: tuple[BackboneCard, ...]
    """What each path of the network takes."""
    precision: ResolvedPrecision


@dataclass(frozen=True)
class ReactionReport:
    """Outputs for a part's clips, and what they took."""

    outputs: NDArray[np.float32]
    """(clips, targets), in the list's order."""
    clips: int
    seconds: float
    waiting: float
    """Seconds spent waiting for data."""
    peak_memory: int
    """Bytes."""


class ReactionStep(TrainStep[ReactionBatch, Tensor]):
    """The step of a network of intensities, and its outputs in a test; see `TrainStep`.

    Args:
        net: The network, on its device.
        settings: Recipe, parts, seed, micro-batch.
    """

    settings: ReactionStepSettings

    def __init__(self, net: ReactionNet, settings: ReactionStepSettings) -> None:
        super().__init__(settings)
        self.net = net

    def draw(self, batch: ReactionBatch) -> Tensor:
        """Return which modalities of each clip are hidden: ``bool (clips, paths)``."""
        lengths = iter(batch["rows"])
        present = torch.stack([batch["frames"] if part.sees else next(lengths) for part in self.settings.parts], 1) > 0
        rng = generator(self.settings.seed, "modalities", self.step)
        return torch.from_numpy(hide_modalities(present.numpy(), self.settings.train.modality_dropout, rng))

    def order(self, batch: ReactionBatch) -> Tensor:
        """Return the clips as they are."""
        return torch.arange(len(batch["targets"]))

    def loss(self, batch: ReactionBatch, drawn: Tensor, rows: Tensor) -> Tensor:
        """Return what some clips add to the squared error, averaged over the batch's clips and targets."""
        device = self.settings.device
        outputs = self.net(self.inputs(batch, rows), drawn[rows].to(device))
        targets = batch["targets"][rows].to(device)
        return F.mse_loss(outputs, targets, reduction="sum") / batch["targets"].numel()

    def inputs(self, batch: ReactionBatch, rows: Tensor) -> list[PaddedSequence]:
        """Return some clips of a batch as the network's paths take them: faces normalised as each part wants them."""
        device = self.settings.device
        faces = batch["faces"][rows].to(device, non_blocking=True) if batch["faces"].numel() else None
        frames = batch["frames"][rows].to(device)
        features = iter(zip(batch["features"], batch["rows"], strict=True))
        found = []
        for part in self.settings.parts:
            if part.sees:
                assert faces is not None
                found.append(PaddedSequence(normalize(faces, part.mean, part.std), frames))
            else:
                values, lengths = next(features)
                found.append(PaddedSequence(values[rows].to(device, non_blocking=True), lengths[rows].to(device)))
        return found

    def outputs(self, batch: ReactionBatch) -> Tensor:
        """Return the intensities ``float32 (B, K)`` of a batch in evaluation, on the CPU."""
        to = self.settings
        self.net.eval()
        with memory_advice(to.micro_batch), inference(to.device, to.precision):
            parts = torch.split(torch.arange(len(batch["frames"])), to.micro_batch)
            return torch.cat([self.net(self.inputs(batch, rows)) for rows in parts]).float().cpu()

    def gmacs(self, batch: ReactionBatch) -> float:
        """Return the multiply-adds, in units of 10^9, that a batch of one clip takes."""
        with evaluating(self.net), torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.net(self.inputs(batch, torch.arange(1)))
        return float(counter.get_total_flops() / 2e9)


def reaction_training(step: ReactionStep, clips: ReactionClips) -> Training:
    """Return the training of a network of intensities; its learning rates are as written.

    Args:
        step: The network with its training step, on its device.
        clips: Training clips.

    Raises:
        UserError: There are fewer clips than a step takes, or the recipe does not say how long it is.
    """
    to = step.settings
    groups = encoder_groups(step.net, to.train.weight_decay, to.train.encoder_lr)
    optimizer = torch.optim.AdamW(groups, lr=to.train.lr, betas=to.train.betas, fused=True)
    return Training(
        step=step,
        model=step.net,
        optimizer=wrap_optimizer(optimizer, to.precision, to.device, to.train.clip_grad),
        clips=clips,
        batch=to.train.batch,
        views=1,
        plan=plan_steps(len(clips), to.train),
        rates=(to.train.lr, to.train.min_lr),
        seed=to.seed,
        device=to.device,
        title="train",
    )


def encoder_groups(net: ReactionNet, weight_decay: float, encoder_lr: float) -> list[dict[str, Any]]:
    """Return an optimizer's groups: visual encoders learn at ``encoder_lr`` times the rate of all else.

    Args:
        net: The network; frozen parameters are left out.
        weight_decay: None on biases and norms.
        encoder_lr: The factor.
    """
    encoders = {
        id(parameter) for path in net.paths if isinstance(path, VisualPath) for parameter in path.encoder.parameters()
    }
    found = []
    for group in decay_groups(net, weight_decay):
        for name, scale, inside in (("encoder", encoder_lr, True), ("head", 1.0, False)):
            chosen = [parameter for parameter in group["params"] if (id(parameter) in encoders) == inside]
            if chosen:
                found.append(group | {"params": chosen, "lr_scale": scale, "name": f"{name}_{group['name']}"})
    return found


def reaction_test(step: ReactionStep, loader: DataLoader[ReactionItem]) -> ReactionReport:
    """Return the outputs for every clip of a loader, in its order.

    Raises:
        RunFailed: A micro-batch does not fit into memory.
    """
    found: list[Tensor] = []
    waiting = 0.0
    begun = asked = time.perf_counter()
    with Bar("test", len(loader.dataset), "clips") as bar:  # type: ignore[arg-type]
        for batch in loader:
            waiting += time.perf_counter() - asked
            found.append(step.outputs(batch))
            bar.advance(len(found[-1]))
            asked = time.perf_counter()
    outputs = torch.cat(found).numpy()
    seconds = time.perf_counter() - begun
    return ReactionReport(outputs, len(outputs), seconds, waiting, peak_memory(step.settings.device))
