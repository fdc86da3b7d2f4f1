from __future__ import annotations

import pytest
import torch

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.sound import check_values

OWN = {"a.weight": torch.zeros(2, 3), "a.count": torch.zeros((), dtype=torch.long)}


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_weights_of_any_precision_and_whole_counters_are_sound(kind: torch.dtype) -> None:
    check_values({"a.weight": torch.full((2, 3), 6e4, dtype=kind), "a.count": torch.tensor(3)}, OWN, "w.pth")


def test_a_sum_beyond_the_largest_number_is_no_fault() -> None:
    check_values({"a.weight": torch.full((2, 3), 3e38)}, OWN, "w.pth")


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.bool, torch.complex64])
def test_codes_of_a_quantised_network_are_no_weights(kind: torch.dtype) -> None:
    name = str(kind).removeprefix("torch.")
    with pytest.raises(UserError, match=rf"w\.pth has 1 tensors .* a\.weight \({name}\)"):
        check_values({"a.weight": torch.ones(2, 3).to(kind)}, OWN, "w.pth")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_named_before_anything_is_run(value: float) -> None:
    weight = torch.ones(2, 3)
    weight[1, 2] = value
    with pytest.raises(UserError, match=r"not finite .* in 1 tensors: head\."):
        check_values({"a.weight": torch.ones(2, 3), "head": weight}, OWN, "w.pth")
