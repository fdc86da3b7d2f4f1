from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.records.some_records import some_environment, some_identity, some_predictions, write_success
from tta_bench.boards.replaced import (
    Replacement,
    dangling_replaced,
    find_replaced,
    lost_records,
    move_replaced,
    read_replaced,
    replaces,
    write_replaced,
)
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.errors import UserError
from tta_bench.records.identity import ProtocolRef
from tta_bench.records.schema import Plugin, Record
from tta_bench.records.store import read_record

DIGEST = "0" * 64


def run(folder: Path, day: int, **changes: Any) -> Path:
    """Write a run of one experiment that finished on a day; its run key is that day's version."""
    identity = some_identity(**changes.pop("identity", {})).model_copy(update={"run_key": f"{day:064x}"[::-1]})
    predictions = changes.pop("predictions", some_predictions(salt=str(day)))
    return write_success(folder, predictions, identity=identity, finished=f"2026-11-{day:02}T11:00:00Z", **changes)


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """A folder of boards with two versions of a run, rendered."""
    boards = tmp_path / "boards"
    (boards / "published").mkdir(parents=True)
    run(boards / "records", 21)
    run(boards / "records", 22)
    update_boards([boards / "records"], boards, boards)
    return boards


def names(boards: Path) -> list[str]:
    return sorted(path.name for path in (boards / "records").iterdir())


def test_the_older_of_two_runs_becomes_a_line(boards: Path) -> None:
    (old, new) = sorted((boards / "records").glob("*.json"), key=lambda path: read_record(path).finished or "")
    digest = read_record(old).content_sha256
    moved = move_replaced(boards)
    assert moved == list(read_replaced(boards)) == [Replacement(record=old.stem, sha256=digest, by=new.stem)]
    assert len(names(boards)) == 2
    assert new.exists()
    assert move_replaced(boards) == []
    update_boards([boards / "records"], boards, boards)
    assert "Without a row" not in (boards / "ucf101_ft.md").read_text()
    assert check_boards([boards / "records"], boards, boards) == []


def test_a_file_that_another_record_names_stays(tmp_path: Path) -> None:
    boards = tmp_path / "boards"
    old, new = (run(boards / "records", day, predictions=some_predictions()) for day in (21, 22))
    shared = read_record(new).outcomes
    record = read_record(old).model_copy(update={"outcomes": shared})
    from tta_bench.records.store import write_record

    write_record(record, old.parent)
    move_replaced(boards)
    assert shared is not None
    assert (boards / "records" / shared.name).exists()


OTHER_EXPERIMENTS: list[dict[str, Any]] = [
    {"identity": {"seed": 1}},
    {"identity": {"split": "2"}},
    {"identity": {"tier": "sample"}},
    {"identity": {"standard": False}},
    {"identity": {"control": "frozen"}},
    {"identity": {"backbone": "other"}},
    {"resolved": {"train": {"lr": 1.0}}},
    {"origin": "scored"},
    {"party": "other-lab"},
    {
        "environment": some_environment().model_copy(
            update={"plugins": (Plugin(name="a", version=None, sha256=DIGEST),)}
        )
    },
    {"environment": None},
]


@pytest.mark.parametrize("changes", OTHER_EXPERIMENTS, ids=str)
def test_another_experiment_or_party_replaces_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    older, newer = read_record(run(tmp_path, 21)), read_record(run(tmp_path, 22, **changes))
    assert not replaces(newer, older)
    assert find_replaced({"older": older, "newer": newer}) == []


def test_only_a_later_run_replaces_and_not_one_of_an_older_protocol(tmp_path: Path) -> None:
    def version(n: int) -> dict[str, Any]:
        return {"identity": {"protocol": ProtocolRef(name="ucf101_ft", version=n, sha256=DIGEST, score="top1")}}

    first, second = read_record(run(tmp_path, 21, **version(1))), read_record(run(tmp_path, 22, **version(2)))
    back = read_record(run(tmp_path, 23, **version(1)))
    assert replaces(second, first)
    assert not replaces(first, second)
    assert not replaces(back, second)
    records: dict[str, Record] = {"first": first, "second": second}
    assert [line.record for line in find_replaced(records)] == ["first"]
    assert find_replaced(records, withdrawn=["second"]) == []


def test_a_record_may_go_only_if_a_newer_run_is_there(boards: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(boards, before)
    assert list(lost_records(before, boards)) == []
    (old, new) = sorted((boards / "records").glob("*.json"), key=lambda path: read_record(path).finished or "")
    move_replaced(boards)
    assert list(lost_records(before, boards)) == []
    (boards / "replaced.yaml").rename(boards / "kept.yaml")
    assert list(lost_records(before, boards)) == [
        f"{old.stem} is gone, and replaced.yaml does not say what replaced it"
    ]
    (boards / "kept.yaml").rename(boards / "replaced.yaml")
    moved = tmp_path / "moved"
    shutil.copytree(boards, moved)
    digest = read_record(new).content_sha256
    new.unlink()
    write_replaced(boards, [*read_replaced(boards), Replacement(record=new.stem, sha256=str(digest), by=old.stem)])
    assert {problem.partition(" is gone, and ")[2] for problem in lost_records(before, boards)} == {
        "no newer run of the same experiment by the same party is there"
    }
    (boards / "replaced.yaml").unlink()
    assert f"{old.stem} is gone from replaced.yaml" in list(lost_records(moved, boards))


def test_errata_may_name_a_moved_record_but_a_line_needs_its_newer_one(boards: Path) -> None:
    (line,) = move_replaced(boards)
    (boards / "errata.yaml").write_text(f"- {{record: {line.record}, reason: a wrong split}}\n")
    update_boards([boards / "records"], boards, boards)
    assert check_boards([boards / "records"], boards, boards) == []
    assert list(dangling_replaced(boards, [line], {line.by})) == []
    (problem,) = dangling_replaced(boards, [line], set())
    assert f"there is no record {line.by}" in problem


@pytest.mark.parametrize("text", ["[{record: a}]", "[{record: ../a, sha256: b, by: c}]", "{a: b}"])
def test_a_wrong_list_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "replaced.yaml").write_text(text)
    with pytest.raises(UserError, match=r"replaced\.yaml"):
        read_replaced(tmp_path)
