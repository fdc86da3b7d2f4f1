from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tests.engine.line import Line, line_step, pairs
from tests.engine.waits import Waits
from tta_bench.engine.device import Machine
from tta_bench.engine.optimizer import OPTIMIZERS, Optimizer, OptimizerKind, decay_groups
from tta_bench.engine.step import Diverged, checked

CPU = Machine(torch.device("cpu"), "fp32")
ONE = torch.ones(1, dtype=torch.float64)


def optimizer_of(step: Line) -> Optimizer:
    return Optimizer(decay_groups(step, 0.0), step.settings.train, CPU)


def moved(step: Line, before: Tensor) -> Tensor:
    return step.layer.weight.detach() - before


def test_micro_batches_add_up_to_the_batch() -> None:
    results = []
    for micro_batch in (8, 4, 3):
        step = line_step(micro_batch=micro_batch)
        before = step.layer.weight.detach().clone()
        results.append((step.train_step(pairs(8), optimizer_of(step)), moved(step, before)))
    for result, change in results[1:]:
        assert result == pytest.approx(results[0][0], rel=1e-5)
        torch.testing.assert_close(change, results[0][1])


def test_noise_is_keyed_by_seed_step_and_part_and_not_by_what_was_drawn_before() -> None:
    def noise(step: Line, number: int) -> list[float]:
        step.step = number
        torch.rand(number + 1)
        step.train_step(pairs(8), optimizer_of(step))
        return step.noise

    assert noise(line_step(micro_batch=4), 3) == noise(line_step(micro_batch=4), 3)
    assert len({*noise(line_step(micro_batch=4), 3), *noise(line_step(micro_batch=4), 4)}) == 4


@pytest.mark.parametrize("poisoned", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_the_step_and_is_named(poisoned: str) -> None:
    step = line_step()
    step.step = 7
    if poisoned == "loss":
        step.layer.bias.data.fill_(math.nan)
    else:
        step.layer.weight.register_hook(lambda gradient: gradient * math.inf)
    before = step.layer.weight.detach().clone()
    with pytest.raises(Diverged, match=f"the {poisoned} is .* at step 7") as error:
        step.train_step(pairs(8), optimizer_of(step))
    assert error.value.exit_code == 3
    assert torch.equal(step.layer.weight, before)


def test_the_gradient_norm_is_the_one_before_clipping(monkeypatch: pytest.MonkeyPatch) -> None:
    sgd = OptimizerKind(lambda groups, train: torch.optim.SGD(groups, lr=1.0), states=0)
    monkeypatch.setitem(OPTIMIZERS, "sgd", sgd)
    step = line_step(optimizer="sgd", clip_grad=1e-3)
    before = [parameter.detach().clone() for parameter in step.parameters()]
    norm = step.train_step(pairs(8), optimizer_of(step))["grad_norm"]
    change = torch.cat([(p.detach() - q).flatten() for p, q in zip(step.parameters(), before, strict=True)])
    assert norm > 1e-3
    assert float(change.norm()) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(("scale", "forgiven"), [(2.0**16, True), (2.0**-11, False)])
def test_a_float16_overflow_is_forgiven_while_the_scale_can_fall(scale: float, forgiven: bool) -> None:
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.full((1, 2), math.inf)
    optimizer = Optimizer(decay_groups(layer, 0.0), line_step().settings.train, CPU)
    optimizer.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    optimizer.scaler.scale(torch.zeros(()))  # as the first loss of a training does
    if forgiven:
        assert checked(ONE, layer, 0, optimizer)["grad_norm"] == math.inf
    else:
        with pytest.raises(Diverged, match="the gradient is inf"):
            checked(ONE, layer, 0, optimizer)


@pytest.mark.parametrize("micro_batch", [1, 2, 8])
def test_losses_and_norm_are_not_read_one_by_one(micro_batch: int) -> None:
    step = line_step(micro_batch=micro_batch)
    optimizer = optimizer_of(step)
    with Waits() as waits:
        step.train_step(pairs(8), optimizer)
    assert len(waits.found) == len(step.noise) == 8 // micro_batch  # the line reads a number of its own in each
