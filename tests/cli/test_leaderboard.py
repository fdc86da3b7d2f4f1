from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.records.some_records import some_identity, some_predictions, write_success

Command = Callable[..., Done]


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
