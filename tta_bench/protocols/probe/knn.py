"""Weighted vote of the nearest training clips, as DINO does it.

Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination" (2018); Caron et al., "Emerging
Properties in Self-Supervised Vision Transformers" (2021); dinov2/eval/knn.py of github.com/facebookresearch/dinov2.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

QUERIES = 1024
"""Clips whose similarities are computed at once."""


def neighbour_scores(
    bank: Tensor, labels: Tensor, queries: Tensor, classes: int, k: int, temperature: float
) -> NDArray[np.float32]:
    """Return each query's share of the vote for each class, ``(Q, classes)``; a row adds up to 1.

    The ``k`` training clips of the highest cosine similarity vote, each with its softmax weight at the temperature. Of
    equal similarities the clip that is listed first goes first.

    Args:
        bank: Features of the training clips, ``(N, D)``.
        labels: Their classes, ``int64 (N,)``.
        queries: Features of the clips to classify, ``(Q, D)``.
        classes: Number of classes.
        k: Neighbours; all where there are fewer clips.
        temperature: Divides the similarities.
    """
    bank, queries = (F.normalize(x.float(), dim=1, eps=1e-12) for x in (bank, queries))
    scores = [
        _vote(part @ bank.T, labels, classes, min(k, len(bank)), temperature) for part in torch.split(queries, QUERIES)
    ]
    return torch.cat(scores).cpu().numpy().astype(np.float32)


def _vote(similarity: Tensor, labels: Tensor, classes: int, k: int, temperature: float) -> Tensor:
    """Return the votes for similarities ``(Q, N)``."""
    nearest, indices = similarity.sort(dim=1, descending=True, stable=True)
    weights = torch.softmax(nearest[:, :k] / temperature, dim=1)
    votes = similarity.new_zeros(len(similarity), classes)
    return votes.scatter_add_(1, labels[indices[:, :k]], weights)
