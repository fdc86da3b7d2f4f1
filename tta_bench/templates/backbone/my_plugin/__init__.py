"""The backbone my_plugin."""

from __future__ import annotations

from torch import nn

from tta_bench import register_backbone


@register_backbone(
    "my_plugin",
    modality="video",  # clips float (B, 3, T, H, W); "image" for a module that takes (B, 3, H, W)
    frames=8,
    size=64,
    frames_multiple=1,  # any number of frames works
    size_multiple=8,  # so does any multiple of 8 pixels
    recipe="cnn",  # or "vit": which of a protocol's recipes it trains with
    licence="Apache-2.0",
    parameters=15_168,  # tta-bench check measures it
)
def my_plugin() -> nn.Module:
    """Two convolutions and their mean over space and time: put your network here."""
    return nn.Sequential(
        nn.Conv3d(3, 16, 3, stride=(1, 2, 2), padding=1),
        nn.ReLU(),
        nn.Conv3d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
    )
