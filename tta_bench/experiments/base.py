"""Experiments: one (protocol, backbone, weights, dataset, split, seed), resolved, and its identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tta_bench.cards.kinds import BackboneCard, DatasetCard, Tier
from tta_bench.cards.protocol import ProtocolCard
from tta_bench.cards.validation import Strict, optional_since_v1
from tta_bench.errors import UserError
from tta_bench.experiments.common import DataSettings, RuntimeSettings
from tta_bench.plugins import PluginCode
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.printable import ordinal

NUMERICS_VERSION = 5
"""Raised when the code changes a number that an unchanged card gives."""

EXPERIMENTS: dict[str, type[Experiment]] = {}
"""The kind of experiment of each protocol component; filled by the subclasses themselves."""

PhaseChoice = Literal["all", "train", "test"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]


Sampling = Literal["dense", "uniform"]

ALWAYS_LOCKED = ("clip.sampling",)
"""Keys that are locked on every protocol card: older cards cannot name the rule that replaces their ``clip.span``."""


class ClipSettings(Strict):
    """The extent of a clip in time and space."""

    span: int = Field(gt=0, le=1_000_000)
    """Frames of video that a clip spans."""
    size: int | None = Field(default=None, gt=0, le=8192)
    """Height and width in pixels; by default the backbone's."""
    frames: int | None = Field(default=None, gt=0, le=10_000)
    """Frames of a clip; by default the backbone's."""
    stride: int | None = Field(default=None, gt=0, le=1_000_000)
    """Frames from one to the next; by default the backbone's, or span / frames."""


class SampledClipSettings(ClipSettings):
    """The extent of a clip, and the rule by which its frames are sampled."""

    sampling: Sampling | None = optional_since_v1()
    """``dense`` (also null): frames a stride apart. ``uniform``: one of each of as many equal segments of the video."""


class ResolvedClip(Strict):
    """A clip's extent, resolved from the protocol, the backbone and the user's keys."""

    span: int
    """Frames of video that a clip spans."""
    frames: int
    """Frames of a clip."""
    stride: int
    """Frames from one to the next."""
    size: int
    """Height and width in pixels."""
    sampling: Literal["uniform"] | None = optional_since_v1()
    """The rule by which frames are sampled; null for dense, a stride apart."""

    @property
    def step(self) -> int | None:
        """Frames from one to the next; None where a clip's frames are spread over its video."""
        return self.stride if self.sampling is None else None

    def __str__(self) -> str:
        """Return the extent in words, e.g. ``16 frames, every 4th, 224 pixels``."""
        apart = "in a row" if self.step == 1 else f"every {ordinal(self.stride)}"
        step = apart if self.step else "spread over the video"
        return f"{self.frames} frames, {step}, {self.size} pixels"


def resolve_clip(clip: ClipSettings, backbone: BackboneCard) -> ResolvedClip:
    """Return a clip's extent, the backbone's own where none was asked for; another size is rounded up to its multiple.

    Raises:
        UserError: The backbone does not take clips of that size or length.
    """
    frames = _length(clip.frames or backbone.frames, backbone)
    stride = clip.stride or backbone.stride or max(1, clip.span // frames)
    size = clip.size or backbone.size
    multiple = backbone.size_multiple
    if size != backbone.size and multiple is None:
        raise UserError(f"{backbone.name} takes clips of {backbone.size} pixels only, and {size} were asked for.")
    rounded = -(-size // multiple) * multiple if multiple and size != backbone.size else size
    sampling = clip.sampling if isinstance(clip, SampledClipSettings) and clip.sampling != "dense" else None
    return ResolvedClip(span=clip.span, frames=frames, stride=stride, size=rounded, sampling=sampling)


def _length(asked: int, backbone: BackboneCard) -> int:
    multiple = 1 if backbone.modality == "image" else backbone.frames_multiple
    if asked == backbone.frames or (multiple and asked % multiple == 0):
        return asked
    taken = f"a multiple of {multiple} frames" if multiple else f"{backbone.frames} frames only"
    raise UserError(f"{backbone.name} takes clips of {taken}, and {asked} were asked for.")


class Experiment(Strict):
    """One resolved (protocol, backbone, weights, dataset, split, seed).

    A subclass says which component's cards it belongs to, ``class MyExperiment(Experiment, component="MyProtocol")``,
    and narrows ``protocol`` to the kind of card that these are.
    """

    protocol: ProtocolCard
    tier: Tier
    standard: bool
    """No locked key was changed, and the dataset is the protocol's own and whole."""
    track: Literal["fixed", "tuned"]
    """``tuned`` when a training or input key was changed."""
    backbone: BackboneCard
    weights: str
    """``none``, the name of a weights card, or a path as the user gave it."""
    dataset: DatasetCard
    root: Path | None
    """Folder of the dataset; None for an embedded sample."""
    split: int
    seed: int
    phase: PhaseChoice
    precision: Precision
    limit: int | None
    """Keep this many clips of each list."""
    runtime: RuntimeSettings
    arguments: tuple[str, ...]
    """The user's ``key=value`` words."""
    plugins: tuple[PluginCode, ...] = ()
    """Code from outside the suite that takes part."""
    cache: Path | None = None
    """Folder of local copies of the clips; None reads them where they are."""
    overlap: Path | None = None
    """Findings of near-duplicates between the pre-training data and the test clips."""
    title: str | None = None
    """Name that a reader knows data of one's own by."""

    def __init_subclass__(cls, component: str | None = None, **config: Any) -> None:
        """Make a subclass the kind of experiment that a component's cards ask for.

        Raises:
            UserError: Another class is that already; says which.
        """
        super().__init_subclass__(**config)
        if component is None:
            return
        taken = EXPERIMENTS.get(component)
        if taken is not None and taken.__module__ != cls.__module__:
            raise UserError(f"two kinds of experiment are of the component '{component}': {taken} and {cls}.")
        EXPERIMENTS[component] = cls

    @classmethod
    def card_kind(cls) -> type[ProtocolCard]:
        """Return the kind of protocol card that these experiments are resolved from."""
        kind = cls.model_fields["protocol"].annotation
        assert isinstance(kind, type)
        assert issubclass(kind, ProtocolCard)
        return kind

    @classmethod
    def resolve(cls, sections: Mapping[str, Any], backbone: BackboneCard, data: DataSettings) -> dict[str, Any]:
        """Return the fields that this kind of experiment adds: its sections, with the extent of a clip if it has one.

        Args:
            sections: Settings of each section of the card, the user's keys laid over them.
            backbone: Gives the extent of a clip where the card leaves it open.
            data: Where the data are.

        Raises:
            UserError: The backbone does not take such clips.
        """
        clip = {"clip": resolve_clip(sections["clip"], backbone)} if "clip" in sections else {}
        return {**sections, **clip}

    def clips_to_check(self) -> list[tuple[BackboneCard, ResolvedClip]]:
        """Return each backbone that is shown clips, with their extent, for the contract's quick rules."""
        clip = getattr(self, "clip", None)
        return [] if clip is None else [(self.backbone, clip)]

    def settings(self) -> dict[str, Any]:
        """Return the resolved settings, without paths, as plain data for a record."""
        return self.sections(*self.card_kind().sections(), "runtime") | {"limit": self.limit}

    @classmethod
    def training_sections(cls) -> tuple[str, ...]:
        """Return the sections that trained weights depend on: all but ``eval``. Changing one makes a run ``tuned``."""
        return tuple(name for name in cls.card_kind().sections() if name != "eval")

    def sections(self, *names: str) -> dict[str, Any]:
        """Return those of the named sections that this kind of experiment has, as plain data."""
        return {name: getattr(self, name).model_dump(mode="json") for name in names if name in type(self).model_fields}

    def training_identity(self, dataset: str, weights: str | None, precision: str) -> str:
        """Return a digest of everything that the trained weights depend on.

        Args:
            dataset: Identity of the data.
            weights: sha256 of the weights that training starts from.
            precision: The precision used, resolved.
        """
        return digest(
            {
                "numerics": NUMERICS_VERSION,
                "protocol": [self.protocol.name, self.protocol.version],
                "backbone": backbone_identity(self.backbone),
                "weights": weights,
                "dataset": dataset,
                "split": self.split,
                "seed": self.seed,
                "limit": self.limit,
                "precision": precision,
            }
            | self.sections(*self.training_sections())
            | ({"plugins": [asdict(code) for code in self.plugins]} if self.plugins else {})
        )

    def run_key(self, training: str) -> str:
        """Return the digest that names this experiment: its training, the protocol's hash, and how it is tested."""
        return digest(
            {
                "training": training,
                "protocol": protocol_hash(self.protocol),
                "tier": self.tier,
            }
            | self.sections("eval")
        )


def backbone_identity(card: BackboneCard) -> dict[str, Any]:
    """Return the fields of a backbone's card that numbers depend on."""
    fields = card.model_dump(mode="json", include={"name", "component", "arguments", "mean", "std", "recipe"})
    return fields | ({"parts": [backbone_identity(part) for part in card.parts]} if card.parts else {})


def protocol_hash(card: ProtocolCard) -> str:
    """Return the digest of a resolved protocol card, without the prose on it: a reworded summary measures the same."""
    return digest(card.model_dump(mode="json", exclude={"summary", "licence", "citation"}))
