from __future__ import annotations

import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.config.describe import cards_called, describe, describe_card
from tta_bench.errors import UserError
from tta_bench.experiments.base import protocol_hash
from tta_bench.experiments.kinds import protocol_card


def test_a_name_of_several_kinds_has_a_card_of_each() -> None:
    assert list(cards_called("ucf101")) == ["datasets"]
    assert list(cards_called("resnet50+egemaps")) == ["backbones"]
    assert cards_called("nothing_at_all") == {}


def test_a_protocol_has_its_hash_and_the_differences_that_it_can_find() -> None:
    shown = describe("ucf101_ft")["protocols"]
    assert shown["kind"] == "protocol"
    assert shown["hash"] == protocol_hash(protocol_card("ucf101_ft"))
    assert shown["views"] == {"full": 15, "sample": 6}
    found = shown["detectable_difference"]["full"]
    for words in ("alike by 0.1", "alike by 0.4"):
        assert [by[words] for by in found.values()] == sorted(by[words] for by in found.values())
    assert all(by["alike by 0.1"] < by["alike by 0.4"] for by in found.values())


def test_a_backbone_has_its_cost_for_every_protocol_with_views() -> None:
    shown = describe_card("backbones", backbone_card("videomaev2_vit_b"))
    protocols = {f"{data}_{head}" for data in ("ucf101", "hmdb51") for head in ("ft", "knn", "linear", "probe")}
    assert shown["gmacs_x_views"].keys() == protocols
    assert "views" not in describe("abaw_eri")["protocols"]


def test_a_backbone_has_estimated_hours_where_the_clips_of_a_protocol_are_stated() -> None:
    hours = describe_card("backbones", backbone_card("videomaev2_vit_b"))["estimated_hours"]
    assert "not measured" in hours["meaning"]
    passes = 3 * 2 * 100 * 9_537 + 15 * 3_783
    assert hours["ucf101_ft"]["NVIDIA H100"] == pytest.approx(2 * 180.34e9 * passes / (0.35 * 989e12) / 3600, rel=0.03)
    assert hours["ucf101_ft"]["NVIDIA A100"] > hours["hmdb51_ft"]["NVIDIA A100"] > hours["ucf101_knn"]["NVIDIA A100"]
    assert {"abaw_eri", "tta_pretrain", "tta_scaling"} & hours.keys() == {"abaw_eri"}
    assert "estimated_hours" not in describe("egemaps")["backbones"]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'ucf101_ft'"):
        describe("ucf101_f")
