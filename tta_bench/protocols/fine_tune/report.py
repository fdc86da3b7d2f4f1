"""What the record of a fine-tune says: its identity, what it sees, its scores and its cost."""

from __future__ import annotations

import numpy as np

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.training import plan_steps
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.classifier import Classifier
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo, identity
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.fine_tune.testing import TestReport
from tta_bench.records import schema
from tta_bench.records.predictions import Predictions, collect


def fine_tune_identity(
    to: FineTuneExperiment, lists: SplitClips, weights: Weights | None, training: str, precision: ResolvedPrecision
) -> schema.Identity:
    """Return what makes a fine-tune another than the next."""
    return identity(to, lists.identity, weights, training, precision, control=to.eval.control)


def fine_tune_facts(to: FineTuneExperiment, lists: SplitClips) -> RunInfo:
    """Return what its record says from the beginning."""
    seen = schema.Input(frames=to.clip.frames, stride=to.clip.step, size=to.clip.size)
    return RunInfo(len(lists.test), tuple(lists.excluded), seen)


def fine_tune_predictions(to: FineTuneExperiment, lists: SplitClips, test: TestReport) -> Predictions:
    """Return the scores of its test list with all that is needed to judge them."""
    return collect(
        [sample.id for sample in lists.test],
        test.scores,
        np.array([sample.label for sample in lists.test]),
        [sample.group for sample in lists.test],
        lists.classes,
        reversed_labels(to, lists),
        {sample.group for sample in lists.train},
    )


def reversed_labels(to: FineTuneExperiment, lists: SplitClips) -> list[int] | None:
    """Return the class that each test clip shows when played backwards, for the control that does so."""
    names = to.dataset.reversed_class
    if to.eval.control != "reversed" or names is None:
        return None
    return [lists.classes.index(names[lists.classes[sample.label]]) for sample in lists.test]


def fine_tune_cost(to: FineTuneExperiment, classifier: Classifier) -> schema.Cost:
    """Return what the classifier costs."""
    return schema.Cost(
        parameters=count_parameters(classifier),
        gmacs_per_view=round(count_gmacs(classifier, (3, to.clip.frames, to.clip.size, to.clip.size)), 4),
        views=to.eval.segments * to.eval.crops,
    )


def describe_plan(
    to: FineTuneExperiment, lists: SplitClips, estimate: Estimate, folder: str, micro_batch: int, device: str
) -> str:
    """Return what a run would do: data, model, steps, views, disk, estimated time, and whether it would be ranked."""
    plan = plan_steps(len(lists.train), to.train)
    training = plan.total * to.train.batch * to.train.views * estimate.seconds_per_training_clip
    testing = len(lists.test) * estimate.seconds_per_test_video
    ranked = to.standard and to.eval.control == "none"
    lines = {
        "run": folder,
        "data": f"{to.dataset.name}, {to.tier} tier, split {to.split}: "
        f"{len(lists.train):,} training and {len(lists.test):,} test clips, {len(lists.excluded):,} left out",
        "model": f"{to.backbone.name}, weights {to.weights}",
        "clip": str(to.clip),
        "training": f"{plan.total:,} steps ({plan.total / plan.per_epoch:.1f} epochs) of {to.train.batch} videos x "
        f"{to.train.views} views, {micro_batch} clips at once on {device}",
        "test": f"{to.eval.segments} x {to.eval.crops} views of each video",
        "disk": f"{estimate.checkpoint_bytes / 1e9:.2g} GB for a checkpoint, {estimate.free_bytes / 1e9:,.0f} GB free",
        "time": f"at most {training / 60:,.1f} min of training and {testing / 60:,.1f} min of testing, by the first "
        "step and video; later ones are quicker",
        "ranked": "yes" if ranked else "no: a locked key, the data or the test clips were changed",
    }
    return "\n".join(f"{name:10}{text}" for name, text in lines.items())
