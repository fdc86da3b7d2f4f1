from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tta_bench.errors import BenchError, RunFailed, UserError
from tta_bench.protocols.base.rank import Outcome, leave_word, outcome_of
from tta_bench.records.claims import Claimed

PROGRAM = """
import os, sys
from pathlib import Path
from tta_bench.protocols.base.rank import Task, serve, speak_to
folder = Path(sys.argv[1])
os.environ["RANK"] = sys.argv[2]
serve(Task(words=("protocol=none",), named=("", 1, 0), plugins=(), work_dir=folder, resume="missing", told=folder,
           logs=folder / "ranks", threads=1))
"""


@pytest.mark.parametrize(
    "error", [UserError("no", "Do."), RunFailed("lost"), Claimed("it is trained.", Path("claim.json"))]
)
def test_errors_travel_between_processes(tmp_path: Path, error: BenchError) -> None:
    leave_word(Outcome(error=error, signum=3, said="so"), tmp_path, 4)
    outcome = outcome_of(tmp_path, 4)
    assert outcome is not None
    assert (outcome.signum, outcome.said, outcome.records) == (3, "so", [])
    assert (type(outcome.error), vars(outcome.error)) == (type(error), vars(error))


def test_a_process_leaves_word_of_its_end_and_others_speak_to_a_file(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, 0) is None
    for rank in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), rank], capture_output=True, text=True, env=dict(os.environ)
        )
        outcome = outcome_of(tmp_path, int(rank))
        assert isinstance(outcome, Outcome)
        assert "unknown protocol 'none'" in str(outcome.error)
        assert done.returncode == 2
        log = tmp_path / "ranks" / f"{rank}.log"
        assert log.is_file() == (rank == "1")
