"""Identity of an experiment in its record: protocol, backbone, weights, data, split, seed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tta_bench.cards.kinds import Pretraining, Tier
from tta_bench.cards.validation import Strict
from tta_bench.experiments.fine_tune import Control

_WORD = "[A-Za-z0-9][A-Za-z0-9_.+:@-]*"
Name = Annotated[str, Field(pattern=f"^{_WORD}(/{_WORD})*$", max_length=160)]
"""Name of a card: words that may be joined by slashes, none of which leads out of a folder."""
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=240)]
"""Name of a file, without folders."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""sha256 in hex."""
Timestamp = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
"""Time in UTC, to the second: ``2026-01-31T12:00:00Z``."""


class Part(Strict):
    """A part of a record: nothing is converted, no field is unknown, every number is finite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


class ProtocolRef(Part):
    """Reference to a protocol."""

    name: Name
    """Name of its card."""
    version: int = Field(gt=0)
    """Its version; boards rank the newest one only."""
    sha256: Digest
    """Digest of the resolved card."""
    score: str
    """Name of the metric that it ranks by."""


class WeightsRef(Part):
    """Reference to the weights that training, or testing, started from."""

    name: Name
    """Name of their card, or of the file if they have none."""
    sha256: Digest | None
    """Digest of the file."""
    pretraining: Pretraining | None
    """Their pre-training; null where it is not known."""


class DatasetRef(Part):
    """Reference to the data."""

    name: Name
    """Name of its card."""
    manifest_sha256: Digest | None
    """Digest of the list of samples; null for scores from outside."""
    splits: tuple[str, ...] = Field(min_length=1)
    """Every official split; a row of a full board needs all."""
    title: str | None = Field(default=None, max_length=80, exclude_if=lambda title: title is None)
    """Name that a reader knows data of one's own by: ``dataset.name=``, or that of their folder or file."""


class Identity(Part):
    """Fields that identify an experiment."""

    protocol: ProtocolRef
    """The protocol."""
    backbone: Name
    """Name of the backbone's card; two that are joined are written ``a+b``."""
    weights: WeightsRef | None
    """The weights started from; null for a random start."""
    dataset: DatasetRef
    """The data."""
    split: str = Field(pattern=r"^[A-Za-z0-9_]+$", max_length=20)
    """The split that was scored."""
    seed: int = Field(ge=0)
    """The seed of every random draw."""
    tier: Tier
    """Embedded sample or full dataset."""
    standard: bool
    """No locked key was changed."""
    track: Literal["fixed", "tuned"]
    """``tuned`` when a training key was changed."""
    control: Control
    """Change of the test clips that shows the cues a model relies on."""
    precision: Literal["bf16", "fp16", "fp32"] | None
    """Arithmetic of the model; null for scores from outside."""
    run_key: Digest
    """Digest of all of this and of the settings."""
