from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.markdown import BEGIN, END
from tta_bench.boards.standing import word_of
from tta_bench.boards.write import check_boards, official_folder, update_boards
from tta_bench.errors import UserError
from tta_bench.records.identity import DatasetRef
from tta_bench.records.schema import Record
from tta_bench.records.store import content_sha256, read_record, record_name, write_record
from tta_bench.utils.keyed_random import digest


@pytest.fixture
def house(tmp_path: Path) -> tuple[list[Path], Path, Path]:
    """A folder of boards with two records and nothing published."""
    records = tmp_path / "records"
    write_success(records, some_predictions(0.8))
    write_success(records, some_predictions(0.5), identity=some_identity(tier="sample", backbone="videomaev2_vit_tiny"))
    (tmp_path / "published").mkdir()
    return [records], tmp_path, tmp_path


def test_boards_of_both_tiers_are_written_once(house: tuple[list[Path], Path, Path]) -> None:
    paths, problems = update_boards(*house)
    assert paths == [house[1] / "sample" / "ucf101_ft.md", house[1] / "ucf101_ft.md"]
    assert problems == []
    assert check_boards(*house) == []
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    update_boards(*house)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths] == before
    assert "videomaev2_vit_tiny" in paths[0].read_text()
    assert "videomaev2_vit_tiny" not in paths[1].read_text()
    (record,) = house[0][0].glob("*vit_tiny*.json")
    assert f"]: ../records/{record.name}\n" in paths[0].read_text()


def test_text_round_the_generated_part_is_kept(house: tuple[list[Path], Path, Path]) -> None:
    board = house[1] / "ucf101_ft.md"
    board.write_text(f"Before.\n\n{BEGIN}\nformer board\n{END}\n\nAfter.\n")
    update_boards(*house)
    assert board.read_text().startswith(f"Before.\n\n{BEGIN}\n\n# ucf101_ft")
    assert board.read_text().endswith(f"{END}\n\nAfter.\n")
    assert "former board" not in board.read_text()
    assert check_boards(*house) == []


def test_a_board_without_markers_is_not_overwritten(house: tuple[list[Path], Path, Path]) -> None:
    (house[1] / "ucf101_ft.md").write_text("My notes.\n")
    with pytest.raises(UserError, match="has no markers"):
        update_boards(*house)
    assert (house[1] / "ucf101_ft.md").read_text() == "My notes.\n"


def test_stale_missing_and_orphaned_boards_are_named(house: tuple[list[Path], Path, Path]) -> None:
    missing = check_boards(*house)
    assert [problem.split(":")[1] for problem in missing] == [" missing; `tta-bench leaderboard` writes it"] * 5
    update_boards(*house)
    board = house[1] / "ucf101_ft.md"
    board.write_text(board.read_text().replace("top-1", "top-2", 1))
    (house[1] / "gone.md").write_text(f"{BEGIN}\n{END}\n")
    (house[1] / "NOTES.md").write_text("No board.\n")
    stale, orphan = check_boards(*house)
    assert stale.startswith(f"{board}: stale")
    assert orphan == f"{house[1] / 'gone.md'}: a board without records"


def test_an_edited_record_is_named_and_taken_off(house: tuple[list[Path], Path, Path]) -> None:
    update_boards(*house)
    (path,) = house[0][0].glob("*vit_b*.json")
    value = str(read_record(path).metrics["top1"].value)
    path.write_text(path.read_text().replace(value, value[:-1] + str((int(value[-1]) + 1) % 10)))
    edited, *stale = check_boards(*house)
    assert edited.startswith(f"{path} was changed after it was written")
    assert {line.split(": ")[1].split(";")[0] for line in stale} == {
        *("stale", "a board without records", "a picture without a board")
    }
    assert update_boards(*house)[1] == [edited]


@pytest.mark.parametrize("damage", ["swap", "remove"])
def test_outcomes_that_are_not_the_recorded_ones_are_named(house: tuple[list[Path], Path, Path], damage: str) -> None:
    update_boards(*house)
    (path,) = house[0][0].glob("*vit_b*.npz")
    (other,) = house[0][0].glob("*vit_tiny*.npz")
    if damage == "swap":
        path.write_bytes(other.read_bytes())
    else:
        path.unlink()
    assert any(path.name in problem for problem in check_boards(*house))


@pytest.mark.parametrize("content", ["", '{"schema_version": 1, "or', "[1, 2]", '{"schema_version": 99}'])
def test_foreign_files_are_named_and_the_rest_stays(house: tuple[list[Path], Path, Path], content: str) -> None:
    update_boards(*house)
    before = (house[1] / "ucf101_ft.md").read_bytes()
    (house[0][0] / "foreign.json").write_text(content)
    (problem,) = check_boards(*house)
    assert "foreign.json" in problem
    update_boards(*house)
    assert (house[1] / "ucf101_ft.md").read_bytes() == before


def test_a_copy_under_another_name_does_not_count_twice(house: tuple[list[Path], Path, Path]) -> None:
    (path,) = house[0][0].glob("*vit_b*.json")
    (house[0][0] / "copy.json").write_bytes(path.read_bytes())
    assert any("copy.json is not called what its content says" in problem for problem in check_boards(*house))


def test_records_of_several_folders_stand_on_one_board(house: tuple[list[Path], Path, Path], tmp_path: Path) -> None:
    own = tmp_path / "runs" / "records"
    write_success(own, some_predictions(0.9), identity=some_identity(backbone="mine"))
    update_boards([*house[0], own], tmp_path / "runs" / "boards", house[2])
    board = (tmp_path / "runs" / "boards" / "ucf101_ft.md").read_text()
    assert "]: ../../records/ucf101_ft__videomaev2_vit_b" in board
    assert "]: ../records/ucf101_ft__mine" in board


def test_published_figures_get_a_board_without_records(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "abaw_eri.yaml").write_text(
        "figure: r\nnote: As reported.\nrows: [{method: A, year: 2023, modality: V, value: '.4080', source: a paper}]\n"
    )
    paths, _ = update_boards([tmp_path / "records"], tmp_path, tmp_path)
    assert paths == [tmp_path / "abaw_eri.md"]
    assert ".4080" in paths[0].read_text()


def finish(records: Path, boards: Path, seed: int) -> None:
    """Write a record of one's own and one that all write, and update the boards each time, as runs do."""
    kitchen = DatasetRef(name="folder", manifest_sha256="a" * 64, splits=("1",), title="kitchen")
    own, shared = (some_identity(dataset=kitchen, standard=False, seed=number) for number in (seed, 0))
    write_record(some_record(identity=own), records)
    write_success(records, some_predictions(0.7, salt=str(seed)), identity=own)
    update_boards([records], boards, official_folder())
    write_success(records, some_predictions(0.8, salt=str(seed)), identity=shared)
    update_boards([records], boards, official_folder())


def test_four_processes_at_once_leave_one_right_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tta_bench.boards.collect.word_of", word_of)  # the processes know the words as they are
    records, boards = tmp_path / "records", tmp_path / "boards"
    context = get_context("spawn")
    processes = [context.Process(target=finish, args=(records, boards, seed)) for seed in range(1, 5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert check_boards([records], boards, official_folder()) == []
    board = (boards / "own" / "ucf101_ft__kitchen__aaaaaaaa.md").read_text()
    assert all(f"[1/{seed}]" in board for seed in range(5))


def copies(record: Record, folder: Path, changes: Iterable[dict[str, Any]]) -> None:
    """Write records like one, with some fields of their identities changed, without waiting for the disk."""
    for change in changes:
        identity = record.identity.model_copy(update={**change, "run_key": digest(change)})
        data = record.model_copy(update={"identity": identity}).model_dump(mode="json")
        data["content_sha256"] = content_sha256(data)
        (folder / f"{record_name(identity)}.json").write_text(json.dumps(data, indent=2))


BEAT = """
import os, pathlib, sys
files = {path: path.read_bytes() for path in pathlib.Path(sys.argv[1]).glob("*live*.json")}
print(len(files), flush=True)
while True:
    for path, content in files.items():
        path.with_suffix(".tmp").write_bytes(content)
        os.replace(path.with_suffix(".tmp"), path)
"""


def test_heartbeats_of_256_runs_do_not_keep_boards_from_ending(tmp_path: Path) -> None:
    records = tmp_path / "records"
    (tmp_path / "published").mkdir()
    for net in range(10):
        path = write_success(records, some_predictions(net / 10), identity=some_identity(backbone=f"net{net}"))
        copies(read_record(path), records, ({"seed": seed} for seed in range(1, 20)))
    copies(some_record(), records, ({"backbone": f"live{n}"} for n in range(256)))
    assert len(list(records.glob("*.json"))) == 200 + 256
    command = [sys.executable, "-S", "-c", BEAT, str(records)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "256\n"
        start = time.monotonic()
        paths, problems = update_boards([records], tmp_path, tmp_path)
        seconds = time.monotonic() - start
        writer.kill()
    assert problems == []
    assert "net9" in paths[0].read_text()
    print(f"256 live runs, 200 records: {seconds:.1f} s")
    assert seconds < 10


def test_boards_are_written_again_when_a_run_ends_meanwhile_but_not_for_ever(
    house: tuple[list[Path], Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tta_bench.boards import write

    rounds = []

    def render(*folders: Any) -> Any:
        rounds.append(len(rounds))
        write_success(house[0][0], some_predictions(0.7), identity=some_identity(seed=len(rounds)))
        return rendered(*folders)

    rendered = write._render
    monkeypatch.setattr(write, "_render", render)
    update_boards(*house)
    assert len(rounds) == write.ROUNDS
