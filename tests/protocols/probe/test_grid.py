from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.protocols.probe.some_features import WIDTH, some_clips, some_samples
from tta_bench.data.features.encoded import TokenReader
from tta_bench.engine.step import Diverged
from tta_bench.experiments.probe import AttentiveSettings
from tta_bench.protocols.probe.grid import HeadGrid, HeadShape, grid_scores, train_grid
from tta_bench.protocols.probe.selection import Point

CPU = torch.device("cpu")
SETTINGS = AttentiveSettings(lrs=(1e-2,), decays=(0.1,), epochs=8, batch=6)
POINTS: list[Point] = [{"lr": 1e-2, "weight_decay": 0.1}, {"lr": 1e-3, "weight_decay": 0.5}]


def trained(folder: Path, points: list[Point], blocks: int = 1, settings: AttentiveSettings = SETTINGS) -> HeadGrid:
    samples = some_samples()
    reader = TokenReader(some_clips(folder, samples), [sample.id for sample in samples], 10**9)
    grid = HeadGrid(HeadShape(WIDTH, 3, 4, blocks, seed=0), points, CPU)
    labels = torch.tensor([sample.label for sample in samples])
    train_grid(grid, reader, np.arange(len(samples)), labels, settings, "train")
    return grid


def scored_by(folder: Path, grid: HeadGrid) -> tuple[np.ndarray, np.ndarray]:
    samples = some_samples(prefix="t")
    reader = TokenReader(some_clips(folder / "test", samples, seed=5), [sample.id for sample in samples], 0)
    return grid_scores(grid, reader), np.array([sample.label for sample in samples])


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_head_learns(blocks: int, tmp_path: Path) -> None:
    scores, labels = scored_by(tmp_path, trained(tmp_path, POINTS[:1], blocks))
    assert (scores[0].argmax(1) == labels).mean() > 0.8
    assert np.allclose(scores.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_head_of_a_grid_is_the_one_that_is_trained_alone(blocks: int, tmp_path: Path) -> None:
    grid, alone = trained(tmp_path, POINTS, blocks), trained(tmp_path, POINTS[1:], blocks)
    for name, value in grid.state(1).items():
        assert torch.allclose(value, alone.state(0)[name], atol=1e-5), name


@pytest.mark.parametrize(("width", "heads"), [(32, 16), (48, 16), (24, 4)])
def test_heads_that_share_their_reading_have_their_own_outputs_and_gradients(width: int, heads: int) -> None:
    grid = HeadGrid(HeadShape(width, 5, heads, 1, seed=0), POINTS * 2, CPU)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in grid.parameters.values():
            value.add_(torch.randn(value.shape, generator=draw) * 0.1)
    x = torch.randn(3, 17, width, generator=draw)
    together = grid.logits(x, 0)
    together.square().sum().backward()
    for number in range(len(grid.points)):
        alone = grid.shape.build()
        alone.load_state_dict(grid.state(number))
        logits = alone(x)
        logits.square().sum().backward()
        assert torch.allclose(together[number], logits, atol=1e-5)
        for name, parameter in alone.named_parameters():
            gradient = grid.leaves[0][name].grad
            assert gradient is not None
            assert parameter.grad is not None
            assert torch.allclose(gradient[number], parameter.grad, atol=1e-4), name


def test_the_optimizer_is_pytorchs_adamw(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 3, "batch": 30})
    grid = trained(tmp_path, POINTS[:1], settings=settings)
    samples = some_samples()
    head = HeadShape(WIDTH, 3, 4, 1, seed=0).build()
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
    reader = TokenReader(some_clips(tmp_path, samples), [sample.id for sample in samples], 10**9)
    labels = torch.tensor([sample.label for sample in samples])
    from tta_bench.protocols.probe.grid import _batches

    order = list(_batches(np.arange(30), 30, 3, 2, 0))
    for batch, tokens in zip(order, reader.batches(order), strict=True):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(tokens.float()), labels[batch.rows]).backward()
        optimizer.step()
        schedule.step()
    for name, value in head.state_dict().items():
        if name.endswith("kv.bias"):  # the keys' half has no effect, and rounding alone moves it
            value = value.clone()
            value[:WIDTH] = grid.state(0)[name][:WIDTH]
        assert torch.allclose(value, grid.state(0)[name], atol=2e-4), name


def test_a_seed_gives_the_start_and_a_grid_point_does_not() -> None:
    first, other = (HeadGrid(HeadShape(WIDTH, 3, 4, 1, seed), POINTS, CPU) for seed in (0, 1))
    assert all(torch.equal(value[0], value[1]) for value in first.parameters.values())
    name = "pooler.query_tokens"
    assert not torch.equal(first.parameters[name], other.parameters[name])


def test_over_two_epochs_a_clip_shows_both_windows() -> None:
    from tta_bench.protocols.probe.grid import _batches

    rows = np.arange(10, 22)
    seen = [
        (int(row), int(window))
        for batch in _batches(rows, 4, 2, 2, 0)
        for row, window in zip(batch.rows, batch.windows, strict=True)
    ]
    assert sorted(seen) == [(row, window) for row in range(10, 22) for window in (0, 1)]


def test_a_head_that_diverged_scores_nothing_and_the_others_go_on(tmp_path: Path) -> None:
    scores, _ = scored_by(tmp_path, trained(tmp_path, [POINTS[0], {"lr": 1e30, "weight_decay": 0.0}]))
    assert np.allclose(scores[1], 1 / 3)
    assert scores[0].max() > 0.5
    with pytest.raises(Diverged, match="no head of the grid"):
        trained(tmp_path, [{"lr": 1e30, "weight_decay": 0.0}])
