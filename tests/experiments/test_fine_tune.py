from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.experiments.fine_tune import EvalSettings, FineTuneExperiment, TrainSettings
from tta_bench.experiments.kinds import protocol_card


def test_views_are_segments_times_crops() -> None:
    card = protocol_card("hmdb51_ft")
    assert card.views("full") == card.full.eval.segments * card.full.eval.crops == 30
    assert card.tier("sample") is card.sample


def test_a_later_field_changes_no_old_recipe() -> None:
    assert "clips" not in TrainSettings(batch=8, lr=0.1).model_dump()


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"lr": 0}, {"warmup": 1}, {"layer_decay": 1.1}, {"smoothing": -0.1}])
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainSettings(**{"batch": 8, "lr": 0.1} | wrong)


def test_only_known_controls_and_crops_are_tested() -> None:
    with pytest.raises(ValidationError, match="control"):
        EvalSettings(segments=1, crops=1, control="upside down")
    with pytest.raises(ValidationError, match="crops"):
        EvalSettings(segments=1, crops=2)


def test_weights_depend_on_clip_and_recipe() -> None:
    assert FineTuneExperiment.training_sections() == ("clip", "train")
