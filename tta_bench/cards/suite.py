"""Suite cards: experiments that together fill a board, as products of protocols, backbones, weights and splits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tta_bench.cards.kinds import Card
from tta_bench.cards.validation import Strict, optional_since_v1

Word = str | bool | int | float
"""A value as ``key=value`` has it."""
RELEASED = "released"
"""Weights of a suite: the backbone's default, else the only card of weights that it has."""


class Exclusion(Strict):
    """Experiments of a product that are left out: those that agree with everything it names."""

    protocol: str | None = None
    backbone: str | None = None
    weights: str | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Exclusion:
        if (self.protocol, self.backbone, self.weights) == (None, None, None):
            raise ValueError("it names nothing, so everything would be left out")
        return self

    def holds(self, protocol: str, backbone: str | None, weights: str) -> bool:
        """Return True if an experiment is left out."""
        pairs = ((self.protocol, protocol), (self.backbone, backbone), (self.weights, weights))
        return all(wanted in (None, found) for wanted, found in pairs)


class SuitePart(Strict):
    """A product of protocols, backbones, weights, splits and seeds."""

    protocols: tuple[str, ...] = Field(min_length=1)
    """Protocol cards. Of frozen ones the attentive probe goes first, so that one encoding serves all."""
    backbones: tuple[str, ...] = ()
    """Backbone cards, joined ones written ``a+b``; without any, the protocol's own."""
    weights: tuple[str, ...] = ("default",)
    """Words of ``weights=``, or ``released``; a card of weights goes with the backbone that it fits alone."""
    splits: tuple[int, ...] | Literal["all"] = (1,)
    """Splits of the dataset."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    """Seeds."""
    keys: dict[str, Word] = Field(default_factory=dict)
    """Other keys of ``tta-bench run``."""
    exclude: tuple[Exclusion, ...] = ()
    """Experiments that are left out."""

    @model_validator(mode="after")
    def _different(self) -> SuitePart:
        for name in ("protocols", "backbones", "weights", "splits", "seeds"):
            values = getattr(self, name)
            if values != "all" and len(set(values)) < len(values):
                raise ValueError(f"{name} must be different, not {', '.join(map(str, values))}")
        taken = {"protocol", "backbone", "weights", "split", "seed", "tier"} & set(self.keys)
        if taken:
            raise ValueError(f"keys names {', '.join(sorted(taken))}, which has a field of its own")
        return self


class SuiteMachine(Strict):
    """A device for which the plan computes hours, and the share of its peak that is counted on."""

    name: str = "NVIDIA A100"
    """Name."""
    tflops: float = Field(default=312.0, gt=0)
    """Peak of half precision in 10^12 operations a second, without sparsity, as its maker states it."""
    share: float = Field(default=0.3, gt=0, le=1)
    """Share of the peak that a network reaches."""
    read: float = Field(default=2.0, gt=0)
    """Features read from the disk in a second, in units of 10^9 bytes."""


class SuiteCard(Card):
    """Experiments that together fill a board."""

    tier: Literal["full", "sample"]
    """Full datasets, whose folders must be configured, or the embedded samples."""
    parts: tuple[SuitePart, ...] = Field(min_length=1)
    """Products, done one after the other."""
    machine: SuiteMachine = SuiteMachine()
    """Device of the computed hours."""
    clips: dict[str, tuple[int, int]] | None = optional_since_v1()
    """Training and test clips of datasets whose cards state none; for the hours alone."""
