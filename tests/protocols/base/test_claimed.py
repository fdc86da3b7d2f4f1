from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.protocols.base.test_training_run import prepare
from tta_bench.protocols.base.claimed import claimed


@pytest.mark.parametrize("place", [".", "records", "leaderboards", "RUN"])
def test_whoever_claims_a_run_removes_what_killed_processes_left(tmp_path: Path, place: str) -> None:
    run = prepare(tmp_path)
    folder = run.folder if place == "RUN" else tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    program = (
        "import os, sys; from pathlib import Path; from tta_bench.utils.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file:\n    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, folder / "file"], check=False)
    assert [path for path in folder.iterdir() if path.is_file()]
    with claimed(run.claims, tmp_path, run.identity, run.folder.name):
        assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]
