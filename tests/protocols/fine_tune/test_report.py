from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.layout import Sample
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.fine_tune.report import (
    describe_plan,
    fine_tune_identity,
    fine_tune_predictions,
    fine_tune_run_info,
    reversed_labels,
)
from tta_bench.protocols.fine_tune.split import SplitClips

CLASSES = ("MoveLeft", "MoveRight", "ZoomIn", "ZoomOut")
ESTIMATE = Estimate(
    seconds_per_training_clip=0.25, seconds_per_test_video=1.0, checkpoint_bytes=2 * 10**9, free_bytes=70 * 10**9
)


def samples(*names: str) -> tuple[Sample, ...]:
    """Clips of all classes in turn, each of a group of its own initial."""
    return tuple(Sample(name, Path(name), number % 4, name[0]) for number, name in enumerate(names))


CLIPS = SplitClips(
    root=Path(),
    classes=CLASSES,
    train=samples("a1", "a2", "b1", "b2"),
    test=samples("b3", "c1", "c2"),
    lengths={},
    excluded={"a3": "cut short"},
    identity="d" * 64,
)


def experiment(*words: str) -> FineTuneExperiment:
    (found,) = resolve(["protocol=ucf101_ft", "train.batch=2", "train.steps=6", *words])
    assert isinstance(found, FineTuneExperiment)
    return found


def test_reversed_labels_are_those_of_the_control() -> None:
    assert reversed_labels(experiment(), CLIPS) is None
    labels = reversed_labels(experiment("eval.control=reversed"), CLIPS)
    assert labels is not None
    assert [CLASSES[label] for label in labels] == ["MoveRight", "MoveLeft", "ZoomOut"]


def test_predictions_know_groups_that_were_trained_on() -> None:
    report = SimpleNamespace(scores=np.eye(3, 4, dtype=np.float32))
    predictions = fine_tune_predictions(experiment(), CLIPS, report)  # type: ignore[arg-type]
    assert predictions.ids.tolist() == ["b3", "c1", "c2"]
    assert predictions.leaked is not None
    assert predictions.leaked.tolist() == [True, False, False]
    assert predictions.classes == CLASSES


def test_the_record_knows_its_samples_and_input_from_the_start() -> None:
    info = fine_tune_run_info(experiment("clip.frames=4"), CLIPS, None)
    assert (info.expected, info.excluded) == (3, ("a3",))
    assert info.input is not None
    assert info.input.frames == 4


def test_the_identity_says_data_control_and_training() -> None:
    identity = fine_tune_identity(experiment("eval.control=frozen"), CLIPS, None, "t" * 64, "fp32")
    assert (identity.dataset.manifest_sha256, identity.control) == ("d" * 64, "frozen")
    assert identity.run_key != fine_tune_identity(experiment(), CLIPS, None, "t" * 64, "fp32").run_key
    assert (
        identity.run_key != fine_tune_identity(experiment("eval.control=frozen"), CLIPS, None, "u" * 64, "fp32").run_key
    )


def test_a_plan_says_data_steps_views_and_rank() -> None:
    plan = describe_plan(experiment(), CLIPS, ESTIMATE, "folder", 2, "cpu")
    lines = dict(line.split(maxsplit=1) for line in plan.splitlines())
    assert lines["run"] == "folder"
    assert lines["data"].endswith("split 1: 4 training and 3 test clips, 1 left out")
    assert lines["training"] == "6 steps (3.0 epochs) of 2 videos x 1 views, 2 clips at once on cpu"
    assert lines["test"] == "2 x 3 views of each video"
    assert lines["ranked"] == "yes"
    changed = describe_plan(experiment("eval.control=frozen"), CLIPS, ESTIMATE, "folder", 2, "cpu")
    assert "no: a locked key, the data or the test clips were changed" in changed
