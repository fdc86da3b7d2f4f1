from __future__ import annotations

import pytest
import torch
from torch import nn

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.files import card_files
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.timm_images import PerFrame
from tta_bench.models.build import build_backbone, build_classifier, own_size_advice, with_checkpointing
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.models.noise import clip_noise
from tta_bench.registry import BACKBONES, register_backbone

CLIP = ResolvedClip(span=40, frames=8, stride=5, size=48)
TINY = backbone_card("videomaev2_vit_tiny")


OWN = [name for name in card_files("backbones") if "/" not in name and backbone_card(name).sees]


@pytest.mark.parametrize("name", OWN)
def test_what_a_card_says_of_size_and_cost_is_so(name: str) -> None:
    card = backbone_card(name)
    if card.component == "VJEPA2":
        pytest.importorskip("transformers")
    with torch.device("meta"):
        backbone = build_backbone(card, ResolvedClip(span=64, frames=card.frames, stride=1, size=card.size))
    assert count_parameters(backbone) == card.parameters
    assert count_gmacs(backbone, (3, card.frames, card.size, card.size)) == pytest.approx(card.gmacs, rel=1e-3)


def test_a_seed_gives_the_initial_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        return build_classifier(TINY, CLIP, TrainSettings(batch=1, lr=1.0), 8, seed).backbone.blocks[0].mlp.fc1.weight  # type: ignore[union-attr, index, return-value]

    torch.manual_seed(123)
    one = weights(0)
    torch.manual_seed(456)
    assert torch.equal(one, weights(0))
    assert not torch.equal(one, weights(1))


def test_stochastic_depth_comes_from_the_recipe() -> None:
    backbone = build_backbone(TINY, CLIP, drop_path=0.2)
    assert [block.drop_path for block in backbone.blocks] == pytest.approx([0.0, 0.1, 0.2])  # type: ignore[union-attr]


def test_a_failure_at_another_size_names_the_backbones_own() -> None:
    other = CLIP.model_copy(update={"size": 2 * TINY.size})
    for error in (IndexError("index 1 is out of bounds\nhere"), AssertionError()):
        with pytest.raises(UserError, match=f"try clip.size={TINY.size}") as caught, own_size_advice(TINY, other):
            raise error
        assert "\n" not in caught.value.message
        with pytest.raises(type(error)), own_size_advice(TINY, CLIP.model_copy(update={"size": TINY.size})):
            raise error


def test_a_seed_that_a_backbone_sets_is_refused() -> None:
    @register_backbone("reseeds", frames=4, size=16)
    def reseeds() -> nn.Module:
        torch.manual_seed(42)
        return nn.Conv3d(3, 4, 3)

    with pytest.raises(UserError, match="sets PyTorch's seed"):
        build_backbone(backbone_card("reseeds"), CLIP)


def test_an_image_network_of_ones_own_is_lifted_over_frames() -> None:
    @BACKBONES.register_module(name="tests_image_net")
    def image_net() -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5))

    try:
        update = {"component": "tests_image_net", "arguments": {}, "modality": "image"}
        backbone = build_backbone(TINY.model_copy(update=update), CLIP)
    finally:
        BACKBONES.module_dict.pop("tests_image_net")
    assert isinstance(backbone, PerFrame)
    assert backbone(torch.zeros(2, 3, 8, 48, 48)).shape == (2, 8, 5)


def test_a_network_too_large_for_memory_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")):

        def build(error: Exception = error, **_: object) -> None:
            raise error

        monkeypatch.setitem(BACKBONES.module_dict, TINY.component, build)
        with pytest.raises(UserError, match="does not fit into the memory that is free") as caught:
            build_backbone(TINY, CLIP)
        assert "clip.size" not in caught.value.hint


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({"component": "NoSuchNet"}, "NoSuchNet"),
        ({"arguments": {"widht": 3}}, "widht"),
        ({"arguments": {"width": 5, "heads": 2}}, "width 5 / 2 heads"),
    ],
)
def test_a_card_that_cannot_be_built_says_why(update: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_backbone(TINY.model_copy(update=update), CLIP)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_checkpointing_changes_no_weight_with_dropout_drop_path_and_mixing(dtype: torch.dtype) -> None:
    train = TrainSettings(batch=4, lr=1.0, drop_path=0.5, dropout=0.5)
    clips = torch.rand(4, 3, CLIP.frames, CLIP.size, CLIP.size, generator=torch.Generator().manual_seed(0))
    mixed, targets = 0.7 * clips + 0.3 * clips.flip(0), torch.full((4, 8), 1 / 8)
    weights, outputs = [], []
    for wanted in (False, True):
        model = with_checkpointing(build_classifier(TINY, CLIP, train, 8, 0), wanted).train()
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        for step in range(3):
            with clip_noise(model, [10 * step + row for row in range(4)]):
                with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                    loss = nn.functional.cross_entropy(model(mixed).float(), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        weights.append(model.state_dict())
        outputs.append(loss.detach())
    assert torch.equal(*outputs)
    assert all(torch.equal(one, weights[1][name]) for name, one in weights[0].items())


@pytest.mark.parametrize("backbone", ["resnet18", "timm/mobilenetv3_small_050"])
def test_checkpointing_of_a_model_that_cannot_is_refused(backbone: str) -> None:
    model = build_backbone(backbone_card(backbone), CLIP)
    assert with_checkpointing(model, False) is model
    with pytest.raises(UserError, match="compute its activations twice"):
        with_checkpointing(model, True)
