from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.line import LineRecipe, line_step, line_training
from tta_bench.cards.kinds import Pretraining
from tta_bench.config.resolve import resolve
from tta_bench.engine.device import Machine
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.preflight import Estimate, try_once
from tta_bench.protocols.base.recorder import RunInfo, identity
from tta_bench.protocols.base.training_run import (
    PreparedRun,
    Start,
    done_before,
    leave_checkpoint,
    recorder_of,
    resume_or_preflight,
    train_or_load,
    training_folder,
    training_identity,
)
from tta_bench.protocols.base.weights import Weights
from tta_bench.records.schema import Metric
from tta_bench.records.store import load_records

CPU = Machine(torch.device("cpu"), "fp32")
DATA = "d" * 64
WEIGHTS = Weights("mine.pth", Path("mine.pth"), "5" * 64, Pretraining(data="not stated", labels=None))


def prepare(work_dir: Path, *words: str, resume: str = "missing", weights: str = "none") -> PreparedRun[None]:
    """A line's training, as a run."""
    (experiment,) = resolve(["protocol=ucf101_ft", f"weights={weights}", *words])
    start = None if weights == "none" else WEIGHTS
    training = training_identity(experiment, DATA, start, CPU)
    return PreparedRun(
        experiment=experiment,
        work_dir=work_dir,
        resume=resume,
        machine=CPU,
        clips=None,
        weights=start,
        training=training,
        folder=training_folder(work_dir, experiment, training, "split1"),
        identity=identity(experiment, DATA, start, training, "fp32"),
        info=RunInfo(expected=0),
        videos=8,
        recipe=LineRecipe(),
        views=2,
    )


def trained(run: PreparedRun[None], start: Start | None = None) -> Any:
    """Train a line and return its checkpoint."""
    run.folder.mkdir(parents=True, exist_ok=True)
    train_or_load(run, line_training(), start or Start(None, 2), {"classes": ["a"]})
    return read_checkpoint(run.folder / "checkpoint.pt")


def untried(_: int) -> Estimate:
    raise AssertionError("nothing is to be tried")


def test_a_new_training_is_tried_first(tmp_path: Path) -> None:
    run = prepare(tmp_path)

    def trial(micro_batch: int) -> Estimate:
        return try_once(line_training(line_step(micro_batch=micro_batch)), lambda: None, run.folder)

    assert (run.steps, run.micro_batch) == (6, 8)
    assert resume_or_preflight(run, trial) == Start(None, 8)


def test_a_checkpoint_says_what_it_is_and_is_continued_with_its_micro_batch(tmp_path: Path) -> None:
    run = prepare(tmp_path)
    kept = trained(run)
    said = {"format": "tta-bench", "training": run.training, "backbone": run.experiment.backbone.name}
    assert {**said, "micro_batch": 2, "classes": ["a"], "step": 6}.items() <= dict(kept).items()
    start = resume_or_preflight(run, untried)
    assert (start.micro_batch, start.checkpoint and start.checkpoint["step"]) == (2, 6)
    asked = prepare(tmp_path, "runtime.micro_batch=4")
    assert resume_or_preflight(asked, untried).micro_batch == 4
    with pytest.raises(AssertionError, match="nothing is to be tried"):
        resume_or_preflight(prepare(tmp_path, resume="never"), untried)


def test_only_a_finished_training_is_tested(tmp_path: Path) -> None:
    run = prepare(tmp_path, "phase=test")
    with pytest.raises(UserError, match="there is no .*checkpoint.pt"):
        resume_or_preflight(run, untried)
    kept = trained(prepare(tmp_path))
    start = resume_or_preflight(run, untried)
    training = line_training(line_step(steps=1))
    assert train_or_load(run, training, start, {}) is None
    assert all(torch.equal(tensor, kept["model"][name]) for name, tensor in training.model.state_dict().items())


def test_a_tested_file_is_another_training_and_is_not_tried(tmp_path: Path) -> None:
    fine_tuned, tested = (prepare(tmp_path, *words, weights="mine.pth") for words in ((), ("phase=test",)))
    assert not fine_tuned.is_test_only
    assert tested.is_test_only
    assert len({prepare(tmp_path).training, fine_tuned.training, tested.training}) == 3
    assert resume_or_preflight(tested, untried) == Start(None, 8)


def test_a_folder_is_named_after_its_training(tmp_path: Path) -> None:
    run = prepare(tmp_path, "seed=3", "backbone=timm/resnet10t")
    assert run.folder == tmp_path / f"ucf101_ft-timm-resnet10t-split1-seed3-{run.training[:8]}"


def test_a_run_that_was_done_is_not_done_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = prepare(tmp_path)
    assert done_before(run) is None
    recorder = recorder_of(run, 2)
    with recorder.running():
        record = recorder.success(metrics={"top1": Metric(value=0.5, low=0.0, high=1.0, n=2, n_groups=2)})
    assert record.resolved["runtime"]["micro_batch"] == 2  # type: ignore[index,call-overload]
    assert done_before(run) == record
    assert "done before, nothing to do" in capsys.readouterr().err
    assert done_before(prepare(tmp_path, resume="always")) is None


def test_a_run_that_ended_says_its_step_and_that_of_its_checkpoint(tmp_path: Path) -> None:
    run = prepare(tmp_path)
    assert run.reached() == (" in step 0", "The same command goes on from step 0.")
    trained(run)
    (run.folder / "metrics.jsonl").write_text("{}\n" * 1204)
    assert run.reached() == (" in step 1,204", "The same command goes on from step 6.")
    (run.folder / "checkpoint.pt").write_bytes(b"cut short")
    assert run.reached()[1].endswith("from step 0.")


def test_more_processes_than_parts_of_a_step_are_refused_where_there_is_one(tmp_path: Path) -> None:
    run = prepare(tmp_path, "runtime.micro_batch=4")
    run.require_parts(2)
    with pytest.raises(UserError, match="keeps 2 processes busy, and there are 3"):
        run.require_parts(3)
    prepare(tmp_path, "phase=test", weights="mine.pth").require_parts(3)
    assert run.recorder().experiment.runtime.micro_batch == 4


def test_training_alone_leaves_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = prepare(tmp_path, "phase=train")
    recorder = recorder_of(run, 2)
    with recorder.running():
        assert leave_checkpoint(run, recorder) == []
    assert not load_records(tmp_path / "records")
    assert "Leave out phase=train to test it" in " ".join(capsys.readouterr().err.split())
