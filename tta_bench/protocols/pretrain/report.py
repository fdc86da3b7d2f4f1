"""The record of a pre-training (input, loss, cost) and its plan as text."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import torch
from torch.utils.flop_counter import FlopCounterMode

from tta_bench.engine.metrics_log import read_metrics
from tta_bench.engine.schedule import plan_steps
from tta_bench.experiments.pretrain import PretrainExperiment, PretrainSettings
from tta_bench.models.measure import count_parameters
from tta_bench.protocols.base.plan import (
    MORE_WORKERS,
    PREPARE,
    disk_line,
    plan_text,
    shared_memory_line,
    time_line,
    training_line,
    waiting_line,
)
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo
from tta_bench.protocols.pretrain.corpus import CorpusClips
from tta_bench.protocols.pretrain.neighbours import NeighbourCurve
from tta_bench.protocols.pretrain.step import PretrainStep
from tta_bench.records import schema

LAST = 0.1
"""Share of the steps, at the end of training, over which the loss is averaged."""


def pretrain_run_info(experiment: PretrainExperiment, corpus: CorpusClips) -> RunInfo:
    """Return the fields of the record that are known before the run starts; every readable clip counts as scored."""
    clip = experiment.clip
    return RunInfo(
        len(corpus.clips), tuple(corpus.excluded), schema.Input(frames=clip.frames, stride=clip.stride, size=clip.size)
    )


def final_loss(metrics: Path, train: PretrainSettings, corpus: int) -> schema.Metric:
    """Return the mean loss over the last tenth of the steps in ``metrics.jsonl``; it has no interval.

    Args:
        metrics: The file.
        train: The recipe.
        corpus: Number of videos in the corpus.
    """
    losses = [line["loss"] for line in read_metrics(metrics)]
    last = losses[-max(1, round(LAST * len(losses))) :]
    videos = len(last) * train.batch
    return schema.Metric(value=fmean(last), low=None, high=None, n=videos * train.views, n_groups=min(videos, corpus))


def pretrain_cost(experiment: PretrainExperiment, step: PretrainStep) -> schema.Cost:
    """Return parameters of encoder and decoder, GMACs of a view and number of views."""
    frames, size, device = experiment.clip.frames, experiment.clip.size, step.settings.machine.device
    clip = torch.zeros(1, frames, size, size, 3, dtype=torch.uint8, device=device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        step.summed_errors(clip, step.draw_masks(1))
    return schema.Cost(
        parameters=count_parameters(step.autoencoder),
        gmacs_per_view=round(counter.get_total_flops() / 2e9, 4),
        views=experiment.train.views,
    )


def describe_pretraining(
    experiment: PretrainExperiment,
    corpus: CorpusClips,
    step: PretrainStep,
    estimate: Estimate,
    folder: str,
    watched: NeighbourCurve | None = None,
) -> str:
    """Return the plan as text: data, model, masks, steps, disk, estimated time, and whether the run is standard.

    Args:
        experiment: The experiment.
        corpus: The corpus' clips.
        step: The model with its settings.
        estimate: Measured times and sizes of the preflight.
        folder: Name of the training's folder.
        watched: The look at the encoder now and then.
    """
    clip, train, model, settings = experiment.clip, experiment.train, step.autoencoder, step.settings
    plan, masks = plan_steps(len(corpus.clips), train), step.draw_masks(1)
    batch, at_once = f"{train.batch} videos x {train.views} views", f"{settings.micro_batch} clips"
    standard = experiment.standard and corpus.standing.differs is None
    lines = {
        "run": folder,
        "data": f"{experiment.dataset.name}, {experiment.tier} tier: {len(corpus.clips):,} clips, "
        f"{len(corpus.excluded):,} left out",
        **corpus.standing.lines(),
        **corpus.cache_line(experiment.cache),
        "model": f"{experiment.backbone.name} and a decoder of {train.decoder.depth} blocks, "
        f"{count_parameters(model):,} parameters, weights {experiment.weights}",
        "clip": str(clip),
        "tokens": f"{model.tokens:,}: {masks.visible.shape[1]:,} seen, {masks.decoded.shape[1]:,} decoded, "
        f"{int(masks.counted.sum()):,} in the loss",
        "training": training_line(plan, batch, at_once, str(settings.machine.device)),
        **(watched.line(experiment.knn.every or 1) if watched else {}),
        "disk": disk_line(estimate),
        "time": time_line(estimate, plan.total * train.batch * train.views),
        **waiting_line(estimate, MORE_WORKERS if experiment.root is None else PREPARE),
        **shared_memory_line(estimate),
        "standard": "yes" if standard else "no: a locked key or the data were changed",
    }
    return plan_text(lines)
