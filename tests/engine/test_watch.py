from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.line import line_training
from tta_bench.engine.stop import Stopped
from tta_bench.engine.training import train
from tta_bench.engine.watch import Watch, undisturbed
from tta_bench.models.checkpoints.read import read_checkpoint


def figures(folder: Path) -> list[float | None]:
    return [json.loads(line).get("knn") for line in (folder / "metrics.jsonl").read_text().splitlines()]


def careless(_: Callable[[], bool]) -> float:
    """A look that draws from every generator."""
    return random.random() + float(np.random.rand()) + float(torch.rand(()))


@pytest.mark.parametrize(("every", "at"), [(2, [2, 4, 6]), (4, [4, 6]), (9, [6])])
def test_the_model_is_looked_at_every_so_many_steps_and_after_the_last(every: int, at: list[int]) -> None:
    watch = Watch(every, lambda _: 0.5)
    assert [done for done in range(7) if watch.due(done, 6)] == at


def test_a_look_changes_nothing_of_the_training(tmp_path: Path) -> None:
    for name, watch in (("plain", None), ("watched", Watch(2, careless))):
        (tmp_path / name).mkdir()
        train(replace(line_training(), watch=watch), tmp_path / name, {}, None)
    plain, watched = (read_checkpoint(tmp_path / name / "checkpoint.pt")["model"] for name in ("plain", "watched"))
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    assert figures(tmp_path / "plain") == [None] * 6
    assert [value is None for value in figures(tmp_path / "watched")] == [True, False] * 3


@pytest.mark.parametrize("when", [1, 2])
def test_a_look_that_a_stop_cut_short_is_made_when_training_goes_on(tmp_path: Path, when: int) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    looks: list[int] = []

    def stopping(stopped: Callable[[], bool]) -> float | None:
        looks.append(1)
        if len(looks) == when:
            os.kill(os.getpid(), signal.SIGTERM)
        return None if stopped() else 0.5

    train(replace(line_training(), watch=Watch(2, lambda _: 0.5)), tmp_path / "whole", {}, None)
    with pytest.raises(Stopped):
        train(replace(line_training(), watch=Watch(2, stopping)), tmp_path / "cut", {}, None)
    kept = dict(read_checkpoint(tmp_path / "cut/checkpoint.pt"))
    assert kept["step"] == 2 * when
    assert figures(tmp_path / "cut")[-1] is None
    train(replace(line_training(), watch=Watch(2, stopping)), tmp_path / "cut", {}, kept)
    assert (tmp_path / "cut/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()
    assert len(looks) == 4


def test_generators_are_given_back_as_they_were() -> None:
    def states() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]

    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    with undisturbed():
        drawn = states()
    assert states() == drawn
