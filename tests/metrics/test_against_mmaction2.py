from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.metrics.accuracy import mean_class_accuracy, top_k, true_class_rank

theirs = pytest.importorskip("mmaction.evaluation.functional.accuracy", reason="MMAction2 is not installed here")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(6, 12), st.integers(0, 60))
def test_equal_on_whole_lists(seed: int, classes: int, more: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(classes + more) % classes)
    scores = draw.normal(size=(len(labels), classes)) + 1.5 * np.eye(classes)[labels]
    ranks = true_class_rank(scores, labels)
    assert [top_k(ranks, 1), top_k(ranks, 5)] == theirs.top_k_accuracy(list(scores), list(labels), (1, 5))
    assert mean_class_accuracy(ranks == 0, labels) == pytest.approx(theirs.mean_class_accuracy(scores, list(labels)))


def test_a_class_that_is_only_predicted_does_not_count_here() -> None:
    scores, labels = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 0])
    assert mean_class_accuracy(true_class_rank(scores, labels) == 0, labels) == 0.5
    assert theirs.mean_class_accuracy(scores, list(labels)) == 0.25
