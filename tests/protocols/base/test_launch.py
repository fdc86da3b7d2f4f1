from __future__ import annotations

import signal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tta_bench.api import register_instance
from tta_bench.config.resolve import resolve
from tta_bench.engine.device import NORM_BATCH, torch_threads
from tta_bench.errors import RunFailed, UserError
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.protocols.base import launch
from tta_bench.protocols.base.preflight import require_busy
from tta_bench.protocols.base.rank import Outcome
from tta_bench.utils.signals import Interrupted


@pytest.mark.parametrize(("devices", "gpus", "count"), [(1, 0, 1), (3, 0, 3), ("all", 0, 1), ("all", 4, 4), (2, 4, 2)])
def test_devices_are_counted(monkeypatch: pytest.MonkeyPatch, devices: Any, gpus: int, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert launch.processes_wanted(RuntimeSettings(devices=devices)) == count


def test_more_devices_than_there_are_or_one_by_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(UserError) as error:
        launch.processes_wanted(RuntimeSettings(devices=8))
    assert str(error.value) == "runtime.devices=8: this machine has 4 GPUs.\nSay runtime.devices=4 or all."
    with pytest.raises(UserError, match="is one GPU"):
        launch.processes_wanted(RuntimeSettings(devices=2, device="cuda:1"))


@pytest.mark.parametrize(
    ("words", "threads"),
    [
        (("protocol=ucf101_ft", "tier=sample"), 1),
        (("protocol=ucf101_knn", "tier=sample"), 1),
        (("protocol=abaw_eri", "tier=sample", "backbone=egemaps"), 2),
        (("protocol=ucf101_ft", "tier=sample", "backbone=videomaev2_vit_s"), 2),
        (("protocol=ucf101_ft", "tier=sample", "runtime.threads=3"), 3),
    ],
)
def test_a_small_network_takes_one_thread_and_the_next_run_its_own(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], threads: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (experiment,) = resolve(words)
    with torch_threads(2):
        ready: Any = SimpleNamespace(
            experiment=experiment, run=lambda: [torch.get_num_threads()], plan=lambda: f"{torch.get_num_threads()}"
        )
        assert launch.run_shared(ready) == [threads]
        assert launch.plan_shared(ready) == f"{threads}"
        assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("asked", "gpu", "threads"), [((), False, 1), (("runtime.threads=3",), False, 3), ((), True, 2)]
)
def test_a_process_beside_others_takes_one_thread(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...], gpu: bool, threads: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    (experiment,) = resolve(("protocol=ucf101_ft", "tier=sample", "backbone=videomaev2_vit_s", *asked))
    with torch_threads(2):
        assert launch.threads_of(experiment, 2) == threads


def test_torchrun_and_devices_must_agree() -> None:
    def asked(devices: Any) -> Any:
        return SimpleNamespace(runtime=RuntimeSettings(devices=devices))

    launch.require_agreement(asked(1), 8)
    launch.require_agreement(asked(8), 8)
    launch.require_agreement(asked(4), 1)
    with pytest.raises(UserError) as error:
        launch.require_agreement(asked(4), 8)
    assert str(error.value).splitlines() == [
        "torchrun started 8 processes and runtime.devices=4 was said.",
        "Leave out runtime.devices under torchrun.",
    ]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ((16, 16, 2), "1 process busy, and there are 2.\nSay runtime.micro_batch=8 or runtime.devices=1."),
        ((16, 4, 8), "4 processes busy, and there are 8.\nSay runtime.micro_batch=2 or runtime.devices=4."),
        ((4, 2, 3), "2 processes busy, and there are 3.\nSay runtime.devices=2."),
    ],
)
def test_more_processes_than_parts_are_refused(step: tuple[int, int, int], said: str) -> None:
    require_busy(step[0], step[1], step[0] // step[1])
    with pytest.raises(UserError) as error:
        require_busy(*step)
    assert str(error.value).endswith(said)


@pytest.mark.parametrize("step", [(16, 16, 2), (64, 16, 8)])
def test_no_other_norm_batch_is_advised_to_keep_processes_busy(step: tuple[int, int, int]) -> None:
    with pytest.raises(UserError) as error:
        require_busy(*step, NORM_BATCH)
    assert error.value.hint == f"Say runtime.devices={step[0] // step[1]}."


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run of which a recorder remembers the cause of the end."""
    record = tmp_path / "record.json"
    record.touch()
    told: list[str] = []
    monkeypatch.setattr(launch, "read_record", lambda _: SimpleNamespace(status="cancelled"))
    reached = (" in step 1,204", "The same command goes on from step 0.")
    recorder = SimpleNamespace(path=record, fail=told.append)
    return SimpleNamespace(folder=tmp_path, told=told, recorder=lambda: recorder, reached=lambda: reached)


def test_a_killed_process_is_named_with_its_signal_and_step(run: Any) -> None:
    ended = [Outcome(signum=signal.SIGTERM), None]
    with pytest.raises(RunFailed) as error:
        launch._end(run, ended, 0, 1, -signal.SIGKILL)
    assert str(error.value).splitlines()[0] == "rank 1 was killed (SIGKILL) in step 1,204: out of memory, perhaps."
    assert "The same command goes on from step 0." in error.value.hint
    assert run.told == [error.value.message]
    with pytest.raises(RunFailed, match="rank 1 ended with exit code 7 in step"):
        launch._end(run, ended, 0, 1, 7)


def test_one_end_is_told_of_all(run: Any) -> None:
    assert launch._end(run, [Outcome(), Outcome()], 0, None, 0) == []
    stopped = Outcome(signum=signal.SIGTERM, said="stopped by SIGTERM after step 8")
    for signum, failed in ((signal.SIGTERM, None), (0, 1), (0, 0)):
        with pytest.raises(Interrupted, match="after step 8") as stop:
            launch._end(run, [stopped, stopped], signum, failed, 143)
        assert stop.value.signum == signal.SIGTERM
    with pytest.raises(UserError, match="^mistaken$"):
        launch._end(run, [Outcome(error=UserError("mistaken")), None], 0, 0, 2)
    assert not run.told
    with pytest.raises(UserError, match="^no number$"):  # the first process may have been ended before it knew why
        launch._end(run, [Outcome(signum=signal.SIGTERM), Outcome(error=UserError("no number"))], 0, 1, 2)
    assert run.told == ["no number"]
    run.told.clear()
    with pytest.raises(RunFailed, match="^rank 1 failed: no room$"):
        launch._end(run, [None, Outcome(error=RunFailed("no room"))], 0, 1, 3)
    assert run.told == ["rank 1 failed: no room"]


def test_a_protocol_that_cannot_share_its_work_is_refused() -> None:
    experiment: Any = SimpleNamespace(
        runtime=RuntimeSettings(devices=2),
        protocol=SimpleNamespace(name="ucf101_knn"),
        backbone=SimpleNamespace(component="none"),
    )
    ready: Any = SimpleNamespace(experiment=experiment, prepare=lambda: None)
    with pytest.raises(UserError, match="^ucf101_knn runs on one process.\nLeave out runtime.devices"):
        launch.run_shared(ready)


@pytest.mark.parametrize(
    ("batch", "micro_batch", "devices", "said"),
    [(16, 8, 3, "keeps 2 processes busy, and there are 3"), (8, 8, 2, "keeps 1 process busy, and there are 2")],
)
def test_the_plan_refuses_the_processes_that_the_run_would(
    batch: int, micro_batch: int, devices: int, said: str
) -> None:
    run = SimpleNamespace(require_parts=partial(require_busy, batch, micro_batch))

    def ready(devices: int, run: Any = run) -> Any:
        experiment = SimpleNamespace(
            runtime=RuntimeSettings(devices=devices),
            protocol=SimpleNamespace(name="ucf101_knn"),
            backbone=SimpleNamespace(component="none"),
            clips_to_check=list,
        )
        return SimpleNamespace(experiment=experiment, prepare=lambda: run, plan=lambda: "planned")

    assert launch.plan_shared(ready(devices - 1)) == "planned"
    with pytest.raises(UserError, match=said):
        launch.plan_shared(ready(devices))
    with pytest.raises(UserError, match="^ucf101_knn runs on one process"):
        launch.plan_shared(ready(devices, None))


def test_a_module_given_from_python_is_refused() -> None:
    name, _ = register_instance(torch.nn.Flatten(), {"frames": 4, "size": 8})
    backbone = SimpleNamespace(component=name)
    experiment = SimpleNamespace(runtime=RuntimeSettings(devices=2), backbone=backbone)
    with pytest.raises(UserError, match="a module given from Python runs on one process"):
        launch.run_shared(SimpleNamespace(experiment=experiment))  # type: ignore[arg-type]
