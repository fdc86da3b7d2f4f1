from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.protocols.probe.some_features import TOKENS, WIDTH, WINDOWS
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import save_checkpoint
from tta_bench.protocols.probe.grid import HeadShape
from tta_bench.protocols.probe.heads import (
    HEADS,
    AttentiveHead,
    Head,
    LinearHead,
    NeighbourHead,
    mean_over_windows,
    read_head,
    save_head,
)


def some_head(name: str) -> Head:
    draw = torch.Generator().manual_seed(0)
    wide = torch.randn(6, WIDTH, generator=draw, dtype=torch.float64)
    if name == "NeighbourHead":
        return NeighbourHead(wide, torch.tensor([0, 1, 2, 0, 1, 2]), 3, 4, 0.07)
    if name == "LinearHead":
        return LinearHead(wide[0], wide[1].abs() + 1, wide[:3], wide[0, :3])
    shape = HeadShape(WIDTH, 3, 4, 2, 0)
    return AttentiveHead(shape, shape.build().state_dict())


def features(head: Head) -> np.ndarray:
    shape = (5, WINDOWS, TOKENS, WIDTH) if head.kind == "tokens" else (5, WINDOWS, WIDTH)
    return np.random.default_rng(0).normal(size=shape).astype(np.float16)


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_was_read_scores_as_the_one_that_was_written(name: str, tmp_path: Path) -> None:
    head = some_head(name)
    save_head(tmp_path / "head.pt", head, ("a", "b", "c"), "0" * 64)
    again, classes = read_head(tmp_path / "head.pt")
    assert classes == ("a", "b", "c")
    assert again.scores(features(head)).tobytes() == head.scores(features(head)).tobytes()
    assert again.parameters() == head.parameters()


@pytest.mark.parametrize("name", HEADS)
def test_scores_are_probabilities_and_each_clip_has_its_own(name: str) -> None:
    head = some_head(name)
    x = features(head)
    scores = head.scores(x)
    assert scores.dtype == np.float32
    assert np.allclose(scores.sum(1), 1, atol=1e-5)
    assert np.allclose(head.scores(x[2:3]), scores[2:3], atol=1e-6)


def test_attentive_scores_are_the_mean_over_windows() -> None:
    head = some_head("AttentiveHead")
    x = features(head)
    parts = [head.scores(x[:, window : window + 1]) for window in range(WINDOWS)]
    assert np.allclose(np.mean(parts, axis=0), head.scores(x), atol=1e-6)


def test_windows_are_averaged_in_double_precision() -> None:
    assert mean_over_windows(np.array([[[1.0], [2.0]]], np.float16)).tolist() == [[1.5]]


def test_another_file_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "other.pt", {"model": {}})
    with pytest.raises(UserError, match="no head of a frozen backbone"):
        read_head(tmp_path / "other.pt")
