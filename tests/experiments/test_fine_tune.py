from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.config.resolve import resolve
from tta_bench.experiments.fine_tune import EvalSettings, FineTuneCard, FineTuneExperiment, TrainSettings
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.reaction import ReactionCard


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


@pytest.mark.parametrize("protocol", ["ucf101_ft", "hmdb51_ft", "abaw_eri"])
def test_clips_that_batch_norm_sees_are_locked_for_convolutional_networks_alone(protocol: str) -> None:
    card = protocol_card(protocol)
    assert isinstance(card, FineTuneCard | ReactionCard)
    for tier in (card.full, card.sample):
        said = {name: recipe.model_dump().get("norm_batch", "left out") for name, recipe in tier.recipes.items()}
        assert said == dict.fromkeys(said, "left out") | {"cnn": 16}
    words = (f"protocol={protocol}", "tier=sample", "backbone=resnet50")
    plain, *changed = (resolve([*words, *more])[0] for more in ([], ["train.norm_batch=8"], ["train.norm_batch=null"]))
    assert (plain.standard, plain.track) == (True, "fixed")
    assert [(one.standard, one.track) for one in changed] == [(False, "fixed")] * 2
    trainings = {one.training_identity("data", None, "fp32") for one in (plain, *changed)}
    assert len(trainings) == 3


@pytest.mark.parametrize("wrong", [0, -2, 3, 15])
def test_pairs_are_not_split_by_what_batch_norm_sees(wrong: int) -> None:
    with pytest.raises(ValidationError, match="norm_batch"):
        TrainSettings(batch=8, lr=0.1, norm_batch=wrong)
