from __future__ import annotations

import json
import os
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.line import Line, LineRecipe, Points, line_step, line_training
from tests.engine.processes import in_processes
from tta_bench.data.step_order import StepBatches
from tta_bench.engine.device import Machine
from tta_bench.engine.step import StepSettings
from tta_bench.engine.stop import Stopped
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import Training, train
from tta_bench.engine.world import current
from tta_bench.errors import RunFailed, UserError
from tta_bench.models.checkpoints.read import read_checkpoint


def checkpoint(folder: Path) -> dict[str, Any]:
    return dict(read_checkpoint(folder / "checkpoint.pt"))


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


class Interrupted(Line):
    """A line whose third step is interrupted by Ctrl-C, as a user does it."""

    def train_parts(self, *args: Any) -> Any:
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return super().train_parts(*args)


def test_training_leaves_a_checkpoint_and_a_line_for_each_step(tmp_path: Path) -> None:
    timing = train(line_training(), tmp_path, {"run": "mine"}, None)
    kept = checkpoint(tmp_path)
    assert (kept["run"], kept["step"], kept["optimizer"]) == ("mine", 6, None)
    assert set(kept["model"]) == {"layer.weight", "layer.bias"}
    assert [line["step"] for line in lines(tmp_path)] == list(range(6))
    assert [line["lr"] for line in lines(tmp_path)[:2]] == [0.05, pytest.approx(0.0467, abs=1e-4)]
    assert timing.clips == 6 * 4
    assert 0 < timing.waiting < timing.seconds


def test_a_stop_ends_the_step_under_way_and_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    train(line_training(), tmp_path / "whole", {}, None)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Stopped, match="stopped by SIGINT after step 3"):
        train(line_training(Interrupted(line_step().settings)), tmp_path / "cut", {}, None)
    assert signal.getsignal(signal.SIGINT) == before
    stopped = checkpoint(tmp_path / "cut")
    assert (stopped["step"], len(lines(tmp_path / "cut"))) == (3, 3)
    assert train(line_training(), tmp_path / "cut", {}, stopped).clips == 3 * 4
    whole, cut = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "cut")
    assert all(torch.equal(whole["model"][name], cut["model"][name]) for name in whole["model"])
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")
    assert train(line_training(), tmp_path / "cut", {}, cut) == Timing()


class Lost(Points):
    """Points of which one cannot be loaded once a stop was asked for, as when a signal ended the loader's process."""

    def __getitem__(self, key: tuple[int, int]) -> torch.Tensor:
        if key[0] == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError("DataLoader worker is killed by signal: Terminated.")
        return super().__getitem__(key)


def test_a_stop_that_ends_the_loader_too_leaves_a_checkpoint_of_whole_steps(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    with pytest.raises(Stopped, match="stopped by SIGTERM after step 2"):
        train(line_training(clips=Lost()), tmp_path, {}, None)
    stopped = checkpoint(tmp_path)
    assert (stopped["step"], len(lines(tmp_path))) == (2, 2)
    train(line_training(), tmp_path / "whole", {}, None)
    train(line_training(), tmp_path, {}, stopped)
    whole = checkpoint(tmp_path / "whole")["model"]
    assert all(torch.equal(tensor, whole[name]) for name, tensor in checkpoint(tmp_path)["model"].items())


def test_checkpoints_are_written_as_often_as_asked(tmp_path: Path) -> None:
    failing = line_training(clips=Points(fails=(1, 0)))  # the second epoch begins with step 2
    with pytest.raises(KeyboardInterrupt):
        train(failing, tmp_path, {}, None)
    assert not (tmp_path / "checkpoint.pt").exists()
    with pytest.raises(KeyboardInterrupt):
        train(failing, tmp_path, {}, None, checkpoint_minutes=1e-9)
    assert checkpoint(tmp_path)["step"] >= 2


@pytest.mark.parametrize("kept", [0, 2])
def test_whoever_lost_the_training_writes_no_checkpoint_more(tmp_path: Path, kept: int) -> None:
    asked: list[int] = []

    def require() -> None:
        asked.append(0)
        if len(asked) > kept:
            raise RunFailed("another process has taken over")

    with pytest.raises(RunFailed, match="taken over"):
        train(line_training(), tmp_path, {}, None, checkpoint_minutes=1e-9, require=require)
    assert len(asked) == kept + 1
    assert (checkpoint(tmp_path)["step"] if kept else None) == (kept or None)
    assert (tmp_path / "checkpoint.pt").exists() == bool(kept)


def test_a_checkpoint_of_an_earlier_version_is_continued_from() -> None:
    training = line_training()
    state = training.optimizer.state_dict() | {"base_param_settings": {"params": torch.zeros(1)}}
    assert training.restore({"step": 2, "model": training.model.state_dict(), "optimizer": state}) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_that_is_loaded_in_parts_gives_the_same_bits_as_a_whole_one(tmp_path: Path, workers: int) -> None:
    step = line_step(micro_batch=2, machine=Machine(torch.device("cpu"), "fp32", workers))
    whole = line_training(line_step(micro_batch=2))
    train(line_training(step), tmp_path, {}, None)
    for number, keys in enumerate(StepBatches(8, 4, 0, 6, 3)):
        whole.step.step = number
        whole.optimizer.set_rate(lines(tmp_path)[number]["lr"])
        batch = torch.stack([Points()[key] for key in keys])
        assert whole.step.train_step(batch, whole.optimizer)["loss"] == lines(tmp_path)[number]["loss"]
    assert all(torch.equal(tensor, whole.model.state_dict()[name]) for name, tensor in step.state_dict().items())


class Counting(Line):
    """A line that counts its parts in a buffer, as batch norm counts its batches."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.register_buffer("parts", torch.zeros(1))

    def loss(self, *args: Any) -> torch.Tensor:
        self.parts += 1
        return super().loss(*args)


class LostSecond(Points):
    """Points of which the last of the third step's cannot be loaded once, and a stop was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded = 0

    def __getitem__(self, key: tuple[int, int]) -> torch.Tensor:
        self.loaded += 1
        if self.loaded == 12:
            os.kill(os.getpid(), signal.SIGTERM)
            raise RuntimeError("DataLoader worker is killed by signal: Terminated.")
        return super().__getitem__(key)


def test_a_stop_that_ends_the_loader_within_a_step_leaves_the_state_before_it(tmp_path: Path) -> None:
    settings = line_step(micro_batch=2).settings
    (tmp_path / "whole").mkdir()
    train(line_training(Counting(settings)), tmp_path / "whole", {}, None)
    with pytest.raises(Stopped, match="after step 2"):
        train(line_training(Counting(settings), LostSecond()), tmp_path, {}, None)
    stopped = checkpoint(tmp_path)
    assert float(stopped["model"]["parts"]) == 4
    train(line_training(Counting(settings)), tmp_path, {}, stopped)
    whole = checkpoint(tmp_path / "whole")["model"]
    assert all(torch.equal(tensor, whole[name]) for name, tensor in checkpoint(tmp_path)["model"].items())


class Jittered(Points):
    """Points of a dataset that draws from the global generators."""

    def __getitem__(self, key: tuple[int, int]) -> torch.Tensor:
        return super().__getitem__(key) + random.random() + np.random.random() + torch.rand(())


def test_global_generators_are_seeded_for_datasets_that_draw_from_them(tmp_path: Path) -> None:
    losses = []
    for number in range(2):
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)
        train(line_training(line_step(steps=1), Jittered()), tmp_path, {}, None)
        losses.append(lines(tmp_path)[0]["loss"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [({"batch": 9}, "8 videos and a step takes 9"), ({"steps": None}, "neither"), ({"optimizer": "adam"}, "adam is")],
)
def test_a_recipe_that_cannot_be_trained_is_refused(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        line_training(line_step(**recipe))


def test_learning_rates_can_be_scaled() -> None:
    step = line_step(lr=0.2, min_lr=0.1)
    assert Training.of(step, step, [{"params": list(step.parameters()), "lr_scale": 1.0}], Points(), 2, 0.5).rates == (
        0.1,
        0.05,
    )


class Norms(Line):
    """A line behind a batch norm, whose buffers depend on every part."""

    def __init__(self, settings: StepSettings[LineRecipe]) -> None:
        super().__init__(settings)
        self.norm = torch.nn.BatchNorm1d(1)
        self.dropout = torch.nn.Dropout(0.2)

    def loss(self, batch: Tensor, drawn: None, rows: Tensor, places: Tensor) -> Tensor:
        x, y = batch[places].split(1, dim=1)
        errors: Tensor = self.layer(self.dropout(self.norm(x))) - y
        return errors.square().sum() / self.clips


def shared_training(folder: Path, batch: int, stops: int, steps: int = 6) -> str:
    """Train as one of the processes that have joined; the last of them is sent SIGTERM in a step."""
    torch.set_num_threads(1)
    machine = Machine(torch.device("cpu"), "fp32", 0, current())
    settings = replace(line_step(batch=batch, steps=steps, clip_grad=0.5).settings, micro_batch=2, machine=machine)
    step = Norms(settings)
    resume = read_checkpoint(folder / "checkpoint.pt") if (folder / "checkpoint.pt").is_file() else None
    original = step.train_parts

    def told(*args: Any) -> Any:
        if step.step == stops and machine.world.rank == machine.world.size - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args)

    step.train_parts = told  # type: ignore[method-assign]
    try:
        train(line_training(step, Points(16)), folder, {}, resume)
    except Stopped as stop:
        return str(stop)
    return "done"


@pytest.mark.parametrize(("parts", "sizes"), [(3, (2, 3)), (8, (4,))])
def test_any_number_of_processes_trains_to_the_same_bits(tmp_path: Path, parts: int, sizes: tuple[int, ...]) -> None:
    (tmp_path / "1").mkdir()
    assert shared_training(tmp_path / "1", 2 * parts, -1) == "done"
    alone = checkpoint(tmp_path / "1")["model"]
    for size in sizes:
        folder = tmp_path / str(size)
        folder.mkdir()
        said = in_processes(size, shared_training, folder, 2 * parts, 3)
        assert said == ["stopped by SIGTERM after step 4"] * size
        assert checkpoint(folder)["step"] == 4
        assert in_processes(size - 1, shared_training, folder, 2 * parts, -1) == ["done"] * (size - 1)
        model = checkpoint(folder)["model"]
        assert alone.keys() == model.keys()
        assert all(torch.equal(alone[name], model[name]) for name in alone)
        assert (folder / "metrics.jsonl").read_bytes() == (tmp_path / "1" / "metrics.jsonl").read_bytes()
