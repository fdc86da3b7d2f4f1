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
