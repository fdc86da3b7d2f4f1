"""What the record and the plan of a pre-training say."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import torch
from torch.utils.flop_counter import FlopCounterMode

from tta_bench.engine.schedule import plan_steps
from tta_bench.experiments.pretrain import PretrainExperiment, PretrainSettings
from tta_bench.models.measure import count_parameters
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo
from tta_bench.protocols.pretrain.corpus import CorpusClips
from tta_bench.protocols.pretrain.step import PretrainStep
from tta_bench.records import schema

LAST = 0.1
"""Share of the steps, at the end, that the loss is the mean of."""


def pretrain_facts(to: PretrainExperiment, corpus: CorpusClips) -> RunInfo:
    """Return what its record says from the beginning; every clip that can be read counts as scored."""
    seen = schema.Input(frames=to.clip.frames, stride=to.clip.stride, size=to.clip.size)
    return RunInfo(len(corpus.clips), tuple(corpus.excluded), seen)


def final_loss(metrics: Path, train: PretrainSettings, corpus: int) -> schema.Metric:
    """Return the mean loss over the last tenth of the steps in ``metrics.jsonl``; it has no interval.

    Args:
        metrics: The file.
        train: The recipe.
        corpus: Videos that it was trained on.
    """
    losses = [json.loads(line)["loss"] for line in metrics.read_text(encoding="utf-8").splitlines()]
    last = losses[-max(1, round(LAST * len(losses))) :]
    videos = len(last) * train.batch
    return schema.Metric(value=fmean(last), low=None, high=None, n=videos * train.views, n_groups=min(videos, corpus))


def pretrain_cost(to: PretrainExperiment, step: PretrainStep) -> schema.Cost:
    """Return what encoder and decoder cost."""
    device = step.settings.machine.device
    clip = torch.zeros(1, to.clip.frames, to.clip.size, to.clip.size, 3, dtype=torch.uint8, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        step.summed_errors(clip, step.draw_masks(1))
    gmacs = counter.get_total_flops() / 2e9
    return schema.Cost(
        parameters=count_parameters(step.autoencoder), gmacs_per_view=round(gmacs, 4), views=to.train.views
    )


def describe_pretraining(
    to: PretrainExperiment, corpus: CorpusClips, step: PretrainStep, estimate: Estimate, folder: str
) -> str:
    """Return what a run would do: data, model, masks, steps, disk and estimated time."""
    plan, train = plan_steps(len(corpus.clips), to.train), to.train
    seconds = plan.total * train.batch * train.views * estimate.seconds_per_training_clip
    masks = step.draw_masks(1)
    parameters = count_parameters(step.autoencoder)
    lines = {
        "run": folder,
        "data": f"{to.dataset.name}, {to.tier} tier: {len(corpus.clips):,} clips, {len(corpus.excluded):,} left out",
        "model": f"{to.backbone.name} and a decoder of {train.decoder.depth} blocks, {parameters:,} parameters, "
        f"weights {to.weights}",
        "clip": f"{to.clip.frames} frames, every {to.clip.stride}th, {to.clip.size} pixels",
        "tokens": f"{step.autoencoder.tokens:,}: {masks.visible.shape[1]:,} seen, {masks.decoded.shape[1]:,} decoded, "
        f"{int(masks.counted.sum()):,} in the loss",
        "training": f"{plan.total:,} steps ({plan.total / plan.per_epoch:.1f} epochs) of {train.batch} videos x "
        f"{train.views} views, {step.settings.micro_batch} clips at once on {step.settings.machine.device}",
        "disk": f"{estimate.checkpoint_bytes / 1e9:.2g} GB for a checkpoint, {estimate.free_bytes / 1e9:,.0f} GB free",
        "time": f"at most {seconds / 60:,.1f} min, by the first step; later ones are quicker",
        "standard": "yes" if to.standard else "no: a locked key or the data were changed",
    }
    return "\n".join(f"{name:10}{text}" for name, text in lines.items())
