"""What the record of a reaction run says, and the plan of one."""

from __future__ import annotations

from pathlib import Path

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.training import plan_steps
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.measure import count_parameters
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo, identity
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.reaction.scoring import keep_reactions, truth_of_reactions
from tta_bench.protocols.reaction.split import ReactionSplit, parts_of
from tta_bench.protocols.reaction.step import ReactionReport, ReactionStep
from tta_bench.records import schema
from tta_bench.records.intensities import collect_intensities
from tta_bench.records.score import Results
from tta_bench.utils.keyed_random import digest


def reaction_identity(
    to: ReactionExperiment, lists: ReactionSplit, weights: Weights | None, training: str, precision: ResolvedPrecision
) -> schema.Identity:
    """Return what makes a reaction run another than the next: features that users bring are part of it."""
    training = digest([training, lists.scored_features]) if lists.scored_features else training
    return identity(to, lists.identity, weights, training, precision, split=to.eval.split)


def reaction_facts(to: ReactionExperiment, lists: ReactionSplit) -> RunInfo:
    """Return what its record says from the beginning; what is only heard has no input to show."""
    seen = schema.Input(frames=to.clip.frames, stride=None, size=to.clip.size) if to.backbone.sees else None
    return RunInfo(len(lists.scored), (), seen)


def reaction_results(
    to: ReactionExperiment, lists: ReactionSplit, report: ReactionReport, folder: Path, stem: str
) -> Results:
    """Score the outputs, write what may be published of them, and return what the record says of both."""
    what = f"the part {to.eval.split} of {to.dataset.name}"
    truth = truth_of_reactions(lists.layout.targets, lists.reactions, what)
    predictions = collect_intensities([clip.id for clip in lists.scored], report.outputs, truth)
    return keep_reactions(predictions, to.dataset, folder, stem, ranked_by=to.protocol.score)


def reaction_cost(to: ReactionExperiment, lists: ReactionSplit, step: ReactionStep) -> schema.Cost:
    """Return what the network costs, for a clip that has everything that its parts take, if there is one."""
    clips = lists.scored_clips(to)
    full = [place for place, clip in enumerate(clips.clips) if all([clip.faces or not to.clip.frames, *clip.features])]
    batch = clips.collate([clips[0, next(iter(full), 0)]])
    return schema.Cost(parameters=count_parameters(step.net), gmacs_per_view=round(step.gmacs(batch), 4), views=1)


def describe_reaction_plan(
    to: ReactionExperiment, lists: ReactionSplit, estimate: Estimate, folder: str, micro_batch: int, device: str
) -> str:
    """Return what a run would do: data, model, steps, disk, estimated time, and whether it would be ranked."""
    plan = plan_steps(len(lists.train), to.train)
    training = plan.total * to.train.batch * estimate.seconds_per_training_clip
    testing = len(lists.scored) * estimate.seconds_per_test_video
    seen = f"{to.clip.frames} frames, {to.clip.sampling}, {to.clip.size} pixels, faces by {to.clip.cropper}"
    heard = ", ".join(part.name for part in parts_of(to.backbone) if not part.sees)
    lines = {
        "run": folder,
        "data": f"{to.dataset.name}, {to.tier} tier: {len(lists.train):,} training clips, "
        f"{len(lists.scored):,} of the part {to.eval.split}",
        "model": f"{to.backbone.name}, weights {to.weights}, temporal head {to.train.temporal}",
        "clip": "; ".join(filter(None, [seen if to.backbone.sees else "", heard])),
        "features": f"{lists.extraction.reused:,} of {lists.extraction.clips:,} reused",
        "training": f"{plan.total:,} steps ({plan.total / plan.per_epoch:.1f} epochs) of {to.train.batch} clips, "
        f"{micro_batch} at once on {device}",
        "disk": f"{estimate.checkpoint_bytes / 1e9:.2g} GB for a checkpoint, {estimate.free_bytes / 1e9:,.0f} GB free",
        "time": f"at most {training / 60:,.1f} min of training and {testing / 60:,.1f} min of testing, by the first "
        "step and clip; later ones are quicker",
        "ranked": "yes" if to.standard else "no: a locked key or the data were changed",
    }
    return "\n".join(f"{name:10}{text}" for name, text in lines.items())
