from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.protocols.pretrain.masking import draw_masks, running_cell_maps, tube_mask

SIDES = st.integers(1, 8)
EVEN = st.integers(1, 4).map(lambda half: 2 * half)
GRIDS = st.tuples(SIDES, SIDES, SIDES)
EVEN_GRIDS = st.tuples(SIDES, EVEN, EVEN)
RATIOS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**32 - 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def fits(grid: tuple[int, int, int], ratio: float) -> bool:
    places = grid[1] * grid[2]
    return 0 < int(ratio * places) < places


@settings(max_examples=60, deadline=None)
@given(GRIDS, RATIOS, SEEDS)
def test_a_tube_hides_the_stated_share_of_places_at_every_time(
    grid: tuple[int, int, int], ratio: float, seed: int
) -> None:
    if not fits(grid, ratio):
        with pytest.raises(UserError, match="at least one must be hidden and one visible"):
            tube_mask(grid, ratio, rng(seed))
        return
    mask = tube_mask(grid, ratio, rng(seed)).reshape(grid)
    assert mask.dtype == bool
    assert (mask == mask[0]).all()
    assert mask[0].sum() == int(ratio * grid[1] * grid[2])
    assert (mask == tube_mask(grid, ratio, rng(seed)).reshape(grid)).all()


def test_every_place_is_hidden_equally_often() -> None:
    draw = rng(3)
    drawn = np.mean([tube_mask((1, 4, 4), 0.75, draw) for _ in range(2000)], axis=0)
    assert np.abs(drawn - 0.75).max() < 0.05  # five standard errors


@settings(max_examples=60, deadline=None)
@given(EVEN_GRIDS, st.sampled_from([0.25, 0.5, 0.75]))
def test_running_cells_skip_a_share_of_every_cell_and_move_on(grid: tuple[int, int, int], ratio: float) -> None:
    times, rows, columns = grid
    maps = running_cell_maps(grid, ratio).reshape(4, times, rows // 2, 2, columns // 2, 2)
    cells = maps.transpose(0, 1, 2, 4, 3, 5).reshape(4, times, -1, 4)
    assert (cells.sum(-1) == round(4 * ratio)).all()
    assert (cells == cells[:, :, :1]).all()  # all cells of a frame are alike
    for start in range(3):
        assert (cells[start, 1:] == cells[start + 1, :-1]).all()  # one time later is one start later
    assert len({cells[start].tobytes() for start in range(4)}) == 4
    if times % 4 == 0:
        assert (cells.mean((1, 2)) == ratio).all()  # every place is skipped as often


@settings(max_examples=40, deadline=None)
@given(EVEN_GRIDS, st.sampled_from([0.3, 0.5, 0.75, 0.9]), st.sampled_from([0.0, 0.25, 0.5, 0.75]), SEEDS)
def test_every_clip_of_a_batch_has_as_many_tokens_of_each_kind(
    grid: tuple[int, int, int], hide: float, skip: float, seed: int
) -> None:
    if not fits(grid, hide):
        return
    masks = draw_masks(grid, hide, skip, 5, rng(seed))
    tokens = grid[0] * grid[1] * grid[2]
    hidden = grid[0] * int(hide * grid[1] * grid[2])
    assert masks.visible.shape == (5, tokens - hidden)
    assert masks.decoded.shape == masks.counted.shape == (5, hidden if skip == 0 else tokens * (4 - int(4 * skip)) // 4)
    for visible, decoded, counted in zip(*masks, strict=True):
        assert (np.diff(visible) > 0).all()
        assert (np.diff(decoded) > 0).all()
        assert set(decoded[counted]).isdisjoint(visible)
        assert set(decoded[~counted]) <= set(visible)
    if skip == 0:
        assert masks.counted.all()
    elif grid[0] % 4 == 0:
        assert (masks.counted.sum(1) == round(hidden * (1 - skip))).all()


def test_clips_of_a_batch_have_masks_of_their_own() -> None:
    masks = draw_masks((4, 6, 6), 0.75, 0.5, 40, rng())
    assert len({row.tobytes() for row in masks.visible}) > 30
    assert len({row.tobytes() for row in masks.decoded}) == 4


@pytest.mark.parametrize(
    ("grid", "hide", "skip", "said"),
    [
        ((8, 14, 14), 0.001, 0.5, r"hides int\(0.001 x 14 x 14\) = 0 of 196 places"),
        ((8, 1, 1), 0.9, 0.0, r"int\(0.9 x 1 x 1\) = 0 of 1 places"),
        ((8, 7, 14), 0.9, 0.5, r"7 x 14 cannot be cut into cells of 2 x 2: rows 7 / 2 = 3.5"),
        ((8, 14, 7), 0.9, 0.5, r"columns 7 / 2 = 3.5"),
        ((8, 14, 14), 0.9, 0.2, r"skips int\(4 x 0.2\) = 0 of the 4 tokens"),
        ((0, 14, 14), 0.9, 0.5, r"0 x 14 x 14 has no tokens: the clip is smaller than a tubelet"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_with_the_arithmetic(
    grid: tuple[int, int, int], hide: float, skip: float, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        draw_masks(grid, hide, skip, 2, rng())


def test_an_odd_grid_can_decode_all_that_is_hidden() -> None:
    masks = draw_masks((2, 7, 5), 0.6, 0.0, 3, rng())
    assert masks.decoded.shape == (3, 2 * 21)
