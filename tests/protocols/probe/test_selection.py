from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.probe.some_features import some_samples
from tta_bench.data.datasets.layout import Sample
from tta_bench.errors import UserError
from tta_bench.protocols.probe.selection import at_edge, choose, describe_selection, held_out

GRID = [{"lr": lr, "weight_decay": decay} for lr in (0.1, 0.2, 0.3) for decay in (0.01, 0.8)]
SAMPLES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=30, max_size=120)


def listed(pairs: list[tuple[int, int]]) -> list[Sample]:
    """Samples of (class, group) pairs; a group may have several classes, as a film has in HMDB51."""
    return [Sample(str(index), Path("x"), label, f"g{group}") for index, (label, group) in enumerate(pairs)]


@settings(max_examples=50, deadline=None)
@given(SAMPLES)
def test_no_group_is_on_both_sides_and_no_class_loses_all_its_clips(pairs: list[tuple[int, int]]) -> None:
    samples = listed(pairs)
    try:
        part = held_out(samples, 0.2, "data", 1)
    except UserError:
        return
    sides = [{s.group for s, out in zip(samples, part.mask, strict=True) if out == side} for side in (True, False)]
    assert not sides[0] & sides[1]
    assert len(sides[0]) == part.groups
    kept = {s.label for s, out in zip(samples, part.mask, strict=True) if not out}
    assert kept == {sample.label for sample in samples}


def test_each_class_gives_about_a_fifth() -> None:
    samples = some_samples(classes=4, groups=18, clips=5)
    part = held_out(samples, 0.2, "ucf101", 1)
    shares = [part.mask[[s.label == label for s in samples]].mean() for label in range(4)]
    assert shares == pytest.approx([0.2] * 4, abs=0.03)


def test_the_part_depends_on_dataset_and_split_and_not_on_the_order() -> None:
    samples = some_samples(classes=4, groups=18, clips=5)
    chosen = [
        {s.id for s, out in zip(some, held_out(some, 0.2, data, split).mask, strict=True) if out}
        for some, data, split in ((samples, "a", 1), (samples[::-1], "a", 1), (samples, "b", 1), (samples, "a", 2))
    ]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]
    assert chosen[0] != chosen[3]


def test_too_few_groups_are_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match="too few groups.*0 of 3 classes have two groups") as caught:
        held_out(some_samples(classes=3, groups=1, clips=9), 0.2, "data", 1)
    assert "probe.lrs=" in str(caught.value.hint)


def test_the_best_wins_and_of_equals_the_smaller_rate_then_the_larger_decay() -> None:
    assert choose(GRID, [0.1, 0.2, 0.3, 0.2, 0.1, 0.1]) == 2
    assert choose(GRID, [0.5] * 6) == 1
    assert choose(GRID, [0.1, 0.1, 0.5, 0.5, 0.5, 0.5]) == 3
    assert choose([{"C": 1.0}, {"C": 10.0}], [0.5, 0.5]) == 0


def test_the_edge_is_marked_where_a_setting_has_three_values() -> None:
    assert [at_edge(GRID, index) for index in (0, 3, 5)] == [("lr",), (), ("lr",)]


def test_the_record_has_every_point_and_the_optimism() -> None:
    found = describe_selection(GRID[:2], [0.5, 0.4], [0.25, 0.75], 0, None)
    assert (found.chosen, found.optimism) == (0, 0.5)
    assert [(point.held_out, point.test) for point in found.points] == [(0.5, 0.25), (0.4, 0.75)]
    alone = describe_selection(GRID[:1], None, [0.25], 0, None)
    assert (alone.points[0].held_out, alone.optimism, alone.at_edge) == (None, 0.0, ())


def noise(data_sets: int) -> tuple[np.ndarray, np.ndarray]:
    """For data sets of pure noise: best-on-test less chance, and ours less chance, in points.

    Features are noise, so every head is right with probability 1 / 5. Five classes, six training groups and four test
    groups each; the grid is that of C, eight values.
    """
    import torch

    from tta_bench.protocols.probe.linear import Standardiser, fit_path
    from tta_bench.protocols.probe.selection import accuracy

    classes, strengths = 5, [10.0**power for power in range(-4, 4)]
    train, test = some_samples(classes, 6, 2), some_samples(classes, 4, 2, "t")
    part = held_out(train, 0.2, "noise", 1)
    labels, truth = (torch.tensor([s.label for s in samples]) for samples in (train, test))
    best, ours = [], []
    for seed in range(data_sets):
        draw = np.random.default_rng([2026, seed])
        x, asked = (torch.from_numpy(draw.normal(size=(len(some), 10))) for some in (train, test))

        def scores(kept: np.ndarray, asked: torch.Tensor, truth: torch.Tensor, x: torch.Tensor = x) -> list[float]:
            standard = Standardiser.of(x[kept])
            fits = fit_path(standard(x[kept]), labels[kept], classes, strengths, 200)
            return [accuracy(fit.probabilities(standard(asked)), truth.numpy()) for fit in fits]

        held = scores(~part.mask, x[part.mask], labels[part.mask])
        tested = scores(np.ones(len(train), bool), asked, truth)
        best.append(100 * (max(tested) - 1 / classes))
        ours.append(100 * (tested[choose([{"C": value} for value in strengths], held)] - 1 / classes))
    return np.array(best), np.array(ours)


def check_noise(data_sets: int) -> None:
    best, ours = noise(data_sets)
    error = ours.std(ddof=1) / data_sets**0.5
    print(f"best on test {best.mean():+.2f} points, ours {ours.mean():+.2f} +- {error:.2f} over {data_sets} data sets")
    assert abs(ours.mean()) <= 2 * error
    assert best.mean() > 2 * best.std(ddof=1) / data_sets**0.5


def test_on_noise_the_best_on_the_test_list_is_optimistic_and_ours_is_not() -> None:
    check_noise(20)


@pytest.mark.acceptance
@pytest.mark.long
def test_on_noise_over_200_data_sets() -> None:
    check_noise(200)
