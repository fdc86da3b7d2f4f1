"""The record of a fine-tune (identity, input, predictions, cost) and its plan as text."""

from __future__ import annotations

import numpy as np

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.schedule import plan_steps
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.classifier import Classifier
from tta_bench.models.measure import count_gmacs, count_parameters, count_trained
from tta_bench.protocols.base.overlap import overlap_of
from tta_bench.protocols.base.plan import (
    detectable_line,
    disk_line,
    plan_text,
    shared_memory_line,
    time_line,
    training_line,
    waiting_line,
)
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo, identity
from tta_bench.protocols.base.training_run import is_test_of_file
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.fine_tune.testing import TestReport
from tta_bench.records import schema
from tta_bench.records.identity import Identity
from tta_bench.records.predictions import Predictions, collect


def fine_tune_identity(
    experiment: FineTuneExperiment,
    clips: SplitClips,
    weights: Weights | None,
    training: str,
    precision: ResolvedPrecision,
) -> Identity:
    """Return the identity of a fine-tune.

    Args:
        experiment: The experiment.
        clips: The split's clips.
        weights: Initial weights.
        training: Identity of the trained weights.
        precision: Resolved precision.
    """
    control = experiment.eval.control
    return identity(experiment, clips.identity, weights, training, precision, control=control, standing=clips.standing)


def fine_tune_run_info(experiment: FineTuneExperiment, clips: SplitClips, weights: Weights | None) -> RunInfo:
    """Return the fields of the record that are known before the run starts."""
    clip = experiment.clip
    return RunInfo(
        expected=len(clips.test),
        excluded=tuple(clips.excluded),
        input=schema.Input(frames=clip.frames, stride=clip.step, size=clip.size),
        overlap=overlap_of(experiment, weights, [sample.id for sample in clips.test]),
    )


def fine_tune_predictions(experiment: FineTuneExperiment, clips: SplitClips, test: TestReport) -> Predictions:
    """Return the scores of the test list with labels, groups and classes."""
    return collect(
        [sample.id for sample in clips.test],
        test.scores,
        np.array([sample.label for sample in clips.test]),
        [sample.group for sample in clips.test],
        clips.classes,
        reversed_labels(experiment, clips),
        {sample.group for sample in clips.train},
    )


def reversed_labels(experiment: FineTuneExperiment, clips: SplitClips) -> list[int] | None:
    """Return the class that each test clip shows when played backwards; None without the control that does so."""
    names = experiment.dataset.reversed_class
    if experiment.eval.control != "reversed" or names is None:
        return None
    return [clips.classes.index(names[clips.classes[sample.label]]) for sample in clips.test]


def fine_tune_cost(experiment: FineTuneExperiment, classifier: Classifier) -> schema.Cost:
    """Return parameters, GMACs of a view and number of views."""
    clip, views = experiment.clip, experiment.eval
    gmacs = count_gmacs(classifier, (3, clip.frames, clip.size, clip.size))
    return schema.Cost(
        parameters=count_parameters(classifier),
        trained=None if is_test_of_file(experiment) else count_trained(classifier),
        gmacs_per_view=None if gmacs is None else round(gmacs, 4),
        views=views.segments * views.crops,
    )


def describe_plan(
    experiment: FineTuneExperiment, clips: SplitClips, estimate: Estimate, folder: str, micro_batch: int, device: str
) -> str:
    """Return the plan as text: data, model, steps, views, disk, estimated time, and whether the result is ranked.

    Args:
        experiment: The experiment.
        clips: The split's clips.
        estimate: Measured times and sizes of the preflight.
        folder: Name of the training's folder.
        micro_batch: Clips on the device at once.
        device: Name of the device.
    """
    clip, train, views = experiment.clip, experiment.train, experiment.eval
    plan = plan_steps(len(clips.train), train)
    ranked = experiment.standard and views.control == "none" and clips.standing.differs is None
    lines = {
        "run": folder,
        "data": f"{experiment.dataset.name}, {experiment.tier} tier, split {experiment.split}: {len(clips.train):,} "
        f"training and {len(clips.test):,} test clips, {len(clips.excluded):,} left out",
        **clips.standing.lines(),
        **clips.cache_line(experiment.cache),
        "model": f"{experiment.backbone.name}, weights {experiment.weights}",
        "clip": str(clip),
        "training": training_line(plan, f"{train.batch} videos x {train.views} views", f"{micro_batch} clips", device),
        "test": f"{views.segments} x {views.crops} views of each video",
        "shows": detectable_line([sample.group for sample in clips.test]),
        "disk": disk_line(estimate),
        "time": time_line(estimate, plan.total * train.batch * train.views, (len(clips.test), "video")),
        **waiting_line(estimate),
        **shared_memory_line(estimate),
        "ranked": "yes" if ranked else "no: a locked key, the data or the test clips were changed",
    }
    return plan_text(lines)
