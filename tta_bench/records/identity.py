"""Identity of an experiment in its record: protocol, backbone, weights, data, split, seed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tta_bench.cards.kinds import Pretraining, Tier
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.experiments.fine_tune import Control


def _a_time(text: str) -> str:
    """Return a time as it is written; raises ValueError if no clock shows it."""
    datetime.fromisoformat(text)
    return text


_WORD = "[A-Za-z0-9][A-Za-z0-9_.+:@-]*"
Name = Annotated[str, Field(pattern=f"^{_WORD}(/{_WORD})*$", max_length=160)]
"""Name of a card: words that may be joined by slashes, none of which leads out of a folder."""
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=240)]
"""Name of a file, without folders."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""sha256 in hex."""
Timestamp = Annotated[
    str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"), AfterValidator(_a_time)
]
"""Time in UTC, to the second: ``2026-01-31T12:00:00Z``."""


class Part(Strict):
    """A part of a record: nothing is converted, no field is unknown, every number is finite."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)


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


Names = Annotated[tuple[str, ...], Field(max_length=20, exclude_if=lambda names: not names)]
"""Names of clips, the first twenty."""


class OfficialList(Part):
    """One list of clips beside the official one."""

    expected: int | None = Field(ge=0)
    """Official clips; null where the dataset's card states no number."""
    found: int = Field(ge=0)
    """Clips of the list."""
    sha256_expected: Digest | None
    """Official digest of the (id, label) pairs; null where the card states none."""
    sha256: Digest
    """Digest of the list's (id, label) pairs."""
    missing: Names = ()
    """Official clips that the list lacks."""
    others: Names = ()
    """Clips that are not official."""
    relabelled: Names = ()
    """Official clips with another label."""
    doubled: Names = ()
    """Clips named more than once, or found at several places with different bytes."""


class Official(Part):
    """The data of a run beside the official ones."""

    compared: Literal["ids and labels", "counts", "nothing"]
    """Facts on the dataset's card that the data were compared with."""
    parts: dict[str, OfficialList]
    """The compared lists by their part: train, val, test."""
    contents: Literal["attested", "not seen before"] | None = optional_since_v1()
    """``attested`` where an attested manifest had the same bytes of all clips at the time of the run."""


class DatasetRef(Part):
    """Reference to the data."""

    name: Name
    """Name of its card."""
    manifest_sha256: Digest | None
    """Digest of the list of samples; null for scores from outside."""
    splits: tuple[str, ...] = Field(min_length=1)
    """Every official split; a row of a full board needs all."""
    contents_sha256: Digest | None = optional_since_v1()
    """Digest of the bytes of every clip; null for an embedded sample, whose generator is its identity."""
    official: Official | None = optional_since_v1()
    """The data beside the official ones; null for samples and for data that claim to be no protocol's own."""
    differs: str | None = optional_since_v1(max_length=2000)
    """Difference from the official data, in words; null where there is none."""
    note: str | None = optional_since_v1(max_length=2000)
    """Anything else that a reader must know of the data: test clips with the bytes of training clips."""
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
    """No locked key was changed, and the data are the protocol's own, whole, and as their card states them."""
    track: Literal["fixed", "tuned"]
    """``tuned`` when a training key was changed."""
    control: Control
    """Change of the test clips that shows the cues a model relies on."""
    precision: Literal["bf16", "fp16", "fp32"] | None
    """Arithmetic of the model; null for scores from outside."""
    run_key: Digest
    """Digest of all of this and of the settings."""
