"""A fine-tune step of ViT-B beside the official code, MMAction2, Hugging Face and its own floor, turn by turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import torch

from benchmarks.apart import Calls, apart
from benchmarks.floor import ALONE, WITH_ATTENTION, with_floors
from benchmarks.interleaved import Turn, Turns, as_table, speed, taken
from benchmarks.peers import HUGGING_FACE, MMACTION2, OFFICIAL, absent, say_absent
from benchmarks.precisions import needs_bfloat16
from benchmarks.steps import CLIPS, CONTENDERS, OURS, Precision, ours

ROUNDS = int(os.environ.get("TTA_BENCH_ROUNDS", "5"))
"""Rounds that count; two go before, since memory that a program keeps is there only from its second step on."""


def measured(precision: Precision) -> Turns:
    """Return what every contender's step took, and our floors; each contender in a process of its own."""
    peers = [name for name in CONTENDERS if name != OURS and name not in absent()]
    if not peers:
        pytest.skip("no peer is at hand")
    calls = {name: call for peer in peers for name, call in apart(partial(peer_calls, peer, precision)).items()}
    return taken(calls | apart(partial(with_floors, OURS, ours, precision)), ROUNDS, warm=2)


@contextmanager
def peer_calls(name: str, precision: Precision) -> Iterator[Calls]:
    """Hold a peer's step."""
    yield {name: partial(CONTENDERS[name](), precision)}


def against_the_quickest(turns: Turns) -> Turn:
    """Return how many times as fast our step was as the quickest peer's, like for like."""
    ratios = [speed(turns, OURS, name) for name in turns if name not in (OURS, WITH_ATTENTION, ALONE)]
    return Turn(min(ratio.wall for ratio in ratios), min(ratio.processor for ratio in ratios))


def require(turns: Turns) -> None:
    """Print what steps took, and fail where ours is neither quicker by .15 nor near its floor."""
    print(as_table(turns, OURS))
    near = speed(turns, OURS, WITH_ATTENTION)
    assert against_the_quickest(turns).processor >= 1.15 or near.processor >= 0.85


def test_a_step_in_float32_is_quicker_than_the_quickest_or_near_its_floor() -> None:
    print(f"\nfine-tune step of ViT-B, {CLIPS} clips of 16 x 224, {torch.get_num_threads()} threads, float32:")
    say_absent((OFFICIAL, MMACTION2, HUGGING_FACE))
    require(measured("fp32"))


@needs_bfloat16
def test_a_step_in_bfloat16_is_quicker_than_the_quickest_or_near_its_floor() -> None:
    print("\nthe same in bfloat16:")
    require(measured("bf16"))
