"""A fine-tune step of ViT-B beside the official code, MMAction2, Hugging Face and its own floor, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from benchmarks.floor import ALONE, WITH_ATTENTION, Floor
from benchmarks.interleaved import Turn, Turns, as_table, interleaved, speed
from benchmarks.peers import HUGGING_FACE, MMACTION2, OFFICIAL, say_absent
from benchmarks.precisions import needs_bfloat16, precisions
from benchmarks.steps import CLIPS, OURS, steps
from tta_bench.engine.memory import freed_kept


@pytest.fixture(scope="module")
def turns() -> Turns:
    """What every contender's step took in each precision, and our floors, in five rounds."""
    contenders = steps()
    if len(contenders) == 1:
        pytest.skip("no peer is at hand")
    ours = contenders.pop(OURS)
    calls: dict[str, Callable[[], object]] = {}
    for precision in precisions():
        calls |= {f"{name}, {precision}": partial(step, precision) for name, step in contenders.items()}
        calls |= Floor(partial(ours, precision)).calls(OURS, precision)
    with freed_kept(torch.device("cpu")):  # as our training does; here it is everyone's
        return interleaved(calls, rounds=5)


def of(turns: Turns, precision: str) -> Turns:
    """Return the turns in one precision."""
    return {name: found for name, found in turns.items() if name.endswith(precision)}


def against_the_quickest(turns: Turns, precision: str) -> Turn:
    """Return how many times as fast our step was as the quickest peer's, like for like."""
    peers = [name for name in of(turns, precision) if not name.startswith((OURS, WITH_ATTENTION, ALONE))]
    ratios = [speed(turns, f"{OURS}, {precision}", name) for name in peers]
    return Turn(min(ratio.wall for ratio in ratios), min(ratio.processor for ratio in ratios))


def require(turns: Turns, precision: str) -> None:
    """Print the turns of a precision, and fail where our step is neither quicker by .15 nor near its floor."""
    print(as_table(of(turns, precision), f"{OURS}, {precision}"))
    near = speed(turns, f"{OURS}, {precision}", f"{WITH_ATTENTION}, {precision}")
    assert against_the_quickest(turns, precision).processor >= 1.15 or near.processor >= 0.85


def test_a_step_in_float32_is_quicker_than_the_quickest_or_near_its_floor(turns: Turns) -> None:
    print(f"\nfine-tune step of ViT-B, {CLIPS} clips of 16 x 224, {torch.get_num_threads()} threads:")
    say_absent((OFFICIAL, MMACTION2, HUGGING_FACE))
    require(turns, "fp32")


@needs_bfloat16
def test_a_step_in_bfloat16_is_quicker_than_the_quickest_or_near_its_floor(turns: Turns) -> None:
    print()
    require(turns, "bf16")
