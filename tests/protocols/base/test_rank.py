from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tta_bench.errors import BenchError, UserError
from tta_bench.protocols.base.rank import Outcome, outcome_of
from tta_bench.records.claims import Claimed

PROGRAM = """
import os, sys
from pathlib import Path
from tta_bench.protocols.base.rank import Task, serve, speak_to
folder = Path(sys.argv[1])
os.environ["RANK"] = sys.argv[2]
serve(Task(experiment=b"no experiment", plugins=(), folders=(), work_dir=folder, resume="missing", told=folder,
           logs=folder / "ranks", threads=1))
"""


@pytest.mark.parametrize("error", [UserError("no", "Do."), Claimed("it is trained.", Path("claim"))])
def test_errors_travel_between_processes(error: BenchError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.exit_code) == (type(error), str(error), error.exit_code)
    assert vars(again) == vars(error)


def test_a_process_leaves_word_of_its_end_and_others_speak_to_a_file(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, 0) is None
    for rank in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), rank], capture_output=True, text=True, env=dict(os.environ)
        )
        outcome = outcome_of(tmp_path, int(rank))
        assert isinstance(outcome, Outcome)
        assert "UnpicklingError" in str(outcome.error)
        assert done.returncode == 3
        log = tmp_path / "ranks" / f"{rank}.log"
        assert log.is_file() == (rank == "1")
        assert "UnpicklingError" in (log.read_text() if rank == "1" else done.stderr)
