from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.records.some_records import DIGEST, some_identity, some_predictions, some_record, write_success
from tta_bench.records.identity import ProtocolRef
from tta_bench.records.status import now
from tta_bench.records.store import write_record


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder of six runs, one in each state; the seed is the number of the state."""
    folder = tmp_path / "records"
    write_success(folder, some_predictions())
    write_record(some_record(identity=some_identity(seed=1, backbone="resnet50"), heartbeat=now()), folder)
    probe = ProtocolRef(name="ucf101_probe", version=1, sha256=DIGEST, score="top1")
    write_record(some_record(identity=some_identity(seed=2, protocol=probe), status="error", cause="NaN"), folder)
    write_record(some_record(identity=some_identity(seed=3)), folder)
    write_record(some_record(identity=some_identity(seed=4, backbone="resnet18"), status="cancelled"), folder)
    (folder / "ucf101_ft__half_seed5.json").write_text('{"schema_version": 1,')
    return tmp_path


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        ("state=success", "0"),
        ("state=running", "1"),
        ("state=error", "2"),
        ("state=killed", "3"),
        ("state=cancelled,killed", "34"),
        ("state=failed", "235"),
        ("state=failed protocol=ucf101_ft", "3"),
        ("protocol=ucf101_probe", "2"),
        ("backbone=resnet*", "14"),
        ("backbone=resnet18,videomae* state=success,cancelled", "04"),
        ("*ucf101_ft* seed=2,3", "3"),
        ("weights=none dataset=ucf101 tier=full split=1", "01234"),
    ],
)
def test_runs_are_asked_for_by_their_fields(work: Path, command: Callable[..., Done], words: str, seeds: str) -> None:
    done = command("list", "runs", *words.split(), "--work-dir", work)
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert (done.code, sorted(name.partition("seed")[2][0] for name in names)) == (0, list(seeds))
    listed = json.loads(command("list", "runs", *words.split(), "--work-dir", work, "--json").out)["runs"]
    assert [row["name"] for row in listed] == names


def test_none_is_exit_code_1_and_the_words_are_said(work: Path, command: Callable[..., Done]) -> None:
    done = command("list", "runs", "state=failed", "backbone=resnet18", "--work-dir", work)
    assert (done.code, done.err) == (
        1,
        "no run is like state=failed backbone=resnet18. `tta-bench list runs` prints all.\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runs state=fialed", "unknown state 'fialed'. Did you mean 'failed'?"),
        ("runs bakbone=x", "unknown key of runs 'bakbone'. Did you mean 'backbone'?"),
        ("runs seed=1 seed=2", "'seed' is given twice. Several are written with commas: seed=A,B."),
        ("runs a* b*", "2 patterns were given. Say one: tta-bench list runs 'a*'."),
        ("backbones state=failed", "only runs are listed by state=failed. Say `tta-bench list runs state=failed`."),
        (
            "protocol=ucf101_ft",
            "only runs are listed by protocol=ucf101_ft. Say `tta-bench list runs protocol=ucf101_ft`.",
        ),
    ],
)
def test_what_cannot_be_asked_for_is_said(work: Path, command: Callable[..., Done], words: str, said: str) -> None:
    done = command("list", *words.split(), "--work-dir", work)
    assert (done.code, " ".join(done.err.split())) == (2, f"error: {said}")
