"""Optimizer groups: smaller steps for layers near the input, no weight decay on biases and norms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from torch import nn

from tta_bench.errors import UserError, shorten
from tta_bench.models.backbones.timm_images import matched_groups
from tta_bench.models.classifier import Classifier

Source = Literal["layer_groups", "group_matcher", "one group"]


def parameter_groups(model: Classifier, weight_decay: float, layer_decay: float) -> tuple[list[dict[str, Any]], Source]:
    """Return an optimizer's parameter groups, and what told which layer a parameter is in.

    A parameter of layer i of L has learning-rate scale ``layer_decay ** (L - 1 - i)``; the head shares the last layer
    and has scale 1 (Clark et al., "ELECTRA", 2020; github.com/MCG-NJU/VideoMAE, optim_factory.py). The layers of a
    backbone come from its ``layer_groups() -> list[list[str]]`` (prefixes of parameter names, from the input on, the
    final norm last), else from its ``group_matcher`` (a convention of timm); without either it shares the head's.

    Args:
        model: A classifier; what its parameters are called decides, and frozen ones are left out.
        weight_decay: For parameters of two or more dimensions that are not called ``bias`` and that no module of the
            model names in its ``no_weight_decay()``.
        layer_decay: Factor from one layer to the one before it.

    Returns:
        Groups with ``params``, ``weight_decay``, ``lr_scale`` and ``name``; and the source of the layers.

    Raises:
        UserError: The backbone's layers leave out some of its parameters.
    """
    layers, source = backbone_layers(model.backbone)
    layer_of = {f"backbone.{name}": layer for name, layer in _assign(model.backbone, layers).items()}
    return _groups(model, weight_decay, layer_decay, layer_of, len(layers) - 1), source


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return an optimizer's groups of a model whose layers all learn at one rate; see `parameter_groups`."""
    return _groups(model, weight_decay, 1.0, {}, 0)


def _groups(
    model: nn.Module, weight_decay: float, layer_decay: float, layer_of: Mapping[str, int], last: int
) -> list[dict[str, Any]]:
    """Return groups by layer and by whether weight decays; parameters without a layer are in the last."""
    undecayed = _undecayed(model)
    groups: dict[str, dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        layer = layer_of.get(name, last)
        decays = not (parameter.ndim <= 1 or name.endswith(".bias") or name in undecayed)
        title = f"layer_{layer}_{'decay' if decays else 'no_decay'}"
        group = groups.setdefault(
            title,
            {
                "params": [],
                "weight_decay": weight_decay if decays else 0.0,
                "lr_scale": layer_decay ** (last - layer),
                "name": title,
            },
        )
        group["params"].append(parameter)
    return list(groups.values())


def backbone_layers(backbone: nn.Module) -> tuple[list[list[str]], Source]:
    """Return the prefixes of parameter names in each layer of a backbone, from the input on, and their source."""
    own = getattr(backbone, "layer_groups", None)
    if callable(own):
        layers: list[list[str]] = own()
        return layers, "layer_groups"
    if hasattr(backbone, "group_matcher"):
        return matched_groups(backbone), "group_matcher"
    return [[""]], "one group"


def _assign(backbone: nn.Module, layers: list[list[str]]) -> dict[str, int]:
    """Return each parameter's layer: the one with the longest prefix of its name."""
    prefixes = {prefix: index for index, layer in enumerate(layers) for prefix in layer}
    found = {name: _longest(name, prefixes) for name, _ in backbone.named_parameters()}
    missing = [name for name, prefix in found.items() if prefix is None]
    if missing:
        raise UserError(
            f"layer_groups() of {type(backbone).__name__} leaves out {len(missing):,} parameters: {shorten(missing)}.",
            "Every parameter needs a layer that has a prefix of its name.",
        )
    return {name: prefixes[prefix] for name, prefix in found.items() if prefix is not None}


def _longest(name: str, prefixes: Iterable[str]) -> str | None:
    return max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)


def _undecayed(model: nn.Module) -> set[str]:
    """Return the full names of the parameters that some module of the model wants without weight decay."""
    return {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if callable(getattr(module, "no_weight_decay", None))
        for name in module.no_weight_decay()
    }


def scaled(lr: float, batch: int) -> float:
    """Return the learning rate for a global batch, given the one for 256 videos (Goyal et al., 2017)."""
    return lr * batch / 256


def learning_rate(
    step: int, base: float, minimum: float, warmup_steps: int, total_steps: int, start: float = 0.0
) -> float:
    """Return the learning rate of a step: a linear rise from ``start`` to ``base``, then a cosine towards ``minimum``.

    As in the official VideoMAE (github.com/MCG-NJU/VideoMAE, utils.py, ``cosine_scheduler``): the first step has
    ``start``, the last of the warm-up and the one after it have ``base``, and the last step is a little above
    ``minimum``.

    Args:
        step: From 0 to ``total_steps`` - 1.
        base: Highest learning rate.
        minimum: Where the cosine would end, one step after the last.
        warmup_steps: Steps of the rise.
        total_steps: All steps.
        start: Learning rate of the first step, if there is a warm-up.

    Raises:
        ValueError: The step is outside the schedule.
    """
    if not 0 <= step < total_steps:
        raise ValueError(f"step {step} is outside a schedule of {total_steps} steps")
    if step < warmup_steps:
        return start + (base - start) * step / max(warmup_steps - 1, 1)
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return minimum + 0.5 * (base - minimum) * (1 + math.cos(math.pi * progress))
