from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.web.training_folder import RESTORED, folder_of, log_of, restored, state_of
from tta_bench.protocols.pretrain.run import PICTURE
from tta_bench.records.progress import PLAN
from tta_bench.records.schema import Record
from tta_bench.records.store import file_stem, read_record


def write_log(work: Path, folder: str, record: str = "", steps: int = 10) -> None:
    """Write a training's log, and its plan if a record is named."""
    (work / folder).mkdir(parents=True)
    lines = [{"step": step, "loss": 2.0 - step / 10, "grad_norm": 1.0, "lr": 0.1} for step in range(steps)]
    (work / folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if record:
        (work / folder / PLAN).write_text(json.dumps({"record": record, "first": 0, "steps": 10}))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return read_record(write_success(tmp_path, some_predictions(), identity=some_identity(backbone="good_net")))


TWO = [f"ucf101_ft-good_net-split1-seed0-{digest}" for digest in ("01234567", "89abcdef")]


def test_a_log_that_might_be_another_run_is_none(tmp_path: Path, record: Record) -> None:
    for folder in TWO:
        write_log(tmp_path, folder)
    steps, words = log_of(record, tmp_path)
    assert steps == []
    assert words.startswith("No curves: 2 trainings")


@pytest.mark.parametrize("own", [0, 1])
def test_of_several_trainings_the_plan_names_the_record_s_own(tmp_path: Path, record: Record, own: int) -> None:
    for index, folder in enumerate(TWO):
        write_log(tmp_path, folder, file_stem(record) if index == own else "another", 4 + index)
    steps, _ = log_of(record, tmp_path)
    assert len(steps) == 4 + own


def test_a_control_has_the_curves_of_the_run_that_it_tests(tmp_path: Path) -> None:
    write_log(tmp_path, TWO[0], "another")
    control = some_record(identity=some_identity(backbone="good_net", control="frozen"))
    assert folder_of(control, tmp_path) == (tmp_path / TWO[0], 1)


@pytest.mark.parametrize(
    "name", ["tta_pretrain-good_net-seed0-01234567", "tta_pretrain-good_net-split1-seed0-01234567"]
)
def test_a_training_without_a_split_in_its_name_is_found(tmp_path: Path, record: Record, name: str) -> None:
    protocol = record.identity.protocol.model_copy(update={"name": "tta_pretrain"})
    pretrained = record.model_copy(update={"identity": record.identity.model_copy(update={"protocol": protocol})})
    assert folder_of(pretrained, tmp_path) == (None, 0)
    write_log(tmp_path, name)
    assert folder_of(pretrained, tmp_path) == (tmp_path / name, 1)
    assert not list(restored(pretrained, tmp_path))
    (tmp_path / name / RESTORED).write_bytes(b"picture")
    assert list(restored(pretrained, tmp_path)) == ["data:image/png;base64,cGljdHVyZQ=="]


def test_the_picture_is_the_one_that_a_pre_training_leaves() -> None:
    assert RESTORED == PICTURE


def test_a_folder_without_a_log_says_so(tmp_path: Path, record: Record) -> None:
    (tmp_path / TWO[0]).mkdir()
    assert log_of(record, tmp_path) == ([], "No curves: no steps were logged.")


def test_a_state_is_how_far_it_is(tmp_path: Path, record: Record) -> None:
    assert state_of(record, tmp_path) == "success"
    started = some_record(identity=record.identity)
    assert state_of(started, tmp_path).startswith("killed; last heard of")
    write_log(tmp_path, TWO[0], file_stem(started))
    assert "step 10 of 10" in state_of(started, tmp_path)
