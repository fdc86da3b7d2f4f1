from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.engine.line import line_step, line_training
from tta_bench.engine.device import OutOfMemory
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_outline
from tta_bench.protocols.base import preflight
from tta_bench.protocols.base.preflight import Estimate, fit_micro_batch, try_once


def small_device(most: int, tried: list[int]) -> object:
    """A trial on a device that holds so many clips."""

    def trial(micro_batch: int) -> Estimate:
        tried.append(micro_batch)
        if micro_batch > most:
            raise OutOfMemory(f"out of memory with {micro_batch} clips")
        return Estimate(0.1, 0.1, 1, 1)

    return trial


def test_everything_is_tried_once_and_the_weights_stay_as_they_are(tmp_path: Path) -> None:
    training = line_training(line_step(micro_batch=2))
    before = {name: tensor.clone() for name, tensor in training.model.state_dict().items()}
    tested: list[bool] = []
    estimate = try_once(training, lambda: tested.append(True), tmp_path / "run")
    assert tested == [True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in training.model.state_dict().items())
    assert len(training.step.noise) == 1  # type: ignore[arg-type]  # one micro-batch
    assert estimate.seconds_per_training_clip > 0
    assert estimate.loading is not None
    assert estimate.loading.workers == 0
    assert estimate.loading.load_seconds > 0
    assert estimate.loading.step_seconds == estimate.seconds_per_training_clip  # one view
    assert estimate.checkpoint_bytes > 4 * 2 * 3
    assert estimate.free_bytes > 0
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("most", [32, 8])
def test_memory_of_every_trial_is_given_back(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    given_back: list[int] = []
    monkeypatch.setattr(preflight, "give_back", lambda: given_back.append(tried[-1]))
    fit_micro_batch(small_device(most, tried), 32, shrinks=True)  # type: ignore[arg-type]
    assert given_back == tried


def test_a_checkpoint_is_read_back_without_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(preflight, "read_outline", lambda path: read.append(read_outline(path)))
    training = line_training()
    try_once(training, lambda: None, tmp_path)
    model = read[0]["model"]
    assert {name: value.shape for name, value in model.items()} == {
        name: value.shape for name, value in training.model.state_dict().items()
    }
    assert all(value.is_meta for value in model.values())


def test_a_checkpoint_that_could_not_be_read_is_said_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = line_training()
    save = training.save

    def cut(path: Path, *content: Any) -> None:
        save(path, *content)
        path.write_bytes(path.read_bytes()[:-100])

    monkeypatch.setattr(Training, "save", lambda _, *given: cut(*given))
    with pytest.raises(UserError, match="cut short"):
        try_once(training, lambda: None, tmp_path)


def test_a_full_disk_is_said_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = line_training()
    needed = 2 * (4 * 2 + training.optimizer.state_bytes())
    for free, refused in ((needed, False), (needed - 1, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if refused:
            with pytest.raises(UserError, match="MB are free where checkpoints go"):
                try_once(training, lambda: None, tmp_path)
        else:
            assert try_once(training, lambda: None, tmp_path).free_bytes == needed


def test_a_micro_batch_is_halved_until_it_fits() -> None:
    tried: list[int] = []
    assert fit_micro_batch(small_device(5, tried), 32, shrinks=True).micro_batch == 4  # type: ignore[arg-type]
    assert tried == [32, 16, 8, 4]


@pytest.mark.parametrize(("shrinks", "expected"), [(False, [8]), (True, [8, 4, 2])])
def test_a_micro_batch_that_never_fits_is_refused(shrinks: bool, expected: list[int]) -> None:
    tried: list[int] = []
    with pytest.raises(OutOfMemory, match=f"with {expected[-1]} clips"):
        fit_micro_batch(small_device(1, tried), 8, shrinks)  # type: ignore[arg-type]
    assert tried == expected
