"""Fields of the cards of backbones, weights and datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from tta_bench.cards.validation import Strict, optional_since_v1

Recipe = Literal["vit", "cnn", "audio"]
Tier = Literal["sample", "full"]
Part = Literal["train", "val", "test"]

SOUND_RATE = 16_000
"""Samples in a second of the mono sound that audio backbones take."""


class Card(Strict):
    """Fields of every card."""

    name: str
    """The name used on the command line; the file is called the same."""
    summary: str
    """One line for ``tta-bench list``."""
    licence: str | None = None
    """Licence of the thing described, as its owner states it."""
    citation: str | None = None
    """Paper or repository to cite."""


class BackboneCard(Card):
    """A backbone: its component, its input, its recipe and its figures."""

    component: str
    """Name in the BACKBONES registry."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the component."""
    modality: Literal["video", "image", "audio", "features", "fusion"] = "video"
    """``image`` backbones are lifted over frames; ``audio`` ones take sound, ``features`` ones ready files."""
    frames: int = Field(default=0, ge=0)
    """Frames of a clip; 0 for a backbone without frames in its input."""
    stride: int | None = Field(default=None, gt=0)
    """Frames from one to the next; by default the protocol's temporal span divided by ``frames``."""
    size: int = Field(default=0, ge=0)
    """Height and width of a clip in pixels at the full tier."""
    frames_multiple: int | None = Field(default=None, gt=0)
    """Other lengths must be a multiple of this; without it only ``frames`` works. Images take any length."""
    size_multiple: int | None = Field(default=None, gt=0)
    """Other sizes must be a multiple of this; without it only ``size`` works."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Mean of the input's channels, for values in [0, 1]."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Standard deviation of the input's channels, for values in [0, 1]."""
    recipe: Recipe
    """Kind of training recipe, of those on a protocol's card."""
    weights: str = "none"
    """Weights card that ``weights=default`` means at the full tier."""
    frozen: tuple[str, ...] = ()
    """Beginnings of the names of parameters that get no gradient, by design."""
    parameters: int | None = None
    """Parameters without head."""
    gmacs: float | None = None
    """Billions of multiply-adds per view at ``frames`` and ``size`` (what the field prints as GFLOPs)."""
    golden: tuple[float, ...] = ()
    """First features that seed 0's initial weights give for the clip of ``tta-bench check``, which prints them."""
    parts: tuple[BackboneCard, ...] = Field(default=(), exclude_if=lambda parts: not parts)
    """The backbones that this one joins; only a name like ``a+b`` makes them."""

    @property
    def sees(self) -> bool:
        """True if its input has frames."""
        return self.modality in ("video", "image") or any(part.sees for part in self.parts)

    @model_validator(mode="after")
    def _extent(self) -> BackboneCard:
        if self.modality in ("video", "image") and not (self.frames and self.size):
            raise ValueError("frames and size are needed: a backbone that is shown frames says how many, and how large")
        return self


def joined(parts: Sequence[BackboneCard]) -> BackboneCard:
    """Return the card of backbones whose features are fused; clip and recipe are those of the first visual one.

    Args:
        parts: Two or more cards.
    """
    first = next((part for part in parts if part.sees), parts[0])
    return BackboneCard(
        name="+".join(part.name for part in parts),
        summary="; ".join(part.summary for part in parts),
        component="Fusion",
        modality="fusion",
        frames=first.frames,
        stride=first.stride,
        size=first.size,
        frames_multiple=first.frames_multiple,
        size_multiple=first.size_multiple,
        mean=first.mean,
        std=first.std,
        recipe=first.recipe,
        weights="+".join(part.weights for part in parts),
        parts=tuple(parts),
    )


class Pretraining(Strict):
    """Pre-training of released weights."""

    data: str
    """Data set(s), in words."""
    labels: bool | None
    """True if labels were used; null where it is not known."""
    clips: int | None = optional_since_v1(gt=0)
    """Number of clips, where it is known."""
    steps: int | None = optional_since_v1(gt=0)
    """Optimisation steps, where they are known."""


class Expected(Strict):
    """The published figure of a fine-tuned file, and the interval in which a test of it should lie."""

    protocol: str
    """Protocol of the test."""
    split: int = Field(gt=0)
    """Split whose test list the figure is of."""
    metric: str
    """Name of the metric in a record."""
    value: float
    """The figure, as a fraction."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    source: str
    """Source of the figure, and reason of the interval's width."""

    @model_validator(mode="after")
    def _inside(self) -> Expected:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"value {self.value} is not between low {self.low} and high {self.high}")
        return self


class WeightsCard(Card):
    """Released weights: their file, and their pre-training."""

    backbone: str
    """Backbone card that they fit."""
    address: str = Field(pattern="^https://")
    """Address of the file."""
    file: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$")
    """File name in the weights folder."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Digest of the file; null where no trusted source states it."""
    sha256_prefix: str | None = Field(
        default=None, pattern="^[0-9a-f]{8,63}$", exclude_if=lambda prefix: prefix is None
    )
    """First digits of the digest, where no more is stated: projects write eight of them into the file's name."""
    bytes: int | None = Field(default=None, gt=0, exclude_if=lambda size: size is None)
    """Size of the file, where its owner states it."""
    precision: Literal["float32", "float16"] | None = Field(
        default=None, exclude_if=lambda precision: precision is None
    )
    """Precision that the file stores its numbers in, where it is known."""
    by_hand: str | None = Field(default=None, exclude_if=lambda why: why is None)
    """Reason that a browser must get the file, where the address is a page."""
    format: Literal["videomae", "videomaev2", "mmaction2", "huggingface", "timm", "torchvision", "tta-bench"]
    """Project whose parameter names the file uses."""
    pretraining: Pretraining
    seen: dict[str, bool] = Field(default_factory=dict, exclude_if=lambda seen: not seen)
    """Data sets that the weights were trained on, each with True if its labels, or a teacher's that knew them, were
    used."""
    expected: Expected | None = Field(default=None, exclude_if=lambda expected: expected is None)
    """Published figure, of a file that was fine-tuned for a data set here."""

    @property
    def digest(self) -> str | None:
        """The digest or what is known of its beginning; None where nothing is."""
        return self.sha256 or self.sha256_prefix


class OfficialPart(Strict):
    """The official clips of one part of a split: their count, and what is known of their ids and labels."""

    clips: int = Field(gt=0)
    """Number of clips."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Digest of the sorted (id, label) pairs, as `tta_bench.data.datasets.official` defines it; null if not known."""


class DatasetCard(Card):
    """A dataset: its layout, its splits, and the unit of resampling."""

    component: str
    """Name in the DATASETS registry."""
    classes: int | None = Field(default=None, gt=1)
    """Number of classes; null where the data decide."""
    splits: tuple[int, ...] = (1,)
    """Numbers of its official splits."""
    official: dict[int, dict[Part, OfficialPart]] = Field(default_factory=dict)
    """Official clips by split and part; data that differ from them are not standard."""
    official_source: str = Field(default="", exclude_if=lambda source: not source)
    """Source of these figures, or of what else is published where there are none."""
    arguments: dict[str, Any] = Field(default_factory=dict, exclude_if=lambda arguments: not arguments)
    """Keyword arguments of the component: names of targets and parts, say."""
    group: str
    """Unit of resampling: the source that clips of one group share, in words."""
    layout: str = ""
    """The folder that is expected, drawn as text."""
    sample: str | None = None
    """Card of the embedded sample that stands in for it."""
    generator: dict[str, int | float] | None = None
    """Parameters of the generator, for an embedded sample."""
    test_group_size: float | None = Field(default=None, ge=1, exclude=True)
    """Mean size of the group that a test clip is in, over the clips of the first split; part of no digest."""
    reversed_class: dict[str, str] | None = None
    """Class that a clip of a class shows when it is played backwards."""

    @property
    def test_sizes(self) -> tuple[int, ...]:
        """Test clips of each split with a fixed number; `show` computes the detectable difference of them."""
        parts = [self.official[split] for split in sorted(self.official)]
        return tuple(part["test"].clips for part in parts if "test" in part)
