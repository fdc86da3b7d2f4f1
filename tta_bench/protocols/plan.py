"""The plan of a run, as text for ``--dry-run``."""

from __future__ import annotations

from tta_bench.engine.training import plan_steps
from tta_bench.experiment import FineTuneExperiment
from tta_bench.protocols.lists import Lists
from tta_bench.protocols.preflight import Estimate


def describe_plan(
    to: FineTuneExperiment, lists: Lists, estimate: Estimate, folder: str, micro_batch: int, device: str
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
        "clip": f"{to.clip.frames} frames, every {to.clip.stride}th, {to.clip.size} pixels",
        "training": f"{plan.total:,} steps ({plan.total / plan.per_epoch:.1f} epochs) of {to.train.batch} videos x "
        f"{to.train.views} views, {micro_batch} clips at once on {device}",
        "test": f"{to.eval.segments} x {to.eval.crops} views of each video",
        "disk": f"{estimate.checkpoint_bytes / 1e9:.2g} GB for a checkpoint, {estimate.free_bytes / 1e9:,.0f} GB free",
        "time": f"at most {training / 60:,.1f} min of training and {testing / 60:,.1f} min of testing, by the first "
        "step and video; later ones are quicker",
        "ranked": "yes" if ranked else "no: a locked key, the data or the test clips were changed",
    }
    return "\n".join(f"{name:10}{text}" for name, text in lines.items())
