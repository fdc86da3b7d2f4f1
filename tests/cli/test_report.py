from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tta_bench.boards.write import official_folder
from tta_bench.cli.report import command
from tta_bench.records.store import record_files

RECORD = next(path for path in record_files(official_folder() / "records") if "reversed" in path.name)


def test_a_record_of_the_sample_is_reported_with_its_clips(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, [str(RECORD), "--into", str(tmp_path / "new"), "--work-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    content = (tmp_path / "new" / f"{RECORD.stem}.html").read_text()
    assert "data:image/jpeg" in content
    assert (tmp_path / "new" / f"{RECORD.stem}.html").stat().st_size < 3_000_000


def test_a_study_is_named_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tta_scaling-net-01234567").mkdir()
    points = {"points": [{"record": RECORD.stem}]}
    (tmp_path / "tta_scaling-net-01234567" / "study.json").write_text(json.dumps(points))
    (tmp_path / "tta_scaling-net-01234567" / "table.md").write_text("# a study of a net\n")
    words = ["tta_scaling-net-01234567", "--into", str(tmp_path), "--work-dir", str(tmp_path)]
    assert CliRunner().invoke(command, words).exit_code == 0
    assert "a study of a net" in (tmp_path / f"{RECORD.stem}.html").read_text()


@pytest.mark.parametrize(
    ("at", "named"),
    [(".", "far/tta_scaling-net-0"), ("near", "../far/tta_scaling-net-0"), ("far/tta_scaling-net-0", ".")],
)
def test_the_records_of_a_study_are_looked_for_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, named: str
) -> None:
    study = tmp_path / "far" / "tta_scaling-net-0"
    for folder in (study, tmp_path / "far" / "records", tmp_path / "near"):
        folder.mkdir(parents=True)
    shutil.copy(RECORD, tmp_path / "far" / "records" / "own.json")
    (study / "study.json").write_text(json.dumps({"points": [{"record": "own"}]}))
    (study / "table.md").write_text("# a study of a net\n")
    monkeypatch.chdir(tmp_path / at)
    done = CliRunner().invoke(command, [named, "--into", str(tmp_path / "page")], standalone_mode=False)
    assert done.exit_code == 0, done.exception
    assert "a study of a net" in (tmp_path / "page" / "own.html").read_text()
