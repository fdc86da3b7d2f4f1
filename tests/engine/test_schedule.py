from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.engine.schedule import learning_rate, plan_steps, scaled
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings

RATES = st.floats(1e-8, 1.0)


@given(st.integers(1, 300), st.floats(0, 1), RATES, st.floats(0, 1), st.floats(0, 1))
def test_rises_then_falls_between_its_bounds(total, share, base, least, first):
    warmup, minimum, start = int(share * total), base * least, base * first
    rates = np.array([learning_rate(step, base, minimum, warmup, total, start) for step in range(total)])
    slack = 1e-12 * base
    assert (np.diff(rates[:warmup]) >= -slack).all()
    assert (np.diff(rates[warmup:]) <= slack).all()
    assert rates.max() <= base + slack
    assert rates.min() >= min(minimum, start) - slack
    if warmup > 1:
        assert rates[0] == start
        assert rates[warmup - 1] == pytest.approx(base)
    if warmup < total:
        assert rates[warmup] == pytest.approx(base)


def test_the_last_step_is_one_short_of_the_minimum():
    rates = [learning_rate(step, 1.0, 0.2, 10, 110) for step in range(110)]
    assert rates[60] == pytest.approx(0.6)
    assert 0.2 < rates[-1] < 0.201


def test_a_warm_up_of_one_step_is_its_start():
    assert learning_rate(0, 1.0, 0.0, 1, 5) == 0.0
    assert learning_rate(0, 1.0, 0.0, 1, 5, start=0.3) == 0.3
    assert learning_rate(1, 1.0, 0.0, 1, 5) == 1.0


@pytest.mark.parametrize("step", [-1, 20])
def test_a_step_outside_the_schedule_is_refused(step):
    with pytest.raises(ValueError, match="20 steps"):
        learning_rate(step, 1.0, 0.0, 5, 20)


def test_learning_rates_scale_with_the_batch():
    assert scaled(5e-4, 128) == 2.5e-4
    assert scaled(1e-3, 256) == 1e-3


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ({"epochs": 100, "batch": 128, "warmup": 0.05}, (74, 370, 7400)),  # UCF101, split 1
        ({"steps": 10, "batch": 128, "warmup": 0.1}, (74, 1, 10)),
        ({"steps": 10, "epochs": 3, "batch": 9537}, (1, 0, 10)),
    ],
)
def test_a_plan_has_whole_batches(train: dict[str, float], expected: tuple[int, int, int]) -> None:
    plan = plan_steps(9537, TrainSettings.model_validate({"lr": 1.0, "warmup": 0.0} | train))
    assert (plan.per_epoch, plan.warmup, plan.total) == expected


def test_a_list_shorter_than_a_batch_is_refused() -> None:
    with pytest.raises(UserError, match="train.batch=5"):
        plan_steps(5, TrainSettings(lr=1.0, batch=6, steps=1))
    with pytest.raises(UserError, match="neither"):
        plan_steps(5, TrainSettings(lr=1.0, batch=5))
