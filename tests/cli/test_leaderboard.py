from __future__ import annotations

import csv
import gc
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.conftest import known_words
from tests.cli.conftest import Done
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.cli.leaderboard import kept
from tta_bench.records.identity import DatasetRef
from tta_bench.utils.threads import MATRIX_THREADS

Command = Callable[..., Done]

__all__ = ["known_words"]


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """A folder of boards with two records, a control of one, and nothing published."""
    records = tmp_path / "records"
    write_success(records, some_predictions(0.8))
    write_success(records, some_predictions(0.3), identity=some_identity(control="frozen"))
    write_success(records, some_predictions(0.4), identity=some_identity(backbone="other_net"))
    (tmp_path / "published").mkdir()
    return tmp_path


def test_boards_are_written_and_then_up_to_date(boards: Path, command: Command) -> None:
    stale = command("leaderboard", "--boards", boards, "--check")
    assert (stale.code, "missing" in stale.err) == (1, True)
    written = command("leaderboard", "--boards", boards)
    assert (written.code, written.out) == (0, f"{boards / 'ucf101_ft.md'}\n")
    assert command("leaderboard", "--boards", boards, "--check").code == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read as JSON"),
        ('{"schema_version": 1, "or', "cannot be read as JSON"),
        ("[1, 2]", "has no schema_version"),
        ('{"name": "package", "version": "1.0"}', "has no schema_version"),
        ('{"schema_version": 99}', "is of schema 99"),
        ('{"schema_version": 1, "content_sha256": "0"}', "was changed after it was written"),
        ("\x00\x01", "cannot be read as JSON"),
    ],
)
def test_what_is_no_record_is_named_and_the_board_is_not_shorter(
    boards: Path, command: Command, content: str, reason: str
) -> None:
    command("leaderboard", "--boards", boards)
    before = (boards / "ucf101_ft.md").read_bytes()
    (boards / "records" / "strange.json").write_text(content)
    for words in (["--check"], [], ["--format", "csv"]):
        done = command("leaderboard", "--boards", boards, *words)
        assert done.code == 1
        assert "strange.json" in done.err
        assert reason in done.err
    assert (boards / "ucf101_ft.md").read_bytes() == before
    assert command("verify", boards / "records").code == 1


def test_rows_as_csv_and_json_are_the_same(boards: Path, command: Command) -> None:
    rows = json.loads(command("leaderboard", "--boards", boards, "--format", "json").out)
    assert [(row["backbone"], row["section"], row["rank"]) for row in rows] == [
        ("videomaev2_vit_b", "measured", 1),
        ("other_net", "measured", 2),
        ("videomaev2_vit_b", "controls", None),
    ]
    listed = list(csv.DictReader(io.StringIO(command("leaderboard", "--boards", boards, "--format", "csv").out)))
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == listed
    assert not list(boards.glob("*.md"))


def test_rows_as_latex(boards: Path, command: Command) -> None:
    text = command("leaderboard", "--boards", boards, "--format", "latex").out
    assert "% ucf101_ft: leaderboard: Measured\n\\begin{tabular}{rlrlrrrll}\n\\toprule" in text
    assert r"videomaev2\_vit\_b" in text
    assert text.count(r" \\") == 5  # a heading and two rows, a heading and the control


def test_check_goes_with_no_other_format(boards: Path, command: Command) -> None:
    assert command("leaderboard", "--boards", boards, "--check", "--format", "csv").code == 2


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no checkout, with two work folders of runs on the same data of one's own."""
    monkeypatch.chdir(tmp_path)
    kitchen = DatasetRef(name="csv", manifest_sha256="a" * 64, splits=("1",), title="kitchen")
    for folder, backbone, accuracy in (("runs", "good", 0.9), ("other", "poor", 0.3)):
        identity = some_identity(dataset=kitchen, standard=False, backbone=backbone)
        write_success(tmp_path / folder / "records", some_predictions(accuracy), identity=identity, given=("seed=0",))
    return tmp_path


@pytest.mark.parametrize("form", ["csv", "json", "latex"])
def test_exports_read_the_work_folder_from_anywhere(work: Path, command: Command, form: str) -> None:
    done = command("leaderboard", "--format", form)
    assert (done.code, done.err) == (0, "")
    assert "good" in done.out
    assert "poor" not in done.out
    assert "resnet18" not in done.out  # the official sample, of which the work folder has no run
    assert not (work / "runs" / "leaderboards").exists()


def test_rows_of_ones_own_stand_beside_the_official_ones(work: Path, command: Command) -> None:
    sample = DatasetRef(name="ucf101_sample", manifest_sha256="b" * 64, splits=("1",))
    identity = some_identity(backbone="my_net", tier="sample", dataset=sample)
    write_success(work / "runs" / "records", some_predictions(), identity=identity)
    rows = json.loads(command("leaderboard", "--work-dir", "runs", "--format", "json").out)
    assert {"my_net", "resnet18", "good"} <= {row["backbone"] for row in rows}


def test_records_of_two_work_folders_are_merged(work: Path, command: Command) -> None:
    rows = json.loads(command("leaderboard", "--records", "runs", "--records", "other/records", "--format", "json").out)
    found = [(row["rank"], row["backbone"], row["dataset"]) for row in rows]
    assert found == [(1, "good", "kitchen"), (2, "poor", "kitchen")]
    done = command("leaderboard", "--records", "runs", "--records", "other")
    assert done.code == 0
    assert "runs/leaderboards/own/ucf101_ft__kitchen__aaaaaaaa.md" in done.out.splitlines()


def test_a_folder_that_is_not_there_is_named(work: Path, command: Command) -> None:
    done = command("leaderboard", "--work-dir", "nowhere", "--format", "csv")
    assert done.code == 2
    assert "there is no folder nowhere/records" in done.err


def test_rows_that_are_new_are_printed_among_their_neighbours(boards: Path, command: Command, tmp_path: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(boards / "records", before / "records")
    assert command("leaderboard", "--boards", boards, "--since", before).out == "no row is new or changed\n"
    write_success(boards / "records", some_predictions(0.6), identity=some_identity(backbone="new_net"))
    done = command("leaderboard", "--boards", boards, "--since", before)
    lines = done.out.splitlines()
    assert lines[0] == "ucf101_ft: leaderboard"
    assert ["new_net" in line for line in lines if line.startswith("->")] == [True]
    assert command("leaderboard", "--since", before, "--check").code == 2


@pytest.mark.parametrize("name", ["\x1b[31mred.json", "\x1b]0;title\x07.json"])  # click itself takes out the first
def test_no_text_of_a_record_reaches_the_terminal_as_a_command(boards: Path, command: Command, name: str) -> None:
    (boards / "records" / name).write_text("[]")
    done = command("leaderboard", "--boards", boards)
    assert done.code == 1
    assert "\x1b" not in done.err


def test_pages_are_written_in_place_of_markdown(boards: Path, command: Command) -> None:
    done = command("leaderboard", "--boards", boards, "--html", boards / "pages")
    assert str(boards / "pages" / "index.html") in done.out
    assert (boards / "pages" / "ucf101_ft.html").is_file()
    assert not (boards / "ucf101_ft.md").exists()
    assert command("leaderboard", "--check", "--html", boards / "pages").code == 2


def test_garbage_is_not_looked_for_and_matrices_have_one_thread_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MATRIX_THREADS, raising=False)
    with kept():
        assert (os.environ[MATRIX_THREADS], gc.isenabled()) == ("1", False)
    assert (os.environ.get(MATRIX_THREADS), gc.isenabled()) == (None, True)


def test_numpy_is_not_loaded_before_it_can_be_told_so() -> None:
    code = "import sys, tta_bench.cli.leaderboard; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
