from __future__ import annotations

import copy
from pathlib import Path

import pytest

from tta_bench.errors import BenchError, CheckFailed, RunFailed, UserError, did_you_mean, shorten, unknown
from tta_bench.records.claims import Claimed


def test_exit_codes_are_the_documented_ones() -> None:
    assert (CheckFailed.exit_code, UserError.exit_code, RunFailed.exit_code) == (1, 2, 3)


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("resnet5", ["resnet50", "vit"]) == "Did you mean 'resnet50'?"
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("zzz", []) == ""
    assert str(unknown("split", "4", ["1", "2"])).startswith("unknown split '4'.\n")


def test_long_lists_are_counted() -> None:
    assert shorten(["a", "b"]) == "a, b"
    assert shorten([str(n) for n in range(1234)], most=2) == "0, 1 and 1,232 more"


@pytest.mark.parametrize("error", [UserError("no", "Do."), Claimed("it is trained.", Path("claim"))])
def test_errors_travel_between_processes(error: BenchError) -> None:
    again = copy.copy(error)  # by __reduce__, as between processes
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
