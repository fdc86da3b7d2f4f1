"""Parts of a record that are of frozen backbones: the choice of a grid's point, and a curve while pre-training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tta_bench.records.identity import Name, Part


class GridPoint(Part):
    """One point of a grid of training settings."""

    settings: dict[str, float]
    """Its settings by name."""
    held_out: float | None
    """Score on the groups held out of the training list; null where nothing was chosen."""
    test: float
    """Score on the test list, trained on the whole training list. It chooses nothing."""


class Selection(Part):
    """Choice of a point of a grid, on groups held out of the training list."""

    points: tuple[GridPoint, ...] = Field(min_length=1)
    """The grid."""
    chosen: int = Field(ge=0)
    """Index of the point that the record reports."""
    held_out_clips: int = Field(ge=0)
    """Clips that chose it."""
    held_out_groups: int = Field(ge=0)
    """Groups of those clips."""
    at_edge: tuple[str, ...]
    """Settings whose chosen value is the least or largest of the grid: a wider grid might do better."""
    optimism: float = Field(ge=0)
    """Score that picking the best point on the test list would have reported, less the record's."""


class Curve(Part):
    """A frozen protocol's figure of the encoder while it was pre-trained."""

    protocol: Name
    """The protocol."""
    dataset: Name
    """Its dataset."""
    split: int = Field(gt=0)
    """The split."""
    points: tuple[tuple[Annotated[int, Field(gt=0)], Annotated[float, Field(ge=0, le=1)]], ...] = Field(min_length=1)
    """Steps done, and the share of the test clips that were right."""
