from __future__ import annotations

from typing import Any

import pytest

from tests.records.some_records import some_record
from tta_bench.records.rates import gmacs_per_second, watt_hours
from tta_bench.records.schema import Cost, Phase

WHOLE = Cost(parameters=10, gmacs_per_view=2.0, views=6)
FROZEN = Cost(parameters=10, trained=4, gmacs_per_view=2.0, views=6)


def phase(name: Any, energy: float | None = None) -> Phase:
    return Phase(name=name, seconds=8, samples=96, throughput=12, waiting=0, peak_memory_bytes=None, joules=energy)


@pytest.mark.parametrize(
    ("name", "cost", "expected"),
    [
        ("test", WHOLE, 2 * 6 * 12),
        ("train", WHOLE, 3 * 2 * 2 * 12),
        ("test", FROZEN, 2 * 6 * 12),
        ("train", FROZEN, None),
        ("pretrain", WHOLE, None),
        ("extract", WHOLE, None),
        ("test", Cost(parameters=10, gmacs_per_view=None, views=6), None),
        ("test", None, None),
    ],
)
def test_multiply_adds_a_second_count_what_the_whole_backbone_does(
    name: str, cost: Cost | None, expected: float | None
) -> None:
    record = some_record(cost=cost, resolved={"train": {"views": 2}})
    assert gmacs_per_second(record, phase(name)) == expected


def test_energy_is_the_mean_of_runs_whose_phases_all_tell() -> None:
    told = some_record(phases=(phase("train", 3000.0), phase("test", 600.0)))
    less = some_record(phases=(phase("test", 1800.0),))
    assert watt_hours([told]) == 1.0
    assert watt_hours([told, less]) == 0.75
    assert watt_hours([told, some_record(phases=(phase("train", 3.0), phase("test")))]) is None
    assert watt_hours([some_record(phases=())]) is None
    assert watt_hours([]) is None


def test_a_record_without_energy_is_as_before() -> None:
    assert "joules" not in phase("test").model_dump(mode="json")
