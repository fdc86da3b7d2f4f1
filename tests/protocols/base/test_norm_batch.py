from __future__ import annotations

import pytest

from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.protocols.base.norm_batch import locked_micro_batch, never, norm_batch


def of(*words: str, normalises: bool = True) -> int | None:
    """The clips that a network sees at once under some words."""
    (experiment,) = resolve(["weights=none", "tier=sample", *words])
    return norm_batch(experiment, lambda: normalises)


@pytest.mark.parametrize("protocol", ["ucf101_ft", "hmdb51_ft", "abaw_eri"])
def test_only_batch_norm_in_training_is_shown_what_the_recipe_says(protocol: str) -> None:
    words = (f"protocol={protocol}", "backbone=resnet50")
    assert of(*words) == 16
    assert of(*words, "train.norm_batch=8") == 8
    assert of(*words, "train.norm_batch=null") is None
    assert of(*words, normalises=False) is None
    assert of(*words, "phase=test") is None
    assert of(f"protocol={protocol}", "backbone=videomaev2_vit_b") is None
    assert never() is False


def test_a_network_is_not_built_where_the_recipe_says_nothing() -> None:
    def built() -> bool:
        raise AssertionError("nothing is to be built")

    for words in (["protocol=ucf101_ft"], ["protocol=tta_pretrain"]):
        (experiment,) = resolve(["tier=sample", *words])
        assert norm_batch(experiment, built) is None


@pytest.mark.parametrize(("clips", "cut"), [(64, 16), (16, 16), (8, 8), (7, 7)])
def test_a_step_is_cut_as_the_recipe_says_and_a_small_one_is_one_part(clips: int, cut: int) -> None:
    assert locked_micro_batch("auto", 16, clips) == cut
    assert locked_micro_batch(16, 16, clips) == cut


@pytest.mark.parametrize(("choice", "clips"), [(4, 8), (8, 16), (32, 64), (6, 64)])
def test_another_micro_batch_is_refused_with_the_way_out(choice: int, clips: int) -> None:
    with pytest.raises(UserError) as error:
        locked_micro_batch(choice, 16, clips)
    assert str(error.value).splitlines() == [
        f"runtime.micro_batch={choice} would change what batch norm sees, and train.norm_batch=16 is the recipe's.",
        f"Leave out runtime.micro_batch, or say train.norm_batch={choice}: the run is then not standard.",
    ]


def test_one_that_cuts_a_step_alike_is_taken() -> None:
    assert locked_micro_batch(8, 16, 8) == locked_micro_batch(32, 16, 8) == 8
    assert locked_micro_batch(15, 16, 64) == 16  # pairs are not split
