from __future__ import annotations

import sys

import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError


def test_timm_knows_what_its_models_want() -> None:
    card = with_timm_defaults(backbone_card("timm/vit_base_patch16_384"))
    assert (card.mean, card.std, card.size, card.recipe) == ((0.5,) * 3, (0.5,) * 3, 384, "vit")
    card = with_timm_defaults(backbone_card("timm/resnet18"))
    assert (card.mean, card.size, card.recipe) == ((0.485, 0.456, 0.406), 224, "cnn")


def test_an_experiment_has_the_completed_card() -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", "backbone=timm/deit_tiny_patch16_224"])
    assert experiment.backbone.recipe == "vit"
    assert experiment.train.steps == experiment.protocol.sample.recipes["vit"].steps


def test_other_cards_stay_as_they_are() -> None:
    for name in ("resnet50", "videomaev2_vit_b", "mmaction2/X3D"):
        assert with_timm_defaults(backbone_card(name)) == backbone_card(name)


def test_an_unknown_model_gets_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'resnet18'") as caught:
        resolve(["protocol=ucf101_ft", "backbone=timm/resnet1B"])
    assert caught.value.exit_code == 2
    assert "timm" in sys.modules


@pytest.mark.parametrize(
    ("name", "asked", "size"),
    [
        ("eva02_base_patch14_448", 448, 448),
        ("vit_large_patch14_clip_336", 336, 336),
        ("vit_large_patch14_clip_336", 330, 336),
        ("vit_base_patch8_224", 200, 208),
    ],
)
def test_sizes_are_multiples_of_the_models_own_patch(name: str, asked: int, size: int) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", f"backbone=timm/{name}", f"clip.size={asked}"])
    assert experiment.clip.size == size
