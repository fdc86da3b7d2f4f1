"""Image networks under other projects' names: from EfficientNet-PyTorch's parameters to timm's.

EfficientNet-PyTorch (github.com/lukemelas/EfficientNet-PyTorch, model.py) numbers all blocks through, counts batch
norms from 0 and calls a block's convolutions by what they do; timm (timm/models/_efficientnet_blocks.py) numbers blocks
within stages, counts batch norms from 1 and calls a convolution of one pixel ``conv_pw`` and, where it is the second,
``conv_pwl``. A block that does not widen its input has no first convolution. Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

_BLOCK = re.compile(r"(?P<before>.*?)_blocks\.(?P<number>\d+)\._(?P<layer>\w+)\.(?P<leaf>\w+)")
_OUTSIDE = (
    (r"(^|\.)_conv_stem\.", r"\1conv_stem."),
    (r"(^|\.)_bn0\.", r"\1bn1."),
    (r"(^|\.)_conv_head\.", r"\1conv_head."),
    (r"(^|\.)_bn1\.", r"\1bn2."),
    (r"(^|\.)_fc\.", r"\1classifier."),
)
_WIDENING = {
    "expand_conv": "conv_pw",
    "bn0": "bn1",
    "depthwise_conv": "conv_dw",
    "bn1": "bn2",
    "project_conv": "conv_pwl",
    "bn2": "bn3",
    "se_reduce": "se.conv_reduce",
    "se_expand": "se.conv_expand",
}
_PLAIN = {
    "depthwise_conv": "conv_dw",
    "bn1": "bn1",
    "project_conv": "conv_pw",
    "bn2": "bn2",
    "se_reduce": "se.conv_reduce",
    "se_expand": "se.conv_expand",
}


def efficientnet_pytorch(tensors: Mapping[str, Tensor], stages: list[int]) -> dict[str, Tensor]:
    """Rename an EfficientNet of EfficientNet-PyTorch to timm's names; other tensors keep theirs.

    Args:
        tensors: Tensors of a checkpoint.
        stages: Blocks of each of the network's stages (see `stages_of`), by which timm numbers them.
    """
    places = [f"blocks.{stage}.{block}" for stage, blocks in enumerate(stages) for block in range(blocks)]
    blocks = [found for name in tensors if (found := _BLOCK.fullmatch(name)) is not None]
    if not blocks:
        return dict(tensors)
    widening = {f"{found['before']}{found['number']}" for found in blocks if found["layer"] == "expand_conv"}
    return {_renamed(name, places, widening): tensor for name, tensor in tensors.items()}


def stages_of(encoder: nn.Module) -> list[int]:
    """Return the blocks of each stage of an EfficientNet of timm; an empty list for any other module."""
    stages = getattr(encoder, "blocks", None)
    if not isinstance(stages, nn.Sequential) or not all(isinstance(stage, nn.Sequential) for stage in stages):
        return []
    return [len(stage) for stage in stages]  # type: ignore[arg-type]


def _renamed(name: str, places: list[str], widening: set[str]) -> str:
    found = _BLOCK.fullmatch(name)
    if found is None:
        for pattern, new in _OUTSIDE:
            name = re.sub(pattern, new, name)
        return name
    layers = _WIDENING if f"{found['before']}{found['number']}" in widening else _PLAIN
    number = int(found["number"])
    if number >= len(places) or found["layer"] not in layers:
        return name
    return f"{found['before']}{places[number]}.{layers[found['layer']]}.{found['leaf']}"
