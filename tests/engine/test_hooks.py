from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tta_bench.engine.hooks import LearningRateHook, MetricsHook, StopRequest


def runner(step: int = 0, total: int = 4) -> Any:
    groups = [{"lr": 0.0, "lr_scale": 1.0}, {"lr": 0.0, "lr_scale": 0.5}]
    optimizer = SimpleNamespace(param_groups=groups)
    return SimpleNamespace(
        iter=step, max_iters=total, optim_wrapper=SimpleNamespace(optimizer=optimizer), model=SimpleNamespace(step=-1)
    )


def test_every_group_gets_its_share_of_the_learning_rate() -> None:
    hook, run = LearningRateHook(base=1.0, minimum=0.1, warmup=2, total=10), runner()
    hook.before_train_iter(run, 1)
    assert [group["lr"] for group in run.optim_wrapper.optimizer.param_groups] == [1.0, 0.5]
    assert run.model.step == 1
    hook.before_train_iter(run, 6)
    assert run.optim_wrapper.optimizer.param_groups[0]["lr"] == pytest.approx(0.55)


def test_metrics_of_steps_that_are_done_again_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for first, steps in ((0, 3), (2, 4)):  # stopped after the checkpoint of step 2 was written
        hook = MetricsHook(path, "train", clips=8)
        hook.before_train(runner(first))
        for step in range(first, steps):
            hook.after_train_iter(runner(step + 1), step, None, {"loss": float(first), "grad_norm": 1.0})
        hook.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(0, 0.0), (1, 0.0), (2, 2.0), (3, 2.0)]


def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 0}\n{"st')
    hook = MetricsHook(path, "train", clips=8)
    hook.before_train(runner(1))
    hook.close()
    assert path.read_text() == '{"step": 0}\n'


@pytest.mark.parametrize("number", StopRequest.SIGNALS)
def test_a_first_signal_is_remembered_and_a_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    request = StopRequest()
    request.listen()
    try:
        os.kill(os.getpid(), number)
        assert request.asked == number
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    finally:
        request.release()
    assert signal.getsignal(number) == before
