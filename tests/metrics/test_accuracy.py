from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.metrics.accuracy import per_class_accuracy, true_class_rank


def scores_and_labels(seed: int, samples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return continuous scores that are somewhat right, and labels among which every class is present."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(samples) % classes)
    return draw.normal(size=(samples, classes)) + 1.5 * np.eye(classes)[labels], labels


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 9))
def test_rank_does_not_depend_on_the_order_of_classes_or_on_scale(seed: int, classes: int) -> None:
    scores, labels = scores_and_labels(seed, 30, classes)
    order = np.random.default_rng(seed).permutation(classes)
    ranks = true_class_rank(scores, labels)
    assert np.array_equal(true_class_rank(scores[:, order], np.argsort(order)[labels]), ranks)
    assert np.array_equal(true_class_rank(np.exp(scores), labels), ranks)


def test_ties_and_what_is_no_number_count_against_the_model() -> None:
    scores = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.2], [0.1, np.nan, 0.9], [np.nan, 0.1, 0.2], [0.7, 0.2, 0.1]])
    assert true_class_rank(scores, np.array([0, 1, 2, 0, 0])).tolist() == [1, 2, 1, 2, 0]


def test_per_class_accuracy_says_which_class_has_no_sample() -> None:
    shares = per_class_accuracy(np.array([True, False, True]), np.array([0, 0, 2]), 4)
    assert shares[[0, 2]].tolist() == [0.5, 1.0]
    assert np.isnan(shares[[1, 3]]).all()
