from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records.some_records import some_predictions
from tta_bench.metrics import METRICS
from tta_bench.metrics.accuracy import true_class_rank
from tta_bench.metrics.ties import Places, counted, hits, official_hits, places

rows = st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 2**31), st.sampled_from([1, 2, 5]))
def test_a_tie_counts_what_breaking_it_at_random_gives(scores: list[list[int]], seed: int, k: int) -> None:
    given_scores, draw = np.array(scores, float), np.random.default_rng(seed)
    labels = draw.integers(0, 6, len(scores))
    ranks, tied, below = places(given_scores, labels)
    assert np.array_equal(ranks, true_class_rank(given_scores, labels))
    assert (below <= tied).all()
    broken = [
        np.mean([true_class_rank(row + 0.1 * draw.permutation(6) / 6, np.array([label]))[0] < k for _ in range(200)])
        for row, label in zip(given_scores[:, None], labels, strict=True)
    ]
    assert counted(Places(ranks, tied), k) == pytest.approx(np.array(broken), abs=0.2)
    assert np.array_equal(given_scores.argmax(axis=1) == labels, ranks - tied + below == 0)


@pytest.mark.parametrize("classes", [2, 6, 400])
def test_a_constant_output_counts_as_chance(classes: int) -> None:
    labels = np.arange(classes)
    ranks, tied, _ = places(np.ones((classes, classes)), labels)
    assert counted(Places(ranks, tied)).sum() == pytest.approx(1)
    assert counted(Places(ranks)).sum() == 0


def test_every_figure_shares_a_tie_and_the_official_rule_stands_beside_it() -> None:
    predictions = some_predictions(1.0)
    scores = predictions.scores.astype(np.float32)
    last = len(predictions.classes) - 1
    scores[:, last] = scores.max(axis=1)  # every clip's true class ties with the last one
    outcomes = replace(predictions, scores=scores).outcomes()
    assert set(np.unique(hits(outcomes))) == {0.5, 1.0}
    assert official_hits(outcomes).all()
    of_last = (outcomes.labels == last).mean()
    expected = of_last + (1 - of_last) / 2
    for name in ("top1", "mean_class"):
        assert METRICS.of_samples(name).value(outcomes) == pytest.approx(expected)
    assert METRICS.of_samples("top1_official").is_defined(outcomes)
    assert METRICS.of_samples("top1_official").value(outcomes) == 1
    assert not METRICS.of_samples("top1_official").is_defined(outcomes.without_ties())
    assert METRICS.of_samples("top1").value(outcomes.without_ties()) == pytest.approx(of_last)
