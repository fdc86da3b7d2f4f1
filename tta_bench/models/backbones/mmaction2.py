"""The video backbones of MMAction2 (github.com/open-mmlab/mmaction2, version 1.2) behind this suite's contract."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tta_bench.errors import unknown
from tta_bench.models.backbones.mmaction2_compat import build_mmaction, import_mmaction
from tta_bench.registry import BACKBONES

SIZE_ARGUMENTS = ("img_size", "spatial_size", "input_resolution")
FRAMES_ARGUMENTS = ("num_frames", "temporal_size", "t_size", "num_segments")
DROP_PATH_ARGUMENTS = ("drop_path_rate", "backbone_drop_path_rate")
"""Names of arguments of MMAction2's classes for the clip's extent and stochastic depth; each gets those that it has."""


@BACKBONES.register_module()
class MMAction2Backbone(nn.Module):
    """A backbone of MMAction2: ``float (B, 3, T, H, W) -> (B, D)``, or ``(B, T, D)`` for one that sees single frames.

    Maps of features are averaged over time and space as MMAction2's heads do; the pathways of SlowFast are averaged one
    by one and joined; where there is a class token, that is the feature. It starts from random weights: nothing is ever
    downloaded.

    Args:
        name: The class's name in MMAction2's registry, e.g. ``ResNet3dSlowOnly``.
        size: Height and width of a clip in pixels, for classes that need to know.
        frames: Frames of a clip, for classes that need to know.
        drop_path: Stochastic depth, for classes that have it.
        options: More arguments of the class; lists become tuples.

    Raises:
        UserError: MMAction2 is not installed, or has no backbone of that name.
        ValueError: The class refuses its arguments.
    """

    def __init__(self, name: str, size: int = 224, frames: int = 8, drop_path: float = 0.0, **options: Any) -> None:
        super().__init__()
        known = mmaction_backbones()
        if name not in known:
            raise unknown("backbone of MMAction2", name, known)
        parameters = inspect.signature(known[name]).parameters
        offered: dict[str, Any] = dict.fromkeys(SIZE_ARGUMENTS, size) | dict.fromkeys(FRAMES_ARGUMENTS, frames)
        offered |= dict.fromkeys(DROP_PATH_ARGUMENTS, drop_path)
        offered |= {"pretrained2d": False, "clip_pretrained": False, "out_dim": c3d_width(size, frames)}
        given = {key: value for key, value in offered.items() if key in parameters} | _with_tuples(options)
        try:
            self.encoder: nn.Module = build_mmaction({"type": name, **given})
        except AssertionError as error:
            raise ValueError(f"MMAction2's {name} refuses {given}: {error}") from error
        self.per_frame = _takes_images(known[name])

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to features ``(B, D)`` or ``(B, T, D)``."""
        if not self.per_frame:
            return pooled(self.encoder(clip))
        batch, _, frames = clip.shape[:3]
        return pooled(self.encoder(clip.transpose(1, 2).flatten(0, 1))).reshape(batch, frames, -1)


def pooled(output: Any) -> Tensor:
    """Return one vector ``(B, D)`` for what a backbone gave: features, a map of them, or several of these."""
    if isinstance(output, Tensor):
        return output.flatten(2).mean(2) if output.ndim > 2 else output
    last = output[-1]
    if not isinstance(last, Tensor) or last.ndim == 2:  # stages, of which the last counts; a map and a class token
        return pooled(last)
    return torch.cat([pooled(pathway) for pathway in output], dim=1)


def c3d_width(size: int, frames: int) -> int:
    """Return the number of values of C3D's last map, the width of its first linear layer (``out_dim``)."""
    side = size // 16 // 2 + 1  # four poolings that halve, and one with a border
    return 512 * max(1, frames // 16) * side * side


def mmaction_backbones() -> Mapping[str, type[nn.Module]]:
    """Return the backbones in MMAction2's registry by name."""
    import_mmaction()
    from mmaction.registry import MODELS

    package = "mmaction.models.backbones."
    return {name: kind for name, kind in MODELS.module_dict.items() if kind.__module__.startswith(package)}


def _takes_images(kind: type[nn.Module]) -> bool:
    """Return True if a class takes frames ``(B T, 3, H, W)``, as MMAction2's Recognizer2D hands them over."""
    from mmaction.models.backbones import MobileNetV2, ResNet

    return issubclass(kind, ResNet | MobileNetV2)


def _with_tuples(value: Any) -> Any:
    """Return plain data with tuples for lists, which is what these classes compare with."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_with_tuples(inner) for inner in value)
    return value
