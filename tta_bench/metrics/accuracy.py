"""Accuracy of classification, computed from the rank of the true class, so that ranks are all that need be kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def true_class_rank(scores: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many other classes score at least as high as the true class; 0 is a hit.

    A tie counts against the model, and so does a score that is not a number: a constant output scores nothing. Where
    scores differ, as softmax averages do, top-k accuracy from these ranks equals MMAction2's ``top_k_accuracy``, whose
    argsort breaks ties by class number.

    Args:
        scores: ``(N, C)``, higher is better.
        labels: ``(N,)`` true classes in ``[0, C)``.
    """
    true = np.take_along_axis(scores, labels[:, None], axis=1)
    at_least: NDArray[np.int64] = (~(scores < true)).sum(axis=1, dtype=np.int64)
    return at_least - 1


def top_k(ranks: NDArray[np.integer], k: int) -> float:
    """Return the share of samples whose true class is among the ``k`` highest scores."""
    return float(np.mean(ranks < k))


def per_class_accuracy(
    hits: NDArray[np.bool_], labels: NDArray[np.integer], classes: int | None = None
) -> NDArray[np.float64]:
    """Return each class's share of hits, ``(classes,)``; not a number for a class without samples.

    Args:
        hits: ``(N,)`` whether a sample's highest score is that of its true class.
        labels: ``(N,)`` true classes.
        classes: Number of classes; by default one more than the highest label.
    """
    length = classes or 0
    counts = np.bincount(labels, minlength=length)
    right = np.bincount(labels, weights=hits, minlength=length)
    shares = np.full(len(counts), np.nan)
    np.divide(right, counts, out=shares, where=counts > 0)
    return shares


def mean_class_accuracy(hits: NDArray[np.bool_], labels: NDArray[np.integer]) -> float:
    """Return the mean over classes of their share of hits, over the classes that have samples.

    On a list that has every class this equals MMAction2's ``mean_class_accuracy``. That one also counts 0 for a class
    that has no sample but was predicted for one, so on part of a list it depends on how the model errs; this does not.

    Args:
        hits: ``(N,)`` whether a sample's highest score is that of its true class.
        labels: ``(N,)`` true classes.
    """
    return float(np.nanmean(per_class_accuracy(hits, labels)))
