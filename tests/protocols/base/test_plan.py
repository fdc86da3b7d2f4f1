from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.data.media.disk_rate import Rate
from tta_bench.engine.training import Plan
from tta_bench.experiments.common import RuntimeSettings
from tta_bench.protocols.base import plan
from tta_bench.protocols.base.plan import (
    detectable_line,
    disk_line,
    order_line,
    plan_text,
    shared_memory_line,
    time_line,
    training_line,
    waiting_line,
)
from tta_bench.protocols.base.preflight import Estimate, Loading

ESTIMATE = Estimate(
    seconds_per_training_clip=0.5, seconds_per_test_video=2.0, checkpoint_bytes=12 * 10**8, free_bytes=90 * 10**9
)


def test_a_plan_names_steps_epochs_batch_and_device() -> None:
    line = training_line(Plan(per_epoch=9, warmup=4, total=4000), "16 videos x 2 views", "8 clips", "cpu")
    assert line == "4,000 steps (444.4 epochs) of 16 videos x 2 views, 8 clips at once on cpu"


def test_disk_and_time_are_those_of_the_estimate() -> None:
    assert disk_line(ESTIMATE) == "1.2 GB for a checkpoint, 90 GB free"
    assert time_line(ESTIMATE, 1200) == "at most 10.0 min, by the first step; later ones are quicker"
    both = "at most 10.0 min of training and 1.0 min of testing, by the first step and video; later ones are quicker"
    assert time_line(ESTIMATE, 1200, (30, "video")) == both


@pytest.mark.parametrize(
    ("loading", "said"),
    [
        (
            Loading(4, 0.5, 0.05),
            "4 workers deliver 8.0 videos/s, the device takes 20.0: it will wait 60% of the time. Try",
        ),
        (
            Loading(1, 0.5, 0.25),
            "1 worker delivers 2.0 videos/s, the device takes 4.0: it will wait 50% of the time. Try",
        ),
        (Loading(0, 0.5, 0.5), "the main process delivers 2.0 videos/s, the device takes 2.0: it will wait 50%"),
        (Loading(4, 0.4, 0.09), ""),
        (Loading(0, 0.1, 0.9), ""),
        (None, ""),
    ],
)
def test_waiting_for_data_is_told_above_a_fifth_of_the_time(loading: Loading | None, said: str) -> None:
    lines = waiting_line(replace(ESTIMATE, loading=loading), "Try this.")
    assert list(lines) == ["waiting"] * bool(said)
    assert lines.get("waiting", "").startswith(said)


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        (
            Rate(5e6, 5e6),
            "the disk reads 5.0 MB/s, 1.0 videos/s, and the device takes 20.0: it will wait 95% of the time",
        ),
        (
            Rate(9e6, 1e6),
            "the disk reads 9.0 MB/s, 9.0 videos/s, and the device takes 20.0: it will wait 55% of the time",
        ),
        (Rate(2e8, 1e6), "4 workers deliver 10.0 videos/s"),
        (None, "4 workers deliver 10.0 videos/s"),
    ],
)
def test_a_disk_that_is_slower_than_the_decoders_is_said(disk: Rate | None, said: str) -> None:
    waiting = waiting_line(replace(ESTIMATE, loading=Loading(4, 0.4, 0.05, disk=disk)))["waiting"]
    assert waiting.startswith(said)
    assert ("data.cache=DIR" in waiting) == waiting.startswith("the disk")


@pytest.mark.parametrize(
    ("free", "held", "said"),
    [
        (
            64 * 10**6,
            154 * 10**6,
            "2 loader processes may hold 154 MB in /dev/shm, where 64 MB are free. Say runtime.w",
        ),
        (10**9, 4 * 10**9, "2 loader processes may hold 4,000 MB in /dev/shm, where 1,000 MB are free."),
        (64 * 10**6, 10**6, ""),
        (None, 4 * 10**9, ""),
    ],
)
def test_too_little_shared_memory_is_said_before_anything_is_loaded(
    free: int | None, held: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "free_shared_memory", lambda: free)
    lines = shared_memory_line(replace(ESTIMATE, loading=Loading(2, 0.1, 0.9, held)))
    assert lines.get("memory", "").startswith(said)
    assert list(lines) == ["memory"] * bool(said)
    assert not said or "--shm-size" in lines["memory"]


def test_the_difference_that_a_list_can_show_takes_account_of_its_groups() -> None:
    alone = detectable_line([str(number) for number in range(1000)])
    grouped = detectable_line([str(number // 5) for number in range(1000)])
    assert alone.startswith("2.2 to 2.2 points")
    assert grouped.startswith("2.6 to 3.5 points")
    assert "(power .8; 200 groups)" in grouped
    assert detectable_line(["one"] * 9) == "no difference can be shown: all test clips are of one group"


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=9), st.text("xyz ", max_size=20), min_size=1))
def test_the_texts_of_all_lines_begin_in_one_column(lines: dict[str, str]) -> None:
    written = plan_text(lines).split("\n")
    assert [line[:10].rstrip() for line in written] == list(lines)
    assert [line[10:] for line in written] == list(lines.values())


def test_a_fixed_order_of_operations_is_said_with_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    assert order_line(RuntimeSettings(device="cpu")) == {}
    assert "changes nothing on a CPU" in order_line(RuntimeSettings(device="cpu", deterministic=True))["order"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert "slower" in order_line(RuntimeSettings(device="cuda", deterministic=True))["order"]
    assert order_line(RuntimeSettings(device="cuda")) == {}
