from __future__ import annotations

import pytest

from tests.records.some_records import some_identity, some_record
from tta_bench.boards.web.licences import NO_CARD, licences
from tta_bench.cards.catalog import backbone_card, dataset_card
from tta_bench.records.identity import WeightsRef


@pytest.mark.parametrize("backbone", ["resnet50", "resnet50+egemaps", "timm/resnet10t"])
def test_each_part_has_the_licence_of_its_card(backbone: str) -> None:
    found = list(licences(some_record(identity=some_identity(backbone=backbone))))
    assert [line.name for line in found] == [*backbone.split("+"), "ucf101"]
    for line in found[:-1]:
        assert line.licence == backbone_card(line.name).licence
    assert found[-1].citation == (dataset_card("ucf101").citation or "")


def test_what_has_no_card_here_is_named() -> None:
    weights = WeightsRef(name="mine.pth", sha256="0" * 64, pretraining=None)
    found = list(licences(some_record(identity=some_identity(backbone="my_own_net", weights=weights))))
    assert [(line.part, line.licence) for line in found[:2]] == [("backbone", NO_CARD), ("weights", NO_CARD)]
