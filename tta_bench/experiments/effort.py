"""Work of experiments, counted from their cards: the part of a suite's plan that needs no data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import NamedTuple

from tta_bench.cards.kinds import BackboneCard
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.experiments.probe import AttentiveExperiment, FrozenExperiment
from tta_bench.experiments.reaction import ReactionExperiment

BACKWARD = 3
"""Passes that a training step costs, of which one is forward: gradients of inputs and of weights are one each."""


class Effort(NamedTuple):
    """Size of a piece of work."""

    gmacs: float
    """Multiply-adds in units of 10^9."""
    gigabytes: float = 0.0
    """Features that are read, in units of 10^9 bytes."""


PEAKS = {"NVIDIA A100": 312.0, "NVIDIA H100": 989.0}
"""Operations of a GPU in bfloat16, in units of 10^12 a second, as its maker states them: without sparsity."""
SHARE_OF_PEAK = 0.35
"""Share of the peak that an estimate counts on; published trainings reach .25 to .45.

Fine-tuning of ViT-B here took .34 of an NVIDIA H200's compiled, and .27 as it stands.
"""


def estimated_hours(work: Mapping[str, Effort]) -> dict[str, float]:
    """Return the hours of some work on each GPU of `PEAKS`, at two operations a multiply-add: not measured."""
    operations = 2e9 * sum(piece.gmacs for piece in work.values())
    return {name: operations / (peak * 1e12 * SHARE_OF_PEAK) / 3600 for name, peak in PEAKS.items()}


class Counts(NamedTuple):
    """Clips of a split."""

    train: int
    test: int


def official_counts(experiment: Experiment) -> Counts | None:
    """Return the clips that a dataset's card states, of the part that is tested on, or None."""
    parts = experiment.dataset.official.get(experiment.split, {})
    tested = getattr(getattr(experiment, "eval", None), "split", "test")
    if "train" not in parts or tested not in parts:
        return None
    return Counts(parts["train"].clips, parts[tested].clips)


def gmacs_of(card: BackboneCard, frames: int, size: int) -> float | None:
    """Return the multiply-adds of a view in units of 10^9: the card's, in proportion to frames and pixels.

    Attention grows faster than that, and sound costs next to nothing, so it counts nothing.
    """
    if card.parts:
        parts = [gmacs_of(part, frames, size) for part in card.parts if part.sees]
        return None if None in parts else sum(part for part in parts if part is not None)
    if card.gmacs is None:
        return None
    return card.gmacs * (frames / card.frames) * (size / card.size) ** 2


@singledispatch
def effort(experiment: Experiment, clips: Counts) -> Mapping[str, Effort] | None:
    """Return the work of an experiment, by the name of each piece; None where it is not known.

    Work of one name is done once, however many experiments need it.

    Args:
        experiment: The experiment.
        clips: Clips of its split.
    """
    return None


@effort.register
def _fine_tune(experiment: FineTuneExperiment, clips: Counts) -> Mapping[str, Effort] | None:
    view = gmacs_of(experiment.backbone, experiment.clip.frames, experiment.clip.size)
    if view is None:
        return None
    train, test = experiment.train, experiment.eval
    seen = (train.steps * train.batch if train.steps else (train.epochs or 0) * clips.train) * train.views
    return {_own(experiment): Effort(view * (BACKWARD * seen + clips.test * test.segments * test.crops))}


@effort.register
def _reaction(experiment: ReactionExperiment, clips: Counts) -> Mapping[str, Effort] | None:
    view = gmacs_of(experiment.backbone, experiment.clip.frames, experiment.clip.size)
    if view is None:
        return None
    train = experiment.train
    seen = train.steps * train.batch if train.steps else (train.epochs or 0) * clips.train
    return {_own(experiment): Effort(view * (BACKWARD * seen + clips.test))}


@effort.register
def _frozen(experiment: FrozenExperiment, clips: Counts) -> Mapping[str, Effort] | None:
    view = gmacs_of(experiment.backbone, experiment.clip.frames, experiment.clip.size)
    if view is None:
        return None
    return {encoding_name(experiment): Effort(view * experiment.encode.windows * (clips.train + clips.test))}


def encoding_name(experiment: FrozenExperiment) -> str:
    """Return the name of an encoding: all experiments of that name share it."""
    start = experiment.weights if experiment.weights != "none" else f"none, seed {experiment.seed}"
    shown = f"{experiment.clip}, {experiment.encode.windows} windows, {experiment.eval.control}"
    return f"encoding of {experiment.dataset.name} by {experiment.backbone.name} ({start}; {shown})"


def attentive_effort(experiment: AttentiveExperiment, clips: Counts, width: int, tokens: int) -> Effort:
    """Return the work of a grid of attentive heads: trained twice, once to choose, and a window of each clip a pass.

    A cross-attention block with one query costs a token two products with the query's keys and values for each
    attention head; a self-attention block 12 D^2 + 2 N D, of which 8 D^2 are its MLP's.

    Args:
        experiment: The probe.
        clips: Clips of its split.
        width: Width D of a token.
        tokens: Tokens N of a window.
    """
    probe = experiment.probe
    points = 1 if experiment.train.shots else len(probe.grid())
    passes = probe.epochs * (1.0 if points == 1 else 2.0 - probe.held_out)
    query = 2 * min(probe.heads, width) * width * tokens + 11 * width**2
    block = tokens * (12 * width**2 + 2 * tokens * width)
    head = query + (probe.blocks - 1) * block
    tested = experiment.encode.windows * clips.test
    return Effort(
        points * head * (BACKWARD * passes * clips.train + tested) / 1e9,
        2 * width * tokens * (passes * clips.train + tested) / 1e9,
    )


def _own(experiment: Experiment) -> str:
    return (
        f"{experiment.protocol.name}, {experiment.backbone.name}, {experiment.weights}, split {experiment.split}, "
        f"seed {experiment.seed}"
    )
