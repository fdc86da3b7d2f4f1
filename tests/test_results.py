from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import tta_bench
from tests.records.some_records import some_record
from tta_bench.boards.write import official_folder
from tta_bench.cli.compare import command as compare_command
from tta_bench.cli.leaderboard import command as leaderboard_command
from tta_bench.cli.verify import command as verify_command
from tta_bench.errors import UserError
from tta_bench.records.schema import Record
from tta_bench.results import Rows, file_of, labels_for

OFFICIAL = official_folder() / "records"
NAMES = sorted(path.stem for path in OFFICIAL.glob("ucf101_ft__*seed0__*.json"))[:3]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of runs with three of the suite's own records."""
    (tmp_path / "records").mkdir()
    for path in OFFICIAL.iterdir():
        if path.name.startswith(tuple(NAMES)):
            shutil.copy(path, tmp_path / "records")
    return tmp_path


@pytest.fixture
def records(runs: Path) -> list[Record]:
    """Return these records."""
    return tta_bench.load_records(runs)


def test_two_records_are_compared_as_by_the_command(runs: Path, records: list[Record]) -> None:
    found = tta_bench.compare(*records[:2], work_dir=runs)
    files = [str(runs / "records" / f"{name}.json") for name in NAMES[:2]]
    printed = json.loads(CliRunner().invoke(compare_command, [*files, "--json"]).output)
    assert (found.a, found.b, found.difference.p) == (printed["a"], printed["b"], printed["difference"]["p"])


def test_three_records_are_compared_at_once(runs: Path) -> None:
    found = tta_bench.compare(*NAMES, work_dir=runs)
    assert [(pair.a, pair.b) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]


def test_one_record_is_no_comparison(records: list[Record]) -> None:
    with pytest.raises(UserError, match="two records or more, and 1 is given"):
        tta_bench.compare(records[0])  # type: ignore[call-overload]


def test_the_words_are_those_of_the_command(runs: Path) -> None:
    found = tta_bench.verify(work_dir=runs)
    printed = CliRunner().invoke(verify_command, [str(runs / "records")]).output
    assert sorted(found) == NAMES
    assert all(f"{standing.word} {name}.json: " in printed for name, standing in found.items())


def test_a_record_that_was_edited_fails(runs: Path) -> None:
    file = runs / "records" / f"{NAMES[0]}.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 7'))
    assert tta_bench.verify(file)[NAMES[0]].word == "FAILED"


def test_without_records_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no records in"):
        tta_bench.verify(work_dir=tmp_path)


def test_a_report_is_one_page(runs: Path, records: list[Record], tmp_path: Path) -> None:
    page = tta_bench.report(records[0], into=tmp_path, work_dir=runs)
    assert page == tmp_path / f"{NAMES[0]}.html"
    assert "<html" in page.read_text()
    assert tta_bench.report(*records[:2], into=tmp_path / "new/two.html", work_dir=runs).is_file()
    with pytest.raises(UserError, match="no run was named"):
        tta_bench.report(into=tmp_path)


def test_rows_are_those_that_the_command_prints(runs: Path) -> None:
    found: Rows = tta_bench.leaderboard(runs)
    printed = CliRunner().invoke(leaderboard_command, ["--work-dir", str(runs), "--format", "json"]).stdout
    assert found.rows == json.loads(printed)
    assert not found.problems
    with pytest.raises(UserError, match="there is no folder"):
        tta_bench.leaderboard(runs / "gone")


def test_a_record_is_found_by_itself_its_file_and_its_name(runs: Path, records: list[Record]) -> None:
    file = runs / "records" / f"{NAMES[0]}.json"
    assert file_of(records[0], runs) == file_of(file) == file_of(str(file)) == file_of(NAMES[0], runs) == file
    assert file_of(NAMES[0]).stem == NAMES[0]
    with pytest.raises(UserError, match="no record of that name"):
        file_of("gone", runs)


def test_a_record_with_its_own_labels_needs_none() -> None:
    assert labels_for(some_record(), {"labels": "l.csv"}) is None


def test_scores_of_each_clip_are_those_that_the_record_rests_on(runs: Path, records: list[Record]) -> None:
    rows = tta_bench.scores(records[0], work_dir=runs)
    assert len(rows) == records[0].n_scored
    assert sum(row["rank"] == 0 for row in rows) / len(rows) == pytest.approx(records[0].metrics["top1"].value)


def test_a_record_without_its_predictions_has_no_scores(runs: Path, records: list[Record]) -> None:
    assert records[0].predictions is not None
    (runs / "records" / records[0].predictions.name).unlink()
    with pytest.raises(UserError, match="no predictions beside it"):
        tta_bench.scores(records[0], work_dir=runs)
