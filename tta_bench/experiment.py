"""An experiment: one (protocol, backbone, weights, dataset, split, seed), resolved, and its identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tta_bench.cards import BackboneCard, DatasetCard, ProtocolCard, Tier
from tta_bench.keys import digest
from tta_bench.settings import EvalSettings, RuntimeSettings, Strict, TrainSettings

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
