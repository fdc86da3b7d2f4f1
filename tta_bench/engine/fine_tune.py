"""Fine-tune a classifier."""

from __future__ import annotations

import torch
from mmengine.optim import OptimWrapper

from tta_bench.data.loading import TrainClips
from tta_bench.engine.device import ResolvedPrecision, wrap_optimizer
from tta_bench.engine.layer_decay import parameter_groups
from tta_bench.engine.schedule import scaled
from tta_bench.engine.step import FineTuneStep
from tta_bench.engine.training import Training, plan_steps


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
