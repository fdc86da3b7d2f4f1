"""Processor time and multiply-adds of a grid of ten attentive heads beside one head, for both depths."""

from __future__ import annotations

import itertools
import time
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tta_bench.data.features.encoded import EncodedClips, TokenReader
from tta_bench.experiments.probe import AttentiveSettings
from tta_bench.protocols.probe.grid import HeadGrid, HeadShape, train_grid

CLIPS = {1: 64, 4: 4}
"""Training clips, one batch, by depth: a clip of one block takes a thousandth of the multiply-adds of one of four."""
WINDOWS, TOKENS, WIDTH, CLASSES, HEADS = 1, 392, 384, 101, 16
"""Tokens of ViT-S for 16 frames of 112 pixels, and the attention heads of the protocols."""
ROUNDS = 2
POINTS = [{"lr": lr, "weight_decay": decay} for lr in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2) for decay in (0.01, 0.1)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> TokenReader:
    """Made-up tokens of a training list, in memory."""
    folder, draw = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    files = {str(number): folder / f"{number}.npy" for number in range(max(CLIPS.values()))}
    for path in files.values():
        np.save(path, draw.normal(size=(WINDOWS, TOKENS, WIDTH)).astype(np.float16))
    return TokenReader(EncodedClips({"tokens": files}), list(files), 10**9)


def epoch(reader: TokenReader, blocks: int, points: list[dict[str, float]]) -> float:
    """Return the seconds of processor time that an epoch of some heads takes, whatever else the machine does."""
    clips = CLIPS[blocks]
    settings = AttentiveSettings(blocks=blocks, heads=HEADS, lrs=(1e-3,), decays=(0.01,), epochs=1, batch=clips)
    grid = HeadGrid(HeadShape(WIDTH, CLASSES, HEADS, blocks, 0), points, torch.device("cpu"))
    labels = torch.arange(clips) % CLASSES
    begun = time.process_time()
    train_grid(grid, reader, np.arange(clips), labels, settings, "train")
    return time.process_time() - begun


def multiply_adds(reader: TokenReader, blocks: int, points: list[dict[str, float]]) -> float:
    """Return billions of multiply-adds of an epoch."""
    with FlopCounterMode(display=False) as counter:
        epoch(reader, blocks, points)
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize("blocks", [1, 4])
def test_a_grid_of_ten_heads_beside_one(reader: TokenReader, blocks: int, benchmark: Any) -> None:
    counts = {len(points): multiply_adds(reader, blocks, points) for points in (POINTS[:1], POINTS)}
    taken: dict[int, list[float]] = {1: [], 10: []}
    for _, points in itertools.product(range(ROUNDS), (POINTS[:1], POINTS)):  # turn by turn
        taken[len(points)].append(epoch(reader, blocks, points))
    times = {heads: median(seconds) for heads, seconds in taken.items()}
    benchmark.extra_info.update(
        blocks=blocks,
        seconds=times,
        times_ratio=round(times[10] / times[1], 2),
        gmacs=counts,
        gmacs_ratio=round(counts[10] / counts[1], 2),
    )
    print(
        f"\n{blocks} block(s), a grid of 10 heads over one head: {times[10] / times[1]:.2f} times the processor time "
        f"({times[1]:.3f} and {times[10]:.3f} s), {counts[10] / counts[1]:.2f} times the multiply-adds"
    )
    benchmark.pedantic(epoch, args=(reader, blocks, POINTS), rounds=1)
    assert counts[10] <= 10.01 * counts[1]
    assert times[10] <= 12 * times[1]
