"""From a card to a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from tta_bench.cards.kinds import BackboneCard
from tta_bench.errors import BenchError, UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import TrainSettings
from tta_bench.models.backbones.timm_images import PerFrame
from tta_bench.models.classifier import Classifier, measure_width
from tta_bench.models.measure import one_line
from tta_bench.registry import BACKBONES
from tta_bench.utils.faults import is_out_of_memory
from tta_bench.utils.keyed_random import torch_seed

Model = TypeVar("Model", bound=nn.Module)


def build_backbone(card: BackboneCard, clip: ResolvedClip, drop_path: float = 0.0) -> nn.Module:
    """Return a card's backbone, not yet trained; one for images is lifted over frames.

    ``size``, ``frames`` and ``drop_path`` are handed to a component that has parameters of these names.

    Raises:
        UserError: The component refuses its arguments; says why.
    """
    component = BACKBONES.get(card.component)
    if component is None:
        raise UserError(f"backbone {card.name} names the component '{card.component}', which nothing registers.")
    offered = {"size": clip.size, "frames": clip.frames, "drop_path": drop_path}
    wanted = inspect.signature(component).parameters
    arguments = {name: value for name, value in offered.items() if name in wanted} | card.arguments
    seed = torch.initial_seed()
    try:
        backbone = component(**arguments)
    except BenchError:
        raise
    except Exception as error:  # whatever a library raises for arguments that it does not like
        if is_out_of_memory(error):
            raise UserError(
                f"backbone {card.name} does not fit into the memory that is free: {one_line(error)}",
                "Use a machine with more memory, end what else takes it, or choose a smaller backbone.",
            ) from error
        raise UserError(f"backbone {card.name} cannot be built: {one_line(error)}", _other_size(card, clip)) from error
    if torch.initial_seed() != seed:
        raise UserError(
            f"backbone {card.name} sets PyTorch's seed where it is built, so all seeds of a run would start alike.",
            "Leave torch.manual_seed out of it: the suite seeds the generator before it builds a backbone.",
        )
    if not isinstance(backbone, nn.Module):
        raise UserError(f"backbone {card.name} is a {type(backbone).__name__}, not an nn.Module.")
    lift = card.modality == "image" and not isinstance(backbone, PerFrame)
    return PerFrame(backbone) if lift else backbone


def build_classifier(
    card: BackboneCard, clip: ResolvedClip, train: TrainSettings, classes: int, seed: int
) -> Classifier:
    """Return backbone and head with the initial weights that a seed gives, on the CPU."""
    torch.manual_seed(torch_seed(seed, "init"))
    backbone = build_backbone(card, clip, train.drop_path)
    try:
        width = measure_width(backbone, (3, clip.frames, clip.size, clip.size))
    except UserError as error:
        hints = filter(None, [error.hint, _other_size(card, clip)])
        raise UserError(f"{card.name}: {error.message}", "\n".join(hints)) from error
    return Classifier(backbone, width, classes, train.dropout, train.init_scale)


def with_checkpointing(model: Model, wanted: bool) -> Model:
    """Return a model that, if it is wanted, computes its blocks' activations twice instead of keeping them.

    Raises:
        UserError: No part of it can do so.
    """
    able = [module for module in model.modules() if isinstance(getattr(module, "checkpointing", None), bool)]
    if wanted and not able:
        raise UserError(
            "runtime.checkpointing=true: nothing in this model can compute its activations twice.",
            "The suite's own VideoMAE V2 backbones can.",
        )
    for module in able if wanted else ():
        module.checkpointing = True  # type: ignore[assignment]
    return model


@contextmanager
def own_size_advice(card: BackboneCard, clip: ResolvedClip) -> Iterator[None]:
    """Turn a failure inside a backbone that is shown clips of another size than its own into the way out.

    Raises:
        UserError: The backbone failed; says at what size it is sure to run.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        hint = _other_size(card, clip)
        if not hint:
            raise
        raise UserError(f"{card.name} fails: {type(error).__name__}: {one_line(error)}", hint) from error


def _other_size(card: BackboneCard, clip: ResolvedClip) -> str:
    """Return the way out for a backbone that does not run at a clip's size, where it is not the backbone's own."""
    if clip.size == card.size or not card.size:
        return ""
    return f"It was asked for clips of {clip.size} pixels, and its own are of {card.size}: try clip.size={card.size}."
