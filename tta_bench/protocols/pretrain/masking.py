"""Masks of masked pre-training: tokens hidden from the encoder, and tokens that the decoder restores.

Tubes: Tong et al., "VideoMAE" (NeurIPS 2022). Running cells: Wang et al., "VideoMAE V2" (CVPR 2023); both as in
github.com/OpenGVLab/VideoMAEv2, dataset/masking_generator.py. Tokens are counted in time, then rows, then columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.errors import UserError

Grid = tuple[int, int, int]
"""Tokens in time, down and across."""

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

CELL = 4
"""Tokens in a cell of 2 x 2, which is also the number of different maps of running cells."""


class Masks(NamedTuple):
    """Visible and decoded tokens of each clip of a batch, as places among the clip's tokens."""

    visible: Places
    """``(clips, V)``: tokens that the encoder sees, in order."""
    decoded: Places
    """``(clips, D)``: tokens that the decoder restores, in order; some of them may be visible."""
    counted: Flags
    """``(clips, D)``: true for decoded tokens that were hidden, which alone count in the loss."""


def draw_masks(grid: Grid, hide: float, skip: float, clips: int, rng: np.random.Generator) -> Masks:
    """Draw a tube mask and one of the four maps of running cells for each clip; token counts are equal in all clips.

    Args:
        grid: Tokens in time, down and across.
        hide: Share of the tokens hidden from the encoder.
        skip: Share of the tokens not decoded; with 0, exactly the hidden ones are decoded.
        clips: Clips in the batch.
        rng: Draws the masks.

    Raises:
        UserError: A mask does not fit the grid; shows the arithmetic.
    """
    hidden = np.stack([tube_mask(grid, hide, rng) for _ in range(clips)])
    skipped = ~hidden if skip == 0 else running_cell_maps(grid, skip)[rng.integers(CELL, size=clips)]
    decoded = _places(~skipped)
    return Masks(_places(~hidden), decoded, np.take_along_axis(hidden, decoded, 1))


def tube_mask(grid: Grid, ratio: float, rng: np.random.Generator) -> Flags:
    """Return a tube mask ``bool (tokens,)``: ``int(ratio * places)`` places of a frame are hidden, at every time.

    Raises:
        UserError: No place would stay visible, or none would be hidden.
    """
    times, rows, columns = _checked(grid)
    places = rows * columns
    hidden = int(ratio * places)
    if not 0 < hidden < places:
        raise UserError(
            f"a tube mask of {ratio:g} hides int({ratio:g} x {rows} x {columns}) = {hidden} of {places} places: "
            f"at least one must be hidden and one visible.",
            "Try another train.mask.encoder, or larger clips.",
        )
    return np.tile(rng.permutation(places) < hidden, times)


def running_cell_maps(grid: Grid, ratio: float) -> Flags:
    """Return the four maps of tokens that are not decoded, ``bool (4, tokens)``.

    In every cell of 2 x 2 tokens, ``int(4 * ratio)`` are skipped; from one time to the next they move on by one place,
    row by row. Each map starts at another place.

    Raises:
        UserError: The grid cannot be cut into cells, or no token or every token of a cell would be skipped.
    """
    times, rows, columns = _checked(grid)
    odd = [f"{name} {count} / 2 = {count / 2:g}" for name, count in (("rows", rows), ("columns", columns)) if count % 2]
    if odd:
        raise UserError(
            f"a token grid of {rows} x {columns} cannot be cut into cells of 2 x 2: {', '.join(odd)}.",
            "Try a clip.size that is an even number of patches, or train.mask.decoder=0.",
        )
    skipped = int(CELL * ratio)
    if not 0 < skipped < CELL:
        raise UserError(
            f"a running-cell mask of {ratio:g} skips int(4 x {ratio:g}) = {skipped} of the 4 tokens of a cell.",
            "Try train.mask.decoder=0.25, 0.5 or 0.75, or 0 to decode every hidden token.",
        )
    start, time, row, column = np.ogrid[:CELL, 1 : times + 1, :rows, :columns]
    turn = start + time + 2 * (row % 2) + column % 2
    maps: Flags = turn % CELL < skipped
    return maps.reshape(CELL, -1)


def _checked(grid: Grid) -> Grid:
    """Return the grid.

    Raises:
        UserError: It has no tokens: a clip is smaller than a tubelet.
    """
    if min(grid) < 1:
        raise UserError(
            f"a token grid of {' x '.join(map(str, grid))} has no tokens: the clip is smaller than a tubelet."
        )
    return grid


def _places(flags: Flags) -> Places:
    """Return the places of the true flags of each row; every row has equally many."""
    return np.nonzero(flags)[1].reshape(len(flags), -1)
