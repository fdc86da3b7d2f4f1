from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Done as Printed
from tests.cli.conftest import command
from tta_bench.config.resolve import resolve
from tta_bench.errors import CheckFailed, RunFailed, UserError
from tta_bench.protocols.base.in_turn import run_in_turn, shard
from tta_bench.records.claims import Claim, Claimed

assert command


def ready(result: Any) -> Callable[[], Any]:
    """An experiment that returns some records, or raises."""

    def run() -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return lambda: SimpleNamespace(run=run, findings=lambda: None)


def test_one_that_fails_ends_no_other_and_the_worst_code_counts(capsys: pytest.CaptureFixture[str]) -> None:
    work = [
        ("a", ready(UserError("no clip."))),
        ("b", ready(["b"])),
        ("c", ready(RunFailed("NaN."))),
        ("d", ready(["d"])),
    ]
    done = run_in_turn(work, wait=False)
    assert done.records == ["b", "d"]
    assert done.failure is not None
    assert (done.failure.exit_code, done.failure.message) == (3, "2 of 4 experiments failed.")
    said = capsys.readouterr().err
    assert said.splitlines() == ["a:", "error: no clip.", "b:", "c:", "error: NaN.", "d:"]


@pytest.mark.parametrize("error", [UserError("no clip."), RunFailed("NaN."), CheckFailed("no.")])
def test_a_single_one_fails_as_it_is(error: Exception) -> None:
    assert run_in_turn([("a", ready(error))], wait=False).failure is error


def test_a_fault_of_the_machine_before_a_run_is_told_as_one() -> None:
    failure = run_in_turn([("a", ready(OSError(errno.EROFS, "Read-only", "/w/runs")))], wait=False).failure
    assert isinstance(failure, UserError)
    assert "/w/runs is on a read-only disk" in failure.message


def test_what_was_not_foreseen_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_in_turn([("a", ready(ZeroDivisionError()))], wait=False)


def test_what_another_process_does_is_left_out_or_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = Claim(tmp_path / "claim.json")
    claim.take()
    tries: list[bool] = []

    def run() -> list[str]:
        tries.append(True)
        if len(tries) % 2:
            raise Claimed("it is being trained by another process (last heard of 3 s ago).", claim.path)
        return ["done"]

    def start() -> Any:
        return SimpleNamespace(run=run, findings=lambda: None)

    done = run_in_turn([("a", start)], wait=False)
    assert (done.records, done.failure) == ([], None)
    assert "(last heard of 3 s ago). --wait waits for it." in " ".join(capsys.readouterr().err.split())
    tries.clear()
    claim.release()
    assert run_in_turn([("a", start)], wait=True).records == ["done"]
    assert len(tries) == 2


@given(st.integers(1, 12), st.integers(0, 40))
def test_shards_are_a_partition(count: int, length: int) -> None:
    parts = [shard(range(length), f"{part}/{count}") for part in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == list(range(length))
    assert parts[0] == list(range(0, length, count))


@pytest.mark.parametrize("asked", ["4/3", "0/3", "1", "a/b", "1/3/5", "-1/3", "1/0", "", "/", "1.0/3", "²/3"])
def test_a_shard_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(UserError, match="--shard"):
        shard([1, 2, 3], asked)


def test_a_task_of_an_array_job_takes_its_part() -> None:
    told = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "3"}
    assert shard(range(7), "slurm", told) == [1, 4]
    with pytest.raises(UserError, match="no task of an array job"):
        shard(range(7), "slurm", {})


def test_backbones_are_a_list_as_splits_and_seeds_are() -> None:
    found = resolve(["protocol=hmdb51_ft", "backbone=resnet18,resnet50", "split=1,2", "seed=0,1"])
    assert [(one.backbone.name, one.split, one.seed) for one in found][:5] == [
        ("resnet18", 1, 0),
        ("resnet18", 1, 1),
        ("resnet18", 2, 0),
        ("resnet18", 2, 1),
        ("resnet50", 1, 0),
    ]
    (alone,) = resolve(["protocol=hmdb51_ft", "backbone=resnet50", "split=1", "seed=0"])
    assert found[4].training_identity("d", None, "fp32") == alone.training_identity("d", None, "fp32")
    assert "backbone=resnet50" in found[4].arguments


@pytest.mark.parametrize(
    ("names", "said"), [("resnet18,resnet18", "given twice"), ("resnet18,", "is empty"), ("a,b", "unknown")]
)
def test_a_wrong_list_of_backbones_is_refused(names: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        resolve(["protocol=ucf101_ft", f"backbone={names}"])


def test_the_command_takes_a_shard_and_refuses_one_that_is_none(
    tmp_path: Path, command: Callable[..., Printed]
) -> None:
    words = ("run", "protocol=ucf101_ft", "seed=0,1,2", "--work-dir", tmp_path / "runs")
    done = command(*words, "--shard", "4/3")
    assert (done.code, done.err.splitlines()[-2:]) == (
        2,
        ["error: --shard 4/3: there is no part 4 of 3.", "Parts are 1/3 to 3/3."],
    )
    done = command(*words, "--shard", "4/4", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == []
    assert not (tmp_path / "runs/records").exists()
