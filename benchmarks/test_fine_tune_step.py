"""A fine-tune step of ViT-B beside the official code, MMAction2 and Hugging Face, turn by turn in one process."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from benchmarks.interleaved import Turns, as_table, interleaved, speed
from benchmarks.peers import HUGGING_FACE, MMACTION2, OFFICIAL, say_absent
from benchmarks.precisions import needs_bfloat16, precisions
from benchmarks.steps import OURS, steps


@pytest.fixture(scope="module")
def turns() -> Turns:
    """What every contender's step took in each precision, in five rounds."""
    contenders = steps()
    if len(contenders) == 1:
        pytest.skip("no peer is at hand")
    calls = {
        f"{name}, {precision}": partial(step, precision)
        for name, step in contenders.items()
        for precision in precisions()
    }
    return interleaved(calls, rounds=5)


def of(turns: Turns, precision: str) -> Turns:
    """Return the turns in one precision."""
    return {name: found for name, found in turns.items() if name.endswith(precision)}


def against_the_quickest(turns: Turns, ours: str, precision: str) -> float:
    """Return how many times as fast our step was as the quickest peer's in a precision."""
    return min(speed(turns, ours, name).wall for name in of(turns, precision) if not name.startswith(OURS))


def test_a_step_in_float32_is_as_quick_as_the_quickest(turns: Turns) -> None:
    print(f"\nfine-tune step of ViT-B, one clip of 16 x 224, {torch.get_num_threads()} threads:")
    say_absent((OFFICIAL, MMACTION2, HUGGING_FACE))
    print(as_table(of(turns, "fp32"), f"{OURS}, fp32"))
    assert against_the_quickest(turns, f"{OURS}, fp32", "fp32") >= 0.95


@needs_bfloat16
def test_a_step_in_bfloat16_is_quicker_than_the_quickest_in_float32(turns: Turns) -> None:
    print()
    print(as_table(turns, f"{OURS}, bf16"))
    assert against_the_quickest(turns, f"{OURS}, bf16", "fp32") >= 1.4
