"""Optimizers: table, parameter groups (layer decay, no decay of biases and norms), clipping, loss scaling."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from tta_bench.engine.device import Machine
from tta_bench.errors import UserError, did_you_mean, shorten
from tta_bench.models.backbones.timm_images import matched_groups
from tta_bench.models.classifier import Classifier

Source = Literal["layer_groups", "group_matcher", "one group"]
Groups = list[dict[str, Any]]
"""Parameter groups as PyTorch takes them, each with an ``lr_scale`` and a ``name``."""


class OptimizerSettings(Protocol):
    """The part of a recipe that an optimizer is made from."""

    @property
    def optimizer(self) -> str | None:
        """Name in `OPTIMIZERS`; None for ``adamw``."""

    @property
    def betas(self) -> tuple[float, float]:
        """Decay rates of the running means of the gradient and of its square."""

    @property
    def clip_grad(self) -> float | None:
        """Largest norm of the gradient, or None for none."""


class OptimizerKind(NamedTuple):
    """An entry of the table of optimizers."""

    make: Callable[[Groups, OptimizerSettings], torch.optim.Optimizer]
    """Makes one; weight decay stands in the groups, and the learning rate is set before every step."""
    states: int
    """Tensors that it keeps for each parameter, for the estimate of a checkpoint's size."""


OPTIMIZERS = {
    "adamw": OptimizerKind(lambda groups, train: torch.optim.AdamW(groups, betas=train.betas, fused=True), states=2),
}
"""Optimizers that a recipe can name (``train.optimizer``); one more is one more entry."""


class Optimizer:
    """An optimizer from the table with gradient clipping and, in float16, loss scaling.

    Args:
        groups: Parameter groups; see `parameter_groups`.
        train: The recipe.
        machine: Its precision decides whether the loss is scaled.

    Raises:
        UserError: There is no such optimizer.
    """

    def __init__(self, groups: Groups, train: OptimizerSettings, machine: Machine) -> None:
        name = train.optimizer or "adamw"
        if name not in OPTIMIZERS:
            raise UserError(f"train.optimizer={name} is not known.", did_you_mean(name, OPTIMIZERS))
        self.kind, self.clip_grad = OPTIMIZERS[name], train.clip_grad
        self.inner = self.kind.make(groups, train)
        self.scaler = machine.scaler()

    @property
    def parameters(self) -> Sequence[Tensor]:
        """All parameters, in the order of their groups."""
        return [parameter for group in self.inner.param_groups for parameter in group["params"]]

    def set_rate(self, rate: float) -> float:
        """Set every group's learning rate to ``rate`` times its scale, and return the highest of them."""
        for group in self.inner.param_groups:
            group["lr"] = rate * group["lr_scale"]
        return max(float(group["lr"]) for group in self.inner.param_groups)

    @property
    def loss_scale(self) -> float:
        """Factor that the loss, and so the gradient, is multiplied by."""
        return 1.0 if self.scaler is None else float(self.scaler.get_scale())

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to what the parameters have."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Clip the gradient, update the parameters and clear the gradient."""
        if self.clip_grad is not None:
            if self.scaler is not None:
                self.scaler.unscale_(self.inner)
            nn.utils.clip_grad_norm_([each for each in self.parameters if each.grad is not None], self.clip_grad)
        if self.scaler is None:
            self.inner.step()
        else:
            self.scaler.step(self.inner)
            self.scaler.update()
        self.inner.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint: PyTorch's, with the loss scaler's under ``loss_scaler``."""
        state: dict[str, Any] = self.inner.state_dict()
        return state if self.scaler is None else state | {"loss_scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state in a checkpoint."""
        if self.scaler is not None and "loss_scaler" in state:
            self.scaler.load_state_dict(state["loss_scaler"])
        self.inner.load_state_dict({name: state[name] for name in ("state", "param_groups")})

    def state_bytes(self) -> int:
        """Return the size of its state once it has stepped."""
        return self.kind.states * sum(parameter.nbytes for parameter in self.parameters)


def parameter_groups(model: Classifier, weight_decay: float, layer_decay: float) -> tuple[Groups, Source]:
    """Return an optimizer's parameter groups, and the source of the layers.

    A parameter of layer i of L has learning-rate scale ``layer_decay ** (L - 1 - i)``; the head shares the last layer
    and has scale 1 (Clark et al., "ELECTRA", 2020; github.com/MCG-NJU/VideoMAE, optim_factory.py). The layers of a
    backbone come from its ``layer_groups() -> list[list[str]]`` (prefixes of parameter names, from the input on, the
    final norm last), else from its ``group_matcher`` (a convention of timm); without either it shares the head's.

    Args:
        model: A classifier; layers go by the names of its parameters, and frozen ones are left out.
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


def decay_groups(model: nn.Module, weight_decay: float) -> Groups:
    """Return an optimizer's groups of a model whose layers all learn at one rate; see `parameter_groups`."""
    return _groups(model, weight_decay, 1.0, {}, 0)


def _groups(
    model: nn.Module, weight_decay: float, layer_decay: float, layer_of: Mapping[str, int], last: int
) -> Groups:
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
    layer_groups = getattr(backbone, "layer_groups", None)
    if callable(layer_groups):
        layers: list[list[str]] = layer_groups()
        return layers, "layer_groups"
    if hasattr(backbone, "group_matcher"):
        return matched_groups(backbone), "group_matcher"
    return [[""]], "one group"


def _assign(backbone: nn.Module, layers: list[list[str]]) -> dict[str, int]:
    """Return each parameter's layer: the one with the longest prefix of its name."""
    prefixes = {prefix: index for index, layer in enumerate(layers) for prefix in layer}
    longest = {name: _longest(name, prefixes) for name, _ in backbone.named_parameters()}
    missing = [name for name, prefix in longest.items() if prefix is None]
    if missing:
        raise UserError(
            f"layer_groups() of {type(backbone).__name__} leaves out {len(missing):,} parameters: {shorten(missing)}.",
            "Every parameter needs a layer that has a prefix of its name.",
        )
    return {name: prefixes[prefix] for name, prefix in longest.items() if prefix is not None}


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
