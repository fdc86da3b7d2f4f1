from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.hume_reaction import HumeReaction
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.reaction.clips import ReadyReaction
from tta_bench.protocols.reaction.model import Statistics
from tta_bench.protocols.reaction.report import describe_reaction_plan, reaction_identity, reaction_run_info
from tta_bench.protocols.reaction.split import Extraction, ReactionSplit

ESTIMATE = Estimate(
    seconds_per_training_clip=0.25, seconds_per_test_video=1.0, checkpoint_bytes=2 * 10**9, free_bytes=70 * 10**9
)


def clips(**changes: Any) -> ReactionSplit:
    """Four training and two scored clips that are only heard."""
    ready = [ReadyReaction(str(number), None, (Path("sound.npy"),), (0.5,)) for number in range(6)]
    fields: dict[str, Any] = {
        "layout": HumeReaction.__new__(HumeReaction),
        "train": tuple(ready[:4]),
        "scored": tuple(ready[4:]),
        "reactions": (),
        "statistics": (Statistics(np.zeros(3, np.float32), np.ones(3, np.float32)),),
        "means": (0.5,),
        "identity": "d" * 64,
        "scored_features": None,
        "extraction": Extraction(clips=12, reused=5, seconds=1.0),
    }
    return ReactionSplit(**fields | changes)


def experiment(*words: str) -> ReactionExperiment:
    (found,) = resolve(["protocol=abaw_eri", "train.batch=2", "train.steps=6", *words])
    assert isinstance(found, ReactionExperiment)
    return found


def test_sound_alone_has_no_input_to_show() -> None:
    heard = reaction_run_info(experiment("backbone=egemaps"), clips(), None)
    assert (heard.expected, heard.excluded, heard.input) == (2, (), None)
    seen = reaction_run_info(experiment("backbone=resnet50+egemaps", "clip.frames=3", "clip.size=64"), clips(), None)
    assert seen.input is not None
    assert (seen.input.frames, seen.input.stride, seen.input.size) == (3, None, 64)


def test_user_supplied_features_of_scored_clips_make_another_run_of_the_same_training() -> None:
    arguments = experiment("backbone=egemaps"), None, "t" * 64, "fp32"
    plain, supplied = (
        reaction_identity(arguments[0], clips(scored_features=features), *arguments[1:])  # type: ignore[arg-type]
        for features in (None, "f" * 64)
    )
    assert plain.run_key != supplied.run_key
    assert plain.model_copy(update={"run_key": supplied.run_key}) == supplied
    assert (plain.split, plain.dataset.splits) == ("val", ("val",))


def test_a_plan_says_data_features_steps_and_rank() -> None:
    plan = describe_reaction_plan(experiment("backbone=egemaps"), clips(), ESTIMATE, "folder", 2, "cpu")
    lines = dict(line.split(maxsplit=1) for line in plan.splitlines())
    assert lines["data"].endswith("4 training clips, 2 of the part val")
    assert lines["clip"] == "egemaps"
    assert lines["features"] == "5 of 12 reused"
    assert lines["training"] == "6 steps (3.0 epochs) of 2 clips, 2 at once on cpu"
    assert lines["ranked"] == "yes"
    both = describe_reaction_plan(experiment("backbone=resnet50+egemaps"), clips(), ESTIMATE, "folder", 2, "cpu")
    assert "; egemaps" in dict(line.split(maxsplit=1) for line in both.splitlines())["clip"]
