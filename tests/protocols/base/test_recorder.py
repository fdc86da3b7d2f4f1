from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tta_bench.config.resolve import resolve
from tta_bench.engine.device import Machine
from tta_bench.engine.timing import Timing
from tta_bench.errors import RunFailed, UserError
from tta_bench.protocols.base.recorder import (
    Recorder,
    RunInfo,
    finished_record,
    identity,
    phase,
    safe_name,
)
from tta_bench.records.schema import Metric
from tta_bench.records.store import load_records


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    (experiment,) = resolve(["protocol=tta_pretrain", "weights=none"])
    names = identity(experiment, "d" * 64, None, "training", "fp32")
    info = RunInfo(expected=4, excluded=["b", "a"])
    return Recorder(experiment, names, info, Machine(torch.device("cpu"), "fp32"), tmp_path)


def test_a_run_is_started_and_then_a_success_that_is_found_again(recorder: Recorder, tmp_path: Path) -> None:
    with recorder.running():
        (record,) = load_records(recorder.folder)
        assert (record.status, record.n_expected, record.n_scored) == ("started", 4, 0)
        assert (record.excluded.count, record.excluded.names) == (2, ("a", "b"))
        assert finished_record(tmp_path, recorder.identity) is None
        metric = Metric(value=0.5, low=None, high=None, n=4, n_groups=4)
        done = recorder.success(n_scored=4, metrics={"loss": metric})
    assert load_records(recorder.folder) == [done]
    assert finished_record(tmp_path, recorder.identity) == done
    other = recorder.identity.model_copy(update={"run_key": "0" * 64})
    assert finished_record(tmp_path, other) is None


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (KeyboardInterrupt(), "cancelled", None),
        (UserError("a clip is missing."), "error", "a clip is missing."),
        (ZeroDivisionError("by 0"), "error", "ZeroDivisionError: by 0"),
    ],
)
def test_a_record_says_how_a_run_failed(
    recorder: Recorder, error: BaseException, status: str, cause: str | None
) -> None:
    expected = RunFailed if isinstance(error, ZeroDivisionError) else type(error)
    with pytest.raises(expected), recorder.running():
        raise error
    (record,) = load_records(recorder.folder)
    assert (record.status, record.cause) == (status, cause)
    traceback = recorder.path.with_suffix(".traceback.txt")
    assert traceback.exists() == (expected is RunFailed)
    assert expected is not RunFailed or "ZeroDivisionError: by 0" in traceback.read_text()


def test_a_discarded_record_is_gone(recorder: Recorder) -> None:
    with recorder.running():
        recorder.discard()
    assert not load_records(recorder.folder)


def test_a_phase_counts_videos_and_the_share_of_waiting() -> None:
    (entry,) = phase("train", Timing(clips=24, seconds=4.0, waiting=1.0, peak_memory=7), views=2)
    assert (entry.samples, entry.throughput, entry.waiting, entry.peak_memory_bytes) == (12, 3.0, 0.25, 7)
    assert phase("train", None) == phase("train", Timing()) == []


def test_any_file_name_can_stand_in_a_record() -> None:
    assert [safe_name(name) for name in ("best.pth", "my weights (2).pth", "..", "é")] == [
        "best.pth",
        "my-weights--2-.pth",
        "unnamed",
        "unnamed",
    ]
