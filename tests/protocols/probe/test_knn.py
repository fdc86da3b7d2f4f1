from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tta_bench.protocols.probe.knn import neighbour_scores


def dinov2(bank: Tensor, labels: Tensor, queries: Tensor, classes: int, k: int, temperature: float) -> Tensor:
    """The formula of dinov2/eval/knn.py: softmax over the k similarities, times one-hot labels, summed."""
    similarity = F.normalize(queries, dim=1) @ F.normalize(bank, dim=1).T
    nearest, indices = similarity.topk(k, largest=True, sorted=True)
    weights = torch.softmax(nearest / temperature, 1)
    return (F.one_hot(labels[indices], classes) * weights[:, :, None]).sum(1)


def test_equals_dinov2s_formula_on_random_features() -> None:
    draw = torch.Generator().manual_seed(0)
    bank, queries = torch.randn(300, 16, generator=draw), torch.randn(1100, 16, generator=draw)
    labels = torch.randint(7, (300,), generator=draw)
    ours = neighbour_scores(bank, labels, queries, 7, 20, 0.07)
    assert np.abs(ours - dinov2(bank, labels, queries, 7, 20, 0.07).numpy()).max() < 1e-6
    assert np.allclose(ours.sum(1), 1)


def test_a_short_bank_votes_whole_and_a_vector_of_zeros_is_like_none() -> None:
    bank, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), torch.tensor([0, 1, 1])
    scores = neighbour_scores(bank, labels, torch.tensor([[2.0, 0.0]]), 2, 20, 1.0)
    weights = np.exp([1.0, 0.0, 0.0])
    assert np.allclose(scores, [[weights[0] / weights.sum(), 2 / weights.sum()]])


def test_of_equal_neighbours_the_first_listed_votes() -> None:
    bank, labels = torch.ones(4, 3), torch.tensor([2, 1, 1, 1])
    assert neighbour_scores(bank, labels, torch.ones(1, 3), 3, 1, 0.07).tolist() == [[0.0, 0.0, 1.0]]
