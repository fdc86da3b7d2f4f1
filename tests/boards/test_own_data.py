from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.own_data import BoardKey, own_identity
from tta_bench.boards.write import check_boards, official_folder, update_boards
from tta_bench.records.identity import DatasetRef, ProtocolRef

KITCHEN, GARAGE = (
    DatasetRef(name="folder", manifest_sha256=mark * 64, splits=("1",), title=title)
    for mark, title in (("a", "kitchen"), ("b", "my garage <b>"))
)


def write_own(records: Path, accuracy: float, dataset: DatasetRef = KITCHEN, **changes: object) -> Path:
    """Write a run on data of one's own."""
    given = ("protocol=ucf101_ft", f"dataset={dataset.name}", *changes.pop("given", ()))  # type: ignore[misc]
    seed = int(str(changes.pop("seed", 0)))
    identity = some_identity(dataset=dataset, standard=False, seed=seed, **changes)
    return write_success(records, some_predictions(accuracy, salt=f"{accuracy}{seed}"), identity=identity, given=given)


@pytest.mark.parametrize(
    ("dataset", "protocol", "own"),
    [
        ("ucf101", "ucf101_ft", ""),
        ("ucf101_sample", "ucf101_ft", ""),
        ("folder", "ucf101_ft", f"folder {'c' * 64}"),
        ("csv", "a/plugin", f"csv {'c' * 64}"),
        ("emi", "abaw_eri", "emi"),
        ("hmdb51", "ucf101_ft", "hmdb51"),
        ("theirs", "a/plugin", ""),
    ],
)
def test_data_of_ones_own_are_those_that_are_not_the_protocols(dataset: str, protocol: str, own: str) -> None:
    reference = ProtocolRef(name=protocol, version=1, sha256="0" * 64, score="top1")
    data = DatasetRef(name=dataset, manifest_sha256="c" * 64, splits=("1",))
    assert own_identity(some_record(identity=some_identity(protocol=reference, dataset=data))) == own


def test_each_dataset_has_a_ranked_board_of_its_own(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_own(tmp_path / "records", 0.9, backbone="good", seed=seed)
        write_own(tmp_path / "records", 0.3, backbone="poor", seed=seed)
    write_own(tmp_path / "records", 0.5, GARAGE, backbone="good")
    paths, problems = update_boards([tmp_path / "records"], tmp_path / "leaderboards", official_folder())
    assert problems == []
    own = [path for path in paths if path.parent.name == "own"]
    assert [path.name for path in own] == ["ucf101_ft__kitchen__aaaaaaaa.md", "ucf101_ft__my-garage-b__bbbbbbbb.md"]
    kitchen, garage = (path.read_text() for path in own)
    assert "# kitchen: ucf101_ft on one's own data" in kitchen
    assert "# my garage &lt;b&gt;: ucf101_ft" in garage
    assert "|      1 | good" in kitchen
    assert "|      2 | poor" in kitchen
    assert "[1/0][1] [1/1][2]" in kitchen
    assert "Reported" not in kitchen + garage
    assert "../../records/ucf101_ft__good" in kitchen
    full = (tmp_path / "leaderboards" / "ucf101_ft.md").read_text()
    assert "poor" not in full
    assert "Nothing yet" in full


def test_runs_of_two_work_folders_are_merged_into_one_ranked_board(tmp_path: Path) -> None:
    for machine, backbone, accuracy in (("a", "good", 0.9), ("b", "poor", 0.3)):
        write_own(tmp_path / machine / "records", accuracy, backbone=backbone)
        write_own(tmp_path / machine / "records", 0.8, backbone="both", seed="ab".index(machine))
    folders = [tmp_path / machine / "records" for machine in "ab"]
    paths, _ = update_boards(folders, tmp_path / "merged", official_folder())
    (board,) = (path.read_text() for path in paths if path.parent.name == "own")
    rows = [line.split("|")[1:3] for line in board.split("Score:")[0].splitlines() if line.startswith("|")][2:]
    assert sorted(name.strip() for _, name in rows) == ["both", "good", "poor"]
    assert all(rank.strip() != "-" for rank, _ in rows)
    assert "[1/0][" in board.split("both")[1]
    assert "[1/1][" in board.split("both")[1]


def test_a_changed_key_or_a_part_of_the_data_is_set_aside_on_the_same_board(tmp_path: Path) -> None:
    part = DatasetRef(name="folder", manifest_sha256="d" * 64, splits=("1",), title="kitchen")
    write_own(tmp_path / "records", 0.9)
    write_own(tmp_path / "records", 0.5, backbone="views", given=("eval.segments=2",))
    write_own(tmp_path / "records", 0.4, part, backbone="few", given=("limit=8",))
    paths, _ = update_boards([tmp_path / "records"], tmp_path / "leaderboards", official_folder())
    (board,) = (path.read_text() for path in paths if path.parent.name == "own")
    aside = board.split("## Not standard")[1]
    assert "changed: eval.segments=2" in aside
    assert "changed: limit=8" in aside


def test_scores_from_a_file_stand_beside_runs_on_the_same_clips(tmp_path: Path) -> None:
    write_own(tmp_path / "records", 0.9)
    unknown = KITCHEN.model_copy(update={"manifest_sha256": None})
    identity = some_identity(dataset=unknown, standard=False, backbone="from_outside", precision=None)
    outside = {"origin": "scored", "environment": None, "cost": None, "input": None, "phases": ()}
    write_success(tmp_path / "records", some_predictions(0.6), identity=identity, **outside)
    paths, _ = update_boards([tmp_path / "records"], tmp_path / "leaderboards", official_folder())
    (board,) = (path.read_text() for path in paths if path.parent.name == "own")
    assert "from_outside" in board.split("## Scored from files")[1]


def test_data_of_ones_own_never_come_onto_the_official_pages(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    path = write_own(tmp_path / "records", 0.9)
    write_success(tmp_path / "records", some_predictions(0.8))
    paths, problems = update_boards([tmp_path / "records"], tmp_path, tmp_path)
    assert [path.name for path in paths] == ["ucf101_ft.md"]
    assert problems == [f"{path} is of data of one's own, which have no place on the official boards."]
    assert check_boards([tmp_path / "records"], tmp_path, tmp_path) == problems


def test_a_board_keeps_its_file_when_the_data_get_another_name(tmp_path: Path) -> None:
    write_own(tmp_path / "records", 0.9)
    renamed = KITCHEN.model_copy(update={"title": "the kitchen"})
    identity = some_identity(dataset=renamed, standard=False, backbone="later")
    when = {"created": "2026-11-23T10:00:00Z", "finished": "2026-11-23T11:00:00Z"}
    write_success(tmp_path / "records", some_predictions(0.7), identity=identity, **when)
    paths, _ = update_boards([tmp_path / "records"], tmp_path / "leaderboards", official_folder())
    (board,) = (path for path in paths if path.parent.name == "own")
    assert board.name == "ucf101_ft__kitchen__aaaaaaaa.md"
    assert "# the kitchen: ucf101_ft" in board.read_text()


def test_the_page_of_a_protocol_is_named_after_it() -> None:
    assert BoardKey("a/b", "sample").path.as_posix() == "sample/a-b.md"
    assert BoardKey("a/b", "full", "folder 1", "x", "x__1").path.as_posix() == "own/a-b__x__1.md"
