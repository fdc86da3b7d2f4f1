"""The record of a reaction run (identity, input, results, cost) and its plan as text."""

from __future__ import annotations

from pathlib import Path

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.schedule import plan_steps
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.measure import count_parameters, count_trained
from tta_bench.protocols.base.overlap import overlap_of
from tta_bench.protocols.base.plan import (
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
from tta_bench.protocols.reaction.scoring import keep_reactions, truth_of_reactions
from tta_bench.protocols.reaction.split import ReactionSplit, parts_of
from tta_bench.protocols.reaction.step import ReactionReport, ReactionStep
from tta_bench.records import schema
from tta_bench.records.identity import Identity
from tta_bench.records.intensities import collect_intensities
from tta_bench.records.score import Results
from tta_bench.utils.keyed_random import digest


def reaction_identity(
    experiment: ReactionExperiment,
    clips: ReactionSplit,
    weights: Weights | None,
    training: str,
    precision: ResolvedPrecision,
) -> Identity:
    """Return the identity of a reaction run; user-supplied features and the bytes of scored clips are part of it.

    Args:
        experiment: The experiment.
        clips: Training and scored clips.
        weights: Initial weights.
        training: Identity of the trained weights.
        precision: Resolved precision.
    """
    tested = [known for known in (clips.scored_features, clips.standing.contents) if known]
    training = digest([training, *tested]) if tested else training
    part, standing = experiment.eval.split, clips.standing
    return identity(experiment, clips.identity, weights, training, precision, split=part, standing=standing)


def reaction_run_info(experiment: ReactionExperiment, clips: ReactionSplit, weights: Weights | None) -> RunInfo:
    """Return the fields of the record that are known before the run starts; sound alone has no input to show."""
    clip = experiment.clip
    seen = schema.Input(frames=clip.frames, stride=None, size=clip.size) if experiment.backbone.sees else None
    return RunInfo(len(clips.scored), (), seen, overlap_of(experiment, weights, [clip.id for clip in clips.scored]))


def reaction_results(
    experiment: ReactionExperiment, clips: ReactionSplit, report: ReactionReport, folder: Path, stem: str
) -> Results:
    """Score the outputs, write those parts of them that may be published, and return the record's fields on both."""
    name = f"the part {experiment.eval.split} of {experiment.dataset.name}"
    truth = truth_of_reactions(clips.layout.targets, clips.reactions, name)
    predictions = collect_intensities([clip.id for clip in clips.scored], report.outputs, truth)
    return keep_reactions(predictions, experiment.dataset, folder, stem, ranked_by=experiment.protocol.score)


def reaction_cost(experiment: ReactionExperiment, clips: ReactionSplit, step: ReactionStep) -> schema.Cost:
    """Return the cost of the network for a clip that has every modality, if there is one."""
    scored = clips.scored_clips(experiment)
    complete = (
        index
        for index, clip in enumerate(scored.clips)
        if all([clip.faces or not experiment.clip.frames, *clip.features])
    )
    batch = scored.collate([scored[0, next(complete, 0)]])
    gmacs = step.gmacs(batch)
    counted = None if gmacs is None else round(gmacs, 4)
    trained = None if is_test_of_file(experiment) else count_trained(step.net)
    return schema.Cost(parameters=count_parameters(step.net), trained=trained, gmacs_per_view=counted, views=1)


def describe_reaction_plan(
    experiment: ReactionExperiment, clips: ReactionSplit, estimate: Estimate, folder: str, micro_batch: int, device: str
) -> str:
    """Return the plan as text: data, model, steps, disk, estimated time, and whether the result is ranked.

    Args:
        experiment: The experiment.
        clips: Training and scored clips.
        estimate: Measured times and sizes of the preflight.
        folder: Name of the training's folder.
        micro_batch: Clips on the device at once.
        device: Name of the device.
    """
    backbone, clip, train = experiment.backbone, experiment.clip, experiment.train
    plan = plan_steps(len(clips.train), train)
    seen = f"{clip.frames} frames, {clip.sampling}, {clip.size} pixels, faces by {clip.cropper}"
    heard = ", ".join(part.name for part in parts_of(backbone) if not part.sees)
    standard = experiment.standard and clips.standing.differs is None
    lines = {
        "run": folder,
        "data": f"{experiment.dataset.name}, {experiment.tier} tier: {len(clips.train):,} training clips, "
        f"{len(clips.scored):,} of the part {experiment.eval.split}",
        **clips.standing.lines(),
        "model": f"{backbone.name}, weights {experiment.weights}, temporal head {train.temporal}",
        "clip": "; ".join(filter(None, [seen if backbone.sees else "", heard])),
        "features": f"{clips.extraction.reused:,} of {clips.extraction.clips:,} reused",
        "training": training_line(plan, f"{train.batch} clips", f"{micro_batch}", device),
        "disk": disk_line(estimate),
        "time": time_line(estimate, plan.total * train.batch, (len(clips.scored), "clip")),
        **waiting_line(estimate),
        **shared_memory_line(estimate),
        "ranked": "yes" if standard else "no: a locked key or the data were changed",
    }
    return plan_text(lines)
