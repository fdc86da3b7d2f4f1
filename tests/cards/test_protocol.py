from __future__ import annotations

import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import EvalSettings, FineTuneCard, TrainSettings
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.scaling import ScalingCard


def test_the_sections_are_those_of_a_tier_and_train_for_its_recipes() -> None:
    sections = FineTuneCard.sections()
    assert list(sections) == ["clip", "train", "eval"]
    assert (sections["train"], sections["eval"]) == (TrainSettings, EvalSettings)
    assert list(ScalingCard.sections()) == ["study"]


def test_train_is_the_recipe_of_the_backbones_kind() -> None:
    card = protocol_card("ucf101_ft")
    assert card.base("train", "full", backbone_card("resnet50")) == card.full.recipes["cnn"]
    assert card.base("eval", "sample", backbone_card("resnet50")) == card.sample.eval
    with pytest.raises(UserError, match="has no recipe for egemaps, which trains as 'audio'") as error:
        card.base("train", "full", backbone_card("egemaps"))
    assert "It has recipes for: vit, cnn." in error.value.hint


def test_default_weights_are_the_backbones_at_the_full_tier_alone() -> None:
    card, backbone = protocol_card("ucf101_ft"), backbone_card("videomaev2_vit_b")
    assert card.default_weights("full", backbone) == backbone.weights != "none"
    assert card.default_weights("sample", backbone) == "none"


def test_only_classifying_protocols_have_views() -> None:
    assert protocol_card("ucf101_ft").views("full") == 15
    assert protocol_card("tta_pretrain").views("full") is None
