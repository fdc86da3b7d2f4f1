from __future__ import annotations

from typing import Any

import pytest

from tta_bench.cards.catalog import names, suite_card, weights_card
from tta_bench.cards.suite import SuiteCard
from tta_bench.cards.validation import validate
from tta_bench.config.suite import Planned, planned, released, unconfigured
from tta_bench.errors import UserError


def card(*parts: dict[str, Any], tier: str = "sample") -> SuiteCard:
    return validate(SuiteCard, {"name": "s", "summary": "s", "tier": tier, "parts": list(parts)}, "s.yaml")


def found(suite: SuiteCard, *words: str) -> list[Planned]:
    return planned(suite, words)


BOTH = {"protocols": ["ucf101_linear", "ucf101_knn"], "backbones": ["resnet18", "videomaev2_vit_tiny"]}


def test_all_protocols_of_a_backbone_stand_together() -> None:
    listed = found(card(BOTH | {"seeds": [0, 1]}))
    assert [one.name for one in listed[:5]] == [
        "ucf101_linear, resnet18, none, split 1, seed 0",
        "ucf101_linear, resnet18, none, split 1, seed 1",
        "ucf101_knn, resnet18, none, split 1, seed 0",
        "ucf101_knn, resnet18, none, split 1, seed 1",
        "ucf101_linear, videomaev2_vit_tiny, none, split 1, seed 0",
    ]
    assert all(one.experiment is not None and one.experiment.standard for one in listed)


def test_words_choose_and_others_go_before_the_card() -> None:
    suite = card(BOTH | {"seeds": [0, 1], "keys": {"encode.windows": 3}})
    (one,) = found(suite, "protocol=ucf101_knn", "backbone=resnet18", "seed=7", "encode.windows=1")
    assert one.experiment is not None
    assert (one.experiment.seed, one.experiment.encode.windows) == (7, 1)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backbone=resnet1"], "backbone=resnet1 is not in this suite"),
        (["protocol=ucf101_ft"], "protocol=ucf101_ft is not in this suite"),
        (["knn.k=3"], "knn.k"),
        (["seed"], "seed"),
        (["trainn.lr=1"], "trainn.lr"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_runs(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        found(card(BOTH), *words)


def test_one_folder_is_not_that_of_two_datasets() -> None:
    suite = card({"protocols": ["ucf101_knn", "hmdb51_knn"]}, tier="full")
    with pytest.raises(UserError, match="hmdb51, ucf101") as caught:
        found(suite, "data.root=/data")
    assert "data.roots.NAME" in str(caught.value.hint)
    assert unconfigured(suite, ["data.roots.ucf101=/d"]) == ["hmdb51"]
    assert unconfigured(suite, ["protocol=ucf101_knn"]) == ["ucf101"]
    assert found(suite, "protocol=ucf101_knn", "data.root=/data")[0].error is None


def test_an_experiment_that_cannot_be_had_ends_no_other() -> None:
    listed = found(card({"protocols": ["ucf101_knn"], "backbones": ["egemaps", "resnet18", "mfcc"]}))
    assert [one.error is None for one in listed] == [False, True, False]
    assert "of modality 'audio'" in str(listed[0].error)


def test_exclusions_and_weights_of_another_backbone_are_left_out() -> None:
    part = BOTH | {"exclude": [{"protocol": "ucf101_knn", "backbone": "resnet18"}]}
    assert len(found(card(part))) == 3
    part = BOTH | {"backbones": ["resnet50", "resnet18"], "weights": ["none", "resnet50_in1k"]}
    assert {one.name.split(", ")[1:3][0] for one in found(card(part)) if "in1k" in one.name} == {"resnet50"}


def test_released_weights_are_the_default_or_the_only_ones() -> None:
    assert released("videomaev2_vit_b") == "tiktokactions_vit_b"
    assert released("torchvision/r3d_18").startswith("torchvision")
    with pytest.raises(UserError, match="videomaev2_vit_s has 2 cards of weights"):
        released("videomaev2_vit_s")
    with pytest.raises(UserError, match="no card names released weights of videomaev2_vit_tiny"):
        released("videomaev2_vit_tiny")


def test_the_twelve_lack_nothing_but_weights_without_a_card() -> None:
    """As soon as a backbone has a card of weights, its experiments are there."""
    listed = found(suite_card("frozen_12"), "data.roots.ucf101=/d", "data.roots.hmdb51=/d")
    known = {weights_card(name).backbone for name in names("weights")}
    assert {one.name.split(", ")[1] for one in listed if one.error is not None}.isdisjoint(known)
    assert {one.experiment.backbone.name for one in listed if one.experiment is not None} <= known
    assert not any(one.error for one in found(suite_card("sample")))
    assert len(found(suite_card("abaw5"), "data.root=/d")) == 15
