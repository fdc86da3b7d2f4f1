"""What boards promise of their ranks, by simulation with fixed seeds: errors, and differences that are found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.metrics.ranks import better

pytestmark = [pytest.mark.acceptance, pytest.mark.long]
SIMULATIONS = 4000
RESAMPLES = 999


def sizes(groups: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Return clips of each group: 3 to 7, as in UCF101; of 100 groups a few are far larger, as in film data."""
    if groups == 100:
        return np.minimum(1 + (2 * draw.pareto(1.2, 100)).astype(np.int64), 200)
    return draw.integers(3, 8, groups)


def boards(groups: int, chance: float, alike: float, models: int, gap: float = 0.0) -> Iterator[NDArray[np.float64]]:
    """Yield the contributions of models of equal chance, the first ahead by a gap; clips of a group are alike.

    Half of the models' groups are as easy for all of them; the others are easy or hard for each model by itself.
    """
    draw = np.random.default_rng([groups, int(1000 * chance), int(10 * alike), models, int(1000 * gap)])
    shape = chance * (1 - alike) / alike, (1 - chance) * (1 - alike) / alike
    while True:
        clips = sizes(groups, draw)
        together, alone = draw.beta(*shape, (groups, 1)), draw.beta(*shape, (groups, models))
        easy = np.where(draw.random((groups, models)) < 0.5, together, alone)
        if gap:
            easy[:, 0] += (1 - easy[:, 0]) * gap / (1 - chance)
        yield draw.binomial(clips[:, None], easy) / clips.sum()


@pytest.mark.parametrize("groups", [20, 100, 707])
def test_equal_models_are_ranked_apart_on_at_most_6_percent_of_boards(groups: int) -> None:
    print("\ngroups, chance, correlation within a group: share of boards of 2, 5, 10 equal models with two apart")
    for chance, alike in itertools.product((0.5, 0.9, 0.953, 0.99), (0.1, 0.4)):
        shares = []
        for models in (2, 5, 10):
            made = itertools.islice(boards(groups, chance, alike, models), SIMULATIONS)
            shares.append(np.mean([better(parts, resamples=RESAMPLES).any() for parts in made]))
        print(f"{groups:4} {chance:5} {alike}: " + "  ".join(f"{share:.3f}" for share in shares))
        assert max(shares) <= 0.06


def test_a_better_model_of_ten_is_found() -> None:
    """Power beside the paired test of two models that nobody corrected for the other 43 pairs."""
    print("\nchance of the others, gap in points: found by all pairs, by an uncorrected paired test (707 groups)")
    for chance, gap in itertools.product((0.9, 0.953), (0.01, 0.02, 0.04)):
        simultaneous, alone = [], []
        for parts in itertools.islice(boards(707, chance, 0.1, 10, gap), 300):
            simultaneous.append(better(parts, resamples=RESAMPLES)[0, 1])
            alone.append(better(parts[:, :2], resamples=RESAMPLES)[0, 1])
        print(f"{chance:5} {100 * gap:.0f}: {np.mean(simultaneous):.2f}  {np.mean(alone):.2f}")
        assert np.mean(simultaneous) <= np.mean(alone)
        assert gap < 0.04 or np.mean(simultaneous) > 0.8
