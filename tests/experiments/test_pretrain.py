from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.cards.catalog import backbone_card
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.pretrain import MaskSettings, PretrainExperiment


def test_pretraining_starts_anew_at_both_tiers() -> None:
    card, backbone = protocol_card("tta_pretrain"), backbone_card("videomaev2_vit_b")
    assert [card.default_weights(tier, backbone) for tier in ("full", "sample")] == ["none", "none"]
    assert card.views("full") is None


def test_the_published_masking_is_the_default() -> None:
    assert (MaskSettings().encoder, MaskSettings().decoder) == (0.9, 0.5)


@pytest.mark.parametrize("wrong", [{"encoder": 0}, {"encoder": 1}, {"decoder": 1}, {"decoder": -0.1}])
def test_a_share_that_leaves_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        MaskSettings(**wrong)


def test_there_is_no_test_to_depend_on() -> None:
    assert PretrainExperiment.training_sections() == ("clip", "train")
    assert "eval" not in PretrainExperiment.model_fields
