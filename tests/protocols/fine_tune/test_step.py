from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from tests.engine.waits import NOWHERE, unread
from tta_bench.data.loading import TrainItem
from tta_bench.engine.device import Machine
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning

MEAN, STD = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)
MIXED = TrainSettings(batch=4, views=2, steps=1, lr=0.1, mixup=0.8, cutmix=1.0, smoothing=0.1)
Gradients = list[Tensor | None]


class TinyNet(nn.Module):
    """Mean colour of each frame, through one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 4, 6)

    def forward(self, clip: Tensor) -> Tensor:
        features: Tensor = self.layer(clip.mean((3, 4)).flatten(1)).tanh()
        return features


def settings(train: TrainSettings, micro_batch: int = 8) -> FineTuneStepSettings:
    return FineTuneStepSettings(
        train=train, seed=1, micro_batch=micro_batch, machine=Machine(torch.device("cpu"), "fp32")
    )


def tiny_step(train: TrainSettings, micro_batch: int = 8) -> FineTuneStep:
    torch.manual_seed(0)
    return FineTuneStep(Classifier(TinyNet(), 6, 3), settings(train, micro_batch), MEAN, STD)


def noisy_step(train: TrainSettings, micro_batch: int = 8) -> FineTuneStep:
    torch.manual_seed(0)
    sizes = {"patch": 4, "width": 16, "depth": 3, "heads": 2, "mlp_width": 32}
    backbone = VideoMAEV2(size=8, frames=4, drop_path=train.drop_path, **sizes)
    return FineTuneStep(Classifier(backbone, 16, 3, train.dropout), settings(train, micro_batch), MEAN, STD).train()


def batch(videos: int = 4, views: int = 2) -> TrainItem:
    draw = torch.Generator().manual_seed(5)
    return {
        "clips": torch.randint(0, 256, (videos, views, 4, 8, 8, 3), dtype=torch.uint8, generator=draw),
        "boxes": torch.tensor([1, 2, 3, 4]).repeat(videos, views, 1, 1),
        "label": torch.arange(videos) % 3,
    }


def train_of(step: FineTuneStep, videos: int = 4) -> Training:
    return fine_tuning(step, [None] * videos)  # type: ignore[arg-type]  # never asked for a clip


def one_step(step: FineTuneStep, number: int) -> tuple[float, Gradients]:
    """Do a step and return its loss and gradients."""
    gradients: Gradients = []
    optimizer = train_of(step).optimizer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizer.inner, "zero_grad", lambda: gradients.extend(p.grad for p in step.parameters()))
        step.step = number
        return step.train_step(batch(), optimizer)["loss"], gradients


def assert_equal(results: Sequence[tuple[float, Gradients]]) -> None:
    (loss, gradients), *others = results
    for other_loss, other_gradients in others:
        assert other_loss == pytest.approx(loss, rel=1e-5)
        torch.testing.assert_close(other_gradients, gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("number", range(6))  # some steps draw mixup, some cutmix
def test_the_result_does_not_depend_on_how_the_batch_is_cut(number: int) -> None:
    assert_equal([one_step(tiny_step(MIXED, micro_batch), number) for micro_batch in (8, 4, 2)])


@pytest.mark.parametrize("number", range(4))
def test_parts_that_are_mixed_apart_do_not_depend_on_it_either(number: int) -> None:
    apart = MIXED.model_copy(update={"mix_per": 2})
    results = [one_step(tiny_step(apart, micro_batch), number) for micro_batch in (8, 6, 4, 2)]
    assert_equal(results)
    assert results[0][0] != one_step(tiny_step(MIXED), number)[0]


def test_each_part_has_a_draw_of_its_own_and_null_changes_nothing() -> None:
    step = tiny_step(MIXED.model_copy(update={"mix_per": 4}))
    assert len({mix.lam for mix in step.draw(batch())}) > 1
    assert "mix_per" not in MIXED.model_dump(mode="json")
    assert len(tiny_step(MIXED).draw(batch())) == 1


@pytest.mark.parametrize("parts", [3, 8])
def test_parts_without_pairs_are_refused(parts: int) -> None:
    with pytest.raises(UserError, match=f"train.mix_per={parts} asks for equal parts of pairs"):
        tiny_step(MIXED.model_copy(update={"mix_per": parts})).order(8)


@pytest.mark.parametrize("number", range(3))
def test_nor_do_dropout_and_stochastic_depth(number: int) -> None:
    recipe = TrainSettings(batch=4, views=2, steps=1, lr=0.1, mixup=0.8, drop_path=0.6, dropout=0.5)
    assert_equal([one_step(noisy_step(recipe, micro_batch), number) for micro_batch in (8, 4, 2)])


def test_steps_of_one_seed_are_equal_and_of_another_number_are_not() -> None:
    first, again, other = (one_step(tiny_step(MIXED), number)[0] for number in (3, 3, 4))
    assert first == again != other


def test_learning_rates_scale_with_the_batch_and_layers_have_their_shares() -> None:
    training = train_of(noisy_step(TrainSettings(batch=4, steps=1, lr=0.64, min_lr=0.064, layer_decay=0.5)))
    assert training.rates == (0.01, 0.001)
    assert {group["lr_scale"] for group in training.optimizer.inner.param_groups} == {1, 0.5, 0.25, 0.125, 0.0625}


def test_what_the_optimizer_table_lacks_is_named() -> None:
    with pytest.raises(UserError, match="train.optimizer=adamv is not known") as caught:
        train_of(tiny_step(MIXED.model_copy(update={"optimizer": "adamv"})))
    assert "adamw" in str(caught.value.hint)


@pytest.mark.parametrize("train", [MIXED, TrainSettings(batch=8, steps=1, lr=0.1, drop_path=0.5, dropout=0.5)])
def test_nothing_waits_for_the_device_before_a_steps_figures_are_read(
    train: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = noisy_step(train, micro_batch=4).to(NOWHERE.device)
    step.settings = dataclasses.replace(step.settings, machine=NOWHERE)
    clips = {**batch(train.batch, train.views), "boxes": torch.zeros(train.batch, train.views, 0, 4, dtype=torch.int64)}
    optimizer = train_of(step, train.batch).optimizer
    with unread(monkeypatch) as waits:
        step.train_step(step.on_the_way(clips), optimizer)
        waits.clear()  # tables are made in the first step
        step.train_step(step.on_the_way(clips), optimizer)
    assert waits == []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("micro_batch", [2, 8])
def test_a_gpu_is_waited_for_once_in_a_step(micro_batch: int) -> None:
    machine = Machine(torch.device("cuda"), "fp32")
    step = noisy_step(MIXED, micro_batch).to(machine.device)
    step.settings = dataclasses.replace(step.settings, machine=machine)
    optimizer = train_of(step).optimizer
    for _ in range(2):  # tables are made and kernels are loaded in the first
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as waits:
            warnings.simplefilter("always")
            step.train_step(step.on_the_way(batch()), optimizer)
        torch.cuda.set_sync_debug_mode("default")
    assert sum("synchroniz" in str(each.message) for each in waits) == 1
