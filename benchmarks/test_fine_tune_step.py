"""A fine-tune step of ViT-B beside the official code, MMAction2 and Hugging Face, turn by turn in one process."""

from __future__ import annotations

import pytest
import torch

from benchmarks.interleaved import as_table, interleaved_seconds, speeds
from benchmarks.peers import HUGGING_FACE, MMACTION2, OFFICIAL, say_absent
from benchmarks.steps import OURS, Precision, steps

WANTED: dict[Precision, float] = {"fp32": 0.95, "bf16": 1.4}
"""How many times as fast as the quickest peer in the same precision."""


@pytest.mark.parametrize("precision", WANTED)
def test_a_step_is_as_quick_as_the_quickest(precision: Precision) -> None:
    print(f"\nfine-tune step of ViT-B, one clip of 16 x 224, {precision}, {torch.get_num_threads()} threads:")
    say_absent((OFFICIAL, MMACTION2, HUGGING_FACE))
    contenders = steps(precision)
    if len(contenders) == 1:
        pytest.skip("no peer is at hand")
    seconds = interleaved_seconds(contenders, rounds=5)
    print(as_table(seconds, OURS))
    assert min(speeds(seconds, OURS).values()) >= WANTED[precision]
