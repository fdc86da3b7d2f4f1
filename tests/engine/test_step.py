from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tta_bench.data.loading import TrainItem
from tta_bench.engine.device import wrap_optimizer
from tta_bench.engine.step import Diverged
from tta_bench.engine.training import plan_steps
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, make_optimizer

CPU = torch.device("cpu")


class TinyNet(nn.Module):
    """Mean colour of each frame, through one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 4, 6)

    def forward(self, clip: Tensor) -> Tensor:
        features: Tensor = self.layer(clip.mean((3, 4)).flatten(1)).tanh()
        return features


def step(train: TrainSettings, micro_batch: int = 8) -> FineTuneStep:
    torch.manual_seed(0)
    mean, std = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)
    settings = FineTuneStepSettings(
        train=train, mean=mean, std=std, classes=3, seed=1, micro_batch=micro_batch, device=CPU
    )
    return FineTuneStep(Classifier(TinyNet(), 6, 3), settings)


def batch(videos: int = 4, views: int = 2) -> TrainItem:
    draw = torch.Generator().manual_seed(5)
    return {
        "clips": torch.randint(0, 256, (videos, views, 4, 8, 8, 3), dtype=torch.uint8, generator=draw),
        "boxes": torch.tensor([1, 2, 3, 4]).repeat(videos, views, 1, 1),
        "label": torch.arange(videos) % 3,
    }


MIXED = TrainSettings(batch=4, views=2, lr=0.1, mixup=0.8, cutmix=1.0, smoothing=0.1)


@pytest.mark.parametrize("number", range(6))
def test_the_result_does_not_depend_on_how_the_batch_is_cut(number: int) -> None:
    losses, weights = [], []
    for micro_batch in (8, 4, 2):
        model = step(MIXED, micro_batch)
        model.step = number  # some steps draw mixup, some cutmix
        wrapper, _ = make_optimizer(model, "fp32")
        losses.append(model.train_step(batch(), wrapper)["loss"])
        weights.append(model.classifier.head.weight.detach().clone())
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    for other in weights[1:]:
        torch.testing.assert_close(other, weights[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("number", range(3))
def test_nor_do_dropout_and_stochastic_depth(number: int) -> None:
    train = TrainSettings(batch=4, views=2, lr=0.1, mixup=0.8, drop_path=0.6, dropout=0.5)
    losses, gradients = [], []
    for micro_batch in (8, 4, 2):
        torch.manual_seed(0)
        backbone = VideoMAEV2(
            size=8, frames=4, patch=4, width=16, depth=3, heads=2, mlp_width=32, drop_path=train.drop_path
        )
        mean, std = (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)
        settings = FineTuneStepSettings(
            train=train, mean=mean, std=std, classes=3, seed=1, micro_batch=micro_batch, device=CPU
        )
        model = FineTuneStep(Classifier(backbone, 16, 3, train.dropout), settings).train()
        model.step = number
        wrapper, _ = make_optimizer(model, "fp32")
        wrapper.zero_grad = lambda: None  # type: ignore[method-assign]
        losses.append(model.train_step(batch(), wrapper)["loss"])
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=1e-4, atol=1e-6)


def test_steps_of_one_seed_are_equal_and_of_another_number_are_not() -> None:
    def loss(number: int) -> float:
        model = step(MIXED)
        model.step = number
        return model.train_step(batch(), make_optimizer(model, "fp32")[0])["loss"]

    assert loss(3) == loss(3)
    assert loss(3) != loss(4)


@pytest.mark.parametrize(("poison", "what"), [("loss", "loss"), ("gradient", "gradient")])
def test_what_is_not_finite_stops_the_step_and_names_it(poison: str, what: str) -> None:
    model = step(TrainSettings(batch=4, views=2, lr=0.1))
    model.step = 7
    weight = model.classifier.head.weight
    if poison == "loss":
        weight.data[0, 0] = float("nan")
    else:
        weight.register_hook(lambda gradient: gradient * float("inf"))
    before = model.classifier.backbone.layer.weight.clone()  # type: ignore[union-attr, operator]
    with pytest.raises(Diverged, match=f"the {what} is .* at step 7") as error:
        model.train_step(batch(), make_optimizer(model, "fp32")[0])
    assert error.value.exit_code == 3
    assert torch.equal(model.classifier.backbone.layer.weight, before)  # type: ignore[union-attr, arg-type]


def test_the_gradient_norm_is_the_one_before_clipping() -> None:
    model = step(TrainSettings(batch=4, views=2, lr=0.1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = [p.detach().clone() for p in model.parameters()]
    norm = model.train_step(batch(), wrap_optimizer(optimizer, "fp32", CPU, clip_grad=norm_limit()))["grad_norm"]
    moved = torch.cat([(p.detach() - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]).norm()
    assert norm > norm_limit()
    assert float(moved) == pytest.approx(norm_limit(), rel=1e-3)


def norm_limit() -> float:
    return 1e-3


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
