from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.boards.test_submission import CLEAN, OURS
from tests.cli.conftest import Done
from tests.records.some_records import some_predictions, write_success

Command = Callable[..., Done]


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    folder = tmp_path / "leaderboards"
    (folder / "published").mkdir(parents=True)
    return folder


def run(folder: Path, day: int) -> Path:
    finished = f"2026-11-{day}T11:00:00Z"
    return write_success(folder, some_predictions(salt=str(day)), identity=OURS, environment=CLEAN, finished=finished)


def test_a_newer_run_replaces_its_own_and_another_partys_stands_beside(
    boards: Path, tmp_path: Path, command: Command
) -> None:
    first, second = run(tmp_path / "a", 21), run(tmp_path / "b", 22)
    done = command("submit", first, "--boards", boards)
    assert (done.code, "replaced" in done.out) == (0, False)
    assert str(boards / "ucf101_ft.md") in done.out
    done = command("submit", second, "--boards", boards)
    assert f"replaced: {first.stem} by {second.stem}" in done.out
    assert command("submit", first, "--boards", boards).code == 2
    assert command("submit", first, "--boards", boards, "--party", "other-lab").code == 0
    assert "videomaev2_vit_b (other-lab)" in (boards / "ucf101_ft.md").read_text()
    assert command("submit", first, "--boards", boards, "--party", "../x").code == 2
    assert command("leaderboard", "--boards", boards, "--check").code == 0


def test_it_prints_the_row_the_commands_and_a_text(boards: Path, tmp_path: Path, command: Command) -> None:
    done = command("submit", run(tmp_path / "a", 21), "--boards", boards)
    assert "Not standard: videomaev2_vit_b: its figures rest on no more than: arithmetic" in done.out
    for part in ("git switch -c ", "git commit -m ", "git push -u origin "):
        assert part in done.out
    assert f"git add {boards}" in done.out
    assert "Records of `videomaev2_vit_b` under `ucf101_ft`" in done.out
    assert "; arithmetic" in done.out


def test_a_record_must_be_named(boards: Path, command: Command) -> None:
    assert "no record was named" in command("submit", "labels=x.csv", "--boards", boards).err


def test_a_record_that_is_gone_is_named(boards: Path, tmp_path: Path, command: Command) -> None:
    command("submit", run(tmp_path / "a", 21), "--boards", boards)
    before = tmp_path / "before"
    boards.rename(before)
    (boards / "records").mkdir(parents=True)
    write_success(boards / "records", some_predictions(), environment=CLEAN)
    done = command("verify", boards / "records", "--since", before)
    assert (done.code, "is gone, and replaced.yaml does not say" in done.out) == (1, True)
    assert command("verify", before / "records", "--since", before).code == 0
