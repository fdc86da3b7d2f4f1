from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tta_bench.config.resolve import resolve
from tta_bench.engine.device import Machine
from tta_bench.protocols.base.recorder import RunInfo, identity
from tta_bench.protocols.base.shared_run import SharedRun, done_before
from tta_bench.records.schema import Metric


def shared(work_dir: Path, resume: str = "missing", seed: int = 0) -> SharedRun:
    (experiment,) = resolve(["protocol=ucf101_knn", "weights=none", f"seed={seed}"])
    return SharedRun(
        experiment=experiment,
        work_dir=work_dir,
        resume=resume,
        machine=Machine(torch.device("cpu"), "fp32"),
        folder=work_dir / "folder",
        identity=identity(experiment, "d" * 64, None, "e" * 64, "fp32"),
        info=RunInfo(expected=0),
    )


def test_shares_of_any_number_are_taken_and_nothing_is_said_of_steps(tmp_path: Path) -> None:
    shared(tmp_path).require_parts(1000)
    assert shared(tmp_path).reached() == ("", "The same command goes on.")


@pytest.mark.parametrize("seed", [0, 3])
def test_a_finished_run_is_found_by_its_record(tmp_path: Path, seed: int) -> None:
    run = shared(tmp_path, seed=seed)
    assert done_before(run) is None
    recorder = run.recorder()
    with recorder.running():
        record = recorder.success(metrics={"top1": Metric(value=0.5, low=0.0, high=1.0, n=2, n_groups=2)})
    assert done_before(run) == record
    assert done_before(shared(tmp_path, "always", seed)) is None
    assert done_before(shared(tmp_path, seed=seed + 1)) is None
