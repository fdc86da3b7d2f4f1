from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tta_bench.records.claims import Claim
from tta_bench.records.progress import PLAN, Progress, clock, trainings, write_plan


def some_training(folder: Path, first: int, done: int, seconds: float, cut: str = "") -> None:
    write_plan(folder, folder.name, first, 400)
    lines = "".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in range(done))
    (folder / "metrics.jsonl").write_text(lines + cut)
    now = time.time()
    os.utime(folder / PLAN, (now - seconds, now - seconds))
    os.utime(folder / "metrics.jsonl", (now, now))


@pytest.mark.parametrize(("first", "cut"), [(0, ""), (20, '{"step": 12'), (0, "\0\0\0\n")])
def test_step_and_rate_are_those_of_the_process_at_work(tmp_path: Path, first: int, cut: str) -> None:
    some_training(tmp_path / "run", first, 120, 50, cut)
    [(name, seen)] = trainings(tmp_path)
    assert (name, seen.step, seen.steps, seen.silence) == ("run", 120, 400, None)
    assert seen.rate == pytest.approx((120 - first) / 50)
    assert str(seen) == "step 120 of 400; nobody works on it"
    claim = Claim(tmp_path / "run" / "claim.json")
    assert claim.take() is None
    [(_, seen)] = trainings(tmp_path)
    assert "left; heard of" in str(seen)
    claim.release()


def test_what_is_no_plan_is_left_out_and_a_silent_owner_is_told(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"record": "x"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / PLAN).write_text(text)
    assert [*trainings(tmp_path)] == []
    write_plan(tmp_path / "d", "d", 7, 9)
    assert [*trainings(tmp_path)] == [("d", Progress(7, 9, None, None))]
    assert "claimed, but last heard of 1,000 s ago" in str(Progress(7, 9, 1.0, 1000.0))
    assert clock(3725) == "1:02:05"
