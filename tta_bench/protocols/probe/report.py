"""The record of a frozen protocol (predictions, cost) and its plan as text."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tta_bench.data.features.encoded import Kind
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.protocols.base.overlap import overlap_of
from tta_bench.protocols.base.plan import detectable_line, plan_text
from tta_bench.protocols.base.recorder import RunInfo
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.encoder import Encoder, EncodingSize
from tta_bench.records import schema
from tta_bench.records.predictions import Predictions, collect
from tta_bench.utils.paths import cache_folder


def frozen_run_info(experiment: FrozenExperiment, clips: SplitClips, weights: Weights | None) -> RunInfo:
    """Return the fields of the record that are known before the run starts."""
    clip = experiment.clip
    seen = schema.Input(frames=clip.frames, stride=clip.step, size=clip.size)
    overlap = overlap_of(experiment, weights, [sample.id for sample in clips.test])
    return RunInfo(len(clips.test), tuple(clips.excluded), seen, overlap)


def frozen_predictions(experiment: FrozenExperiment, clips: SplitClips, scores: NDArray[np.float32]) -> Predictions:
    """Return the scores of the test list with labels, groups and classes."""
    names = experiment.dataset.reversed_class
    reverse = None
    if experiment.eval.control == "reversed" and names is not None:
        reverse = [clips.classes.index(names[clips.classes[sample.label]]) for sample in clips.test]
    return collect(
        [sample.id for sample in clips.test],
        scores,
        np.array([sample.label for sample in clips.test]),
        [sample.group for sample in clips.test],
        clips.classes,
        reverse,
        {sample.group for sample in clips.train},
    )


def frozen_cost(experiment: FrozenExperiment, encoder: Encoder, head_parameters: int) -> schema.Cost:
    """Return parameters with the head's, GMACs of the backbone for a window, and number of windows."""
    clip, backbone = experiment.clip, encoder.module().backbone
    gmacs = count_gmacs(backbone, (3, clip.frames, clip.size, clip.size))
    return schema.Cost(
        parameters=count_parameters(backbone) + head_parameters,
        gmacs_per_view=None if gmacs is None else round(gmacs, 4),
        views=experiment.encode.windows,
    )


@dataclass(frozen=True)
class EncodingPlan:
    """Encoding that is left to do, and its cost."""

    kinds: Sequence[Kind]
    size: EncodingSize
    clips: int
    """Clips that the protocol uses."""
    todo: int
    """Those of them that are to be encoded."""
    seconds: float
    """Time that one clip took, decoding included."""


def describe_frozen_plan(
    experiment: FrozenExperiment, clips: SplitClips, plan: EncodingPlan, folder: str, head: str, passes: float
) -> str:
    """Return the plan as text: data, model, encoding with its disk and time, and whether the result is ranked.

    Args:
        experiment: The experiment.
        clips: The split's clips.
        plan: The encoding.
        folder: Name of the run's folder.
        head: The head's training, in words.
        passes: Times that the features of all clips are read, one window each.
    """
    windows = experiment.encode.windows
    each = {kind: plan.size.bytes(kind, windows) for kind in plan.kinds}
    stored, written = (sum(each.values()) * number / 1e9 for number in (plan.clips, plan.todo))
    main = plan.kinds[0]
    read = passes * each[main] / windows * plan.clips / 1e9
    free = shutil.disk_usage(cache_folder()).free / 1e9
    shape = f"{plan.size.width} values" + (f" x {plan.size.tokens:,} tokens" if "tokens" in plan.kinds else "")
    ranked = experiment.standard and experiment.eval.control == "none"
    lines = {
        "run": folder,
        "data": f"{experiment.dataset.name}, {experiment.tier} tier, split {experiment.split}: {len(clips.train):,} "
        f"training and {len(clips.test):,} test clips, {len(clips.excluded):,} left out",
        **clips.cache_line(experiment.cache),
        "model": f"{experiment.backbone.name}, weights {experiment.weights}, frozen",
        "clip": f"{experiment.clip}, {windows} windows, {shape} each in half precision",
        "encoding": f"{plan.todo:,} of {plan.clips:,} clips, the others are in the cache",
        "head": head,
        "shows": detectable_line([sample.group for sample in clips.test]),
        "disk": f"{stored:,.3g} GB of features, {written:,.3g} GB of them to be written; {free:,.0f} GB free",
        "reading": f"about {read:,.3g} GB of features",
        "time": f"at most {plan.todo * plan.seconds / 60:,.1f} min of encoding, by one clip; then the head",
        "ranked": "yes" if ranked else "no: a locked key, the data or the test clips were changed",
    }
    return plan_text(lines)
