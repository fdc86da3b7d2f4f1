from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.records.some_records import some_identity
from tta_bench.records.identity import Timestamp


@pytest.mark.parametrize("name", ["../up", "a/../b", "/etc", "a//b", ".hidden", "a b", "a\nb", "", "a/", "x" * 161])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        some_identity(backbone=name)


@pytest.mark.parametrize("name", ["videomaev2_vit_b", "timm/resnet50.a1_in1k", "resnet50+mfcc", "hf-hub:a/b@main"])
def test_names_of_cards_are_accepted(name: str) -> None:
    assert some_identity(backbone=name).backbone == name


@pytest.mark.parametrize("time", ["2026-01-31 12:00:00", "2026-01-31T12:00:00+01:00", "2026-01-31"])
def test_a_time_without_its_zone_is_refused(time: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Timestamp).validate_python(time)
