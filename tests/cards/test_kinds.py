from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.cards.catalog import backbone_card, dataset_card, weights_card
from tta_bench.cards.kinds import BackboneCard, WeightsCard, joined

FIELDS = {"name": "net", "summary": "a net", "component": "Net", "recipe": "cnn"}


def test_a_backbone_that_is_shown_frames_states_their_extent() -> None:
    with pytest.raises(ValidationError, match="frames and size are needed"):
        BackboneCard(**FIELDS)
    assert BackboneCard(**FIELDS, frames=8, size=64).sees
    assert not BackboneCard(**FIELDS, modality="audio").sees


def test_joined_backbones_take_clip_and_recipe_of_the_first_that_sees() -> None:
    sound, sight = backbone_card("egemaps"), backbone_card("resnet50")
    card = joined([sound, sight])
    assert (card.name, card.component, card.modality) == ("egemaps+resnet50", "Fusion", "fusion")
    assert (card.frames, card.size, card.recipe, card.mean) == (sight.frames, sight.size, sight.recipe, sight.mean)
    assert card.parts == (sound, sight)
    assert card.sees
    assert not joined([sound, sound]).sees


def test_fields_that_are_left_open_change_no_old_dump() -> None:
    assert "parts" not in backbone_card("resnet50").model_dump()
    assert "arguments" not in dataset_card("ucf101").model_dump()
    assert "clips" not in weights_card("videomae_vit_b_k400").pretraining.model_dump()


@pytest.mark.parametrize("change", [{"address": "http://plain"}, {"file": "../up"}, {"sha256": "short"}])
def test_weights_come_encrypted_into_a_plain_file_of_a_known_digest(change: dict[str, str]) -> None:
    fields = weights_card("videomae_vit_b_k400").model_dump()
    assert WeightsCard(**fields)
    with pytest.raises(ValidationError, match="String should match pattern"):
        WeightsCard(**fields | change)
