from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from tta_bench.config.resolve import resolve
from tta_bench.engine.device import Machine
from tta_bench.engine.timing import Timing
from tta_bench.errors import RunFailed, UserError
from tta_bench.protocols.base import recorder as recorder_module
from tta_bench.protocols.base.recorder import (
    RESERVE_BYTES,
    Recorder,
    RunInfo,
    finished_record,
    identity,
    phase,
)
from tta_bench.records.schema import FileRef, Metric
from tta_bench.records.store import load_records
from tta_bench.utils.files import sha256_of


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
    assert entry.joules is None
    assert phase("test", Timing(clips=4, seconds=1.0, joules=12.34))[0].joules == 12.3
    assert phase("train", None) == phase("train", Timing()) == []


METRIC = {"metrics": {"loss": Metric(value=0.5, low=None, high=None, n=4, n_groups=4)}, "n_scored": 4}


def again(recorder: Recorder) -> Recorder:
    """A second process's recorder of the same experiment."""
    work_dir = recorder.folder.parent
    return Recorder(recorder.experiment, recorder.identity, recorder.info, recorder.machine, work_dir)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), RunFailed("NaN at step 3.")])
def test_a_success_is_never_replaced_by_less(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    with recorder.running():
        done = recorder.success(**METRIC)
    monkeypatch.setattr("tta_bench.protocols.base.recorder.HEARTBEAT", timedelta(seconds=0.01))
    second = again(recorder)

    def run() -> None:
        with second.running():
            time.sleep(0.1)
            assert load_records(recorder.folder) == [done]
            raise end

    with pytest.raises(type(end)):
        run()
    assert load_records(recorder.folder) == [done]
    again(recorder).discard()
    assert load_records(recorder.folder) == [done]
    third = again(recorder)
    with third.running():
        newer = third.success(**METRIC)
    assert load_records(recorder.folder) == [newer]


def test_a_heartbeat_after_another_processs_success_leaves_it(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tta_bench.protocols.base.recorder.HEARTBEAT", timedelta(seconds=0.01))
    other = again(recorder)

    def run() -> None:
        with recorder.running():
            with other.running():
                done.append(other.success(**METRIC))
            time.sleep(0.1)
            raise KeyboardInterrupt

    done: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        run()
    assert load_records(recorder.folder) == done


@pytest.mark.parametrize("damage", ["gone", "changed"])
@pytest.mark.parametrize("which", ["predictions", "outcomes"])
def test_a_finished_run_without_its_files_is_measured_again(
    recorder: Recorder, tmp_path: Path, which: str, damage: str
) -> None:
    files = {name: recorder.folder / f"{name}.npz" for name in ("predictions", "outcomes")}
    with recorder.running():
        for path in files.values():
            path.write_bytes(b"scores")
        refs = {name: FileRef(name=path.name, sha256=sha256_of(path)) for name, path in files.items()}
        done = recorder.success(**METRIC, **refs)
    assert finished_record(tmp_path, recorder.identity) == done
    if damage == "gone":
        files[which].unlink()
    else:
        files[which].write_bytes(b"scorex")
    assert finished_record(tmp_path, recorder.identity) is None


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_heartbeat_that_fails_is_told_and_tried_again(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tta_bench.protocols.base.recorder.HEARTBEAT", timedelta(seconds=0.01))
    write, full, failures = recorder_module.write_record, [True], 0

    def failing(record: Any, folder: Path) -> Path:
        nonlocal failures
        if full[0] and threading.current_thread() is not threading.main_thread():
            failures += 1
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        return write(record, folder)

    monkeypatch.setattr(recorder_module, "write_record", failing)
    with recorder.running():
        first = recorder.path.stat().st_mtime_ns
        wait_until(lambda: failures > 2)
        assert recorder.path.stat().st_mtime_ns == first
        full[0] = False
        wait_until(lambda: recorder.path.stat().st_mtime_ns > first)
        recorder.success(**METRIC)
    assert capsys.readouterr().err.count("sign of life could not be written") == 1


def test_a_full_disk_is_the_cause_in_the_record_and_the_room_for_it_was_kept(recorder: Recorder) -> None:
    def run() -> None:
        with recorder.running():
            assert sum(path.stat().st_size for path in recorder.folder.glob(".*.tmp")) == RESERVE_BYTES
            raise OSError(errno.ENOSPC, "No space left on device", "/data/checkpoint.pt")

    with pytest.raises(RunFailed, match="the disk is full: /data/checkpoint.pt"):
        run()
    (record,) = load_records(recorder.folder)
    assert record.cause is not None
    assert record.cause.startswith("the disk is full")
    assert [path.name for path in recorder.folder.iterdir()] == [recorder.path.name]


def test_the_first_cause_is_told_when_it_cannot_be_recorded(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "records")

    def run() -> None:
        with recorder.running():
            monkeypatch.setattr(recorder_module, "write_record", full)
            raise OSError(errno.ENOSPC, "No space left on device", "/data/checkpoint.pt")

    with pytest.raises(RunFailed, match="the disk is full: /data/checkpoint.pt"):
        run()
    assert "still says 'started': No space left" in " ".join(capsys.readouterr().err.split())


def test_an_owner_that_lost_its_claim_writes_nothing(recorder: Recorder) -> None:
    before: list[bytes] = []

    def gone() -> None:
        raise RunFailed("another process has taken over")

    def run() -> None:
        with recorder.running():
            before.append(recorder.path.read_bytes())
            recorder.require = gone
            recorder.success(**METRIC)

    with pytest.raises(RunFailed, match="taken over"):
        run()
    assert before == [recorder.path.read_bytes()]
