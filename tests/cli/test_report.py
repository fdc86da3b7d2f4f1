from __future__ import annotations

from pathlib import Path

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
