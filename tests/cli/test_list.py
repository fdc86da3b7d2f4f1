from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Done
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.records.status import now
from tta_bench.records.store import write_record


def test_runs_are_listed_with_how_they_went(tmp_path: Path, command: Callable[..., Done]) -> None:
    folder = tmp_path / "records"
    write_success(folder, some_predictions())
    write_record(some_record(identity=some_identity(seed=1)), folder)
    write_record(some_record(identity=some_identity(seed=2), heartbeat=now()), folder)
    write_record(some_record(identity=some_identity(seed=3), status="error", cause="NaN loss at step 12"), folder)
    (folder / "half.json").write_text('{"schema_version": 1,')
    done = command("list", "runs", "--work-dir", tmp_path)
    lines = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    half, success, killed, alive, failed = lines.values()
    assert done.code == 0
    assert "cannot be read as JSON" in half
    assert "success, top1 " in success
    assert "killed; last heard of at 2026-11-22T10:00:30Z" in killed
    assert "started, not finished" in alive
    assert "error: NaN loss at step 12" in failed
    assert len(command("list", "runs", "*seed1*", "--work-dir", tmp_path).out.splitlines()) == 2
