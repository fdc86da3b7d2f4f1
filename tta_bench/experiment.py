"""An experiment: one (protocol, backbone, weights, dataset, split, seed), resolved, and its identity."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from tta_bench.cards import BackboneCard, DatasetCard, ProtocolCard, Tier
from tta_bench.errors import UserError
from tta_bench.extensions import PluginCode
from tta_bench.keys import digest
from tta_bench.settings import ClipSettings, EvalSettings, RuntimeSettings, Strict, TrainSettings

NUMERICS_VERSION = 1
"""Raised when the code changes a number that an unchanged card gives."""

Phase = Literal["all", "train", "test"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]


class ResolvedClip(Strict):
    """A clip's extent after the protocol, the backbone and the user have been asked."""

    span: int
    """Frames of video that a clip spans."""
    frames: int
    """Frames of a clip."""
    stride: int
    """Frames from one to the next."""
    size: int
    """Height and width in pixels."""


def resolve_clip(clip: ClipSettings, backbone: BackboneCard) -> ResolvedClip:
    """Return a clip's extent, with the backbone's own where none was asked for; a size is rounded up to its multiple.

    Raises:
        UserError: The backbone does not take clips of that size or length.
    """
    frames = _length(clip.frames or backbone.frames, backbone)
    stride = clip.stride or backbone.stride or max(1, clip.span // frames)
    size = clip.size or backbone.size
    multiple = backbone.size_multiple
    if size != backbone.size and multiple is None:
        raise UserError(f"{backbone.name} takes clips of {backbone.size} pixels only, and {size} were asked for.")
    rounded = -(-size // multiple) * multiple if multiple else size
    return ResolvedClip(span=clip.span, frames=frames, stride=stride, size=rounded)


def _length(asked: int, backbone: BackboneCard) -> int:
    multiple = 1 if backbone.modality == "image" else backbone.frames_multiple
    if asked == backbone.frames or (multiple and asked % multiple == 0):
        return asked
    taken = f"a multiple of {multiple} frames" if multiple else f"{backbone.frames} frames only"
    raise UserError(f"{backbone.name} takes clips of {taken}, and {asked} were asked for.")


class Experiment(Strict):
    """One resolved (protocol, backbone, weights, dataset, split, seed)."""

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
    phase: Phase
    precision: Precision
    limit: int | None
    """Keep this many clips of each list."""
    clip: ResolvedClip
    train: TrainSettings
    eval: EvalSettings
    runtime: RuntimeSettings
    arguments: tuple[str, ...]
    """The words as given."""
    plugins: tuple[PluginCode, ...] = ()
    """Code from outside the suite that takes part."""

    def settings(self) -> dict[str, Any]:
        """Return what was resolved, without paths, as plain data for a record."""
        parts = {"clip": self.clip, "train": self.train, "eval": self.eval, "runtime": self.runtime}
        return {name: part.model_dump(mode="json") for name, part in parts.items()} | {"limit": self.limit}

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
                "backbone": self.backbone.model_dump(mode="json", include=_BACKBONE_IDENTITY),
                "weights": weights,
                "dataset": dataset,
                "split": self.split,
                "seed": self.seed,
                "limit": self.limit,
                "precision": precision,
                "clip": self.clip.model_dump(mode="json"),
                "train": self.train.model_dump(mode="json"),
            }
            | ({"plugins": [asdict(code) for code in self.plugins]} if self.plugins else {})
        )

    def run_key(self, training: str) -> str:
        """Return the digest that names this experiment: its training, the protocol's hash, and how it is tested."""
        return digest(
            {
                "training": training,
                "protocol": protocol_hash(self.protocol),
                "tier": self.tier,
                "eval": self.eval.model_dump(mode="json"),
            }
        )


_BACKBONE_IDENTITY = {"name", "component", "arguments", "mean", "std", "recipe"}


def protocol_hash(card: ProtocolCard) -> str:
    """Return the digest of a resolved protocol card, without the prose on it: a reworded summary measures the same."""
    return digest(card.model_dump(mode="json", exclude={"summary", "licence", "citation"}))
