"""Plug-ins for tests: the README's, and broken ones, each with the rule that it breaks and its finding."""

from __future__ import annotations

from pathlib import Path

README = """
import torch.nn as nn
from tta_bench import register_backbone

@register_backbone("my_net", modality="video", frames=8, size=64)
def my_net():
    return nn.Sequential(nn.Conv3d(3, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
"""

START = """
import torch
from torch import nn
from tta_bench import BACKBONES, register_backbone

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, padding=1)

    def features(self, clip):
        return self.conv(clip).relu().mean((2, 3, 4))
"""
CARD = '@register_backbone("broken", frames=4, size=16'

BROKEN: dict[str, tuple[str, str, str]] = {
    "fails to import": ("import torhc\n", "imports", "No module named 'torhc' (line 1 of broken.py)"),
    "is not Python": ("def broken(:\n", "imports", "SyntaxError"),
    "registers nothing": ("import torch\n", "card", "unknown name 'broken'"),
    "has a wrong card": (f"{START}{CARD}, sise=3)\ndef net(): return Net()", "imports", "sise: unknown key"),
    "takes a name that is taken": (
        f"{START}{CARD.replace('broken', 'resnet50')})\ndef net(): return Net()",
        "imports",
        "two backbones are called 'resnet50'",
    ),
    "cannot be built": (f"{START}{CARD})\ndef net(): return nn.Linear(3)", "builds", "missing 1 required"),
    "is no module": (f"{START}{CARD})\ndef net(): return Net", "builds", "is a type, not an nn.Module"),
    "has no parameters": (
        f"{START}{CARD})\ndef net(): return nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten())",
        "has parameters",
        "no parameters",
    ),
    "gives a map, not features": (
        f"{START}{CARD})\ndef net(): return nn.Conv3d(3, 4, 3)",
        "output shape",
        "(1, 4, 2, 14, 14) for 1 clip(s) of (3, 4, 16, 16)",
    ),
    "gives a tuple": (
        START + CARD + ")\nclass Two(Net):\n def forward(self, clip): return self.features(clip), 1",
        "output shape",
        "a tuple of (1, 4): return one of them, e.g. output[0], for 1 clip(s)",
    ),
    "wants another size": (
        f"{START}{CARD})\ndef net(): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 32 * 32, 8))",
        "output shape",
        "mat1 and mat2 shapes cannot be multiplied",
    ),
    "gives what is no number": (
        START + CARD + ")\nclass Nan(Net):\n def forward(self, clip): return self.features(clip) / 0 * 0",
        "finite features",
        "4 of 4 are not finite",
    ),
    "changes its input": (
        START + CARD + ")\nclass InPlace(Net):\n def forward(self, clip): return self.features(clip.mul_(2))",
        "input untouched",
        "3,072 of its 3,072 values were changed in place",
    ),
    "draws at random": (
        START + CARD + ")\nclass Noisy(Net):\n"
        " def forward(self, clip): return nn.functional.dropout(self.features(clip) + 1, 0.5, training=True)",
        "determinism",
        "they differ by",
    ),
    "mixes the batch": (
        START + CARD + ")\nclass Mixed(Net):\n"
        " def forward(self, clip): x = self.features(clip); return x - x.mean(0) + x.std(0, unbiased=False)",
        "batch invariance",
        "they differ by",
    ),
    "trains in evaluation mode": (
        START + CARD + ")\nclass Stubborn(Net):\n"
        " def __init__(self): super().__init__(); self.norm = nn.BatchNorm3d(3)\n"
        " def train(self, mode=True): super().train(mode); self.norm.training = True; return self\n"
        " def forward(self, clip): return self.features(self.norm(clip))",
        "evaluation mode",
        "still in training mode: norm",
    ),
    "counts in evaluation mode": (
        START + CARD + ")\nclass Counting(Net):\n"
        " def __init__(self): super().__init__(); self.register_buffer('calls', torch.zeros(()))\n"
        " def forward(self, clip): self.calls += 1; return self.features(clip)",
        "evaluation mode",
        "buffers that changed: calls",
    ),
    "has parameters that nothing reaches": (
        START + CARD + ")\nclass Idle(Net):\n"
        " def __init__(self): super().__init__(); self.idle = nn.Linear(2, 2)\n"
        " def forward(self, clip): return self.features(clip)",
        "gradients",
        "none reaches 2 of 4: idle.weight, idle.bias",
    ),
    "claims sizes it does not take": (
        f"{START}{CARD}, size_multiple=8)\n"
        "def net(): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 16 * 16, 8))",
        "claimed sizes",
        "4 frames of 8 pixels: the backbone does not take a clip of (3, 4, 8, 8)",
    ),
    "claims lengths it does not take": (
        f"{START}{CARD}, frames_multiple=2)\n"
        "def net(): return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 16 * 16, 8))",
        "claimed lengths",
        "2 frames of 16 pixels: the backbone does not take a clip of (3, 2, 16, 16)",
    ),
    "leaves parameters out of its layers": (
        START + CARD + ")\nclass Layers(Net):\n"
        " def layer_groups(self): return [['stem'], ['conv.weight']]\n"
        " def forward(self, clip): return self.features(clip)",
        "layer groups",
        "leaves out 1 parameters: conv.bias",
    ),
    "says a wrong number of parameters": (
        f"{START}{CARD}, parameters=1)\nclass Light(Net):\n def forward(self, clip): return self.features(clip)",
        "parameters on the card",
        "328",
    ),
    "says a wrong cost": (
        f"{START}{CARD}, gmacs=1.0)\nclass Light(Net):\n def forward(self, clip): return self.features(clip)",
        "gmacs on the card",
        "0.0003318",
    ),
    "keeps weights outside its state dict": (
        START + CARD + ")\nclass Hidden(Net):\n"
        " def __init__(self): super().__init__(); self.scale = torch.rand(4)\n"
        " def forward(self, clip): return self.features(clip) * self.scale.to(clip.device)",
        "state dict round trip",
        "they differ by",
    ),
    "gives another output than its card": (
        f"{START}{CARD}, golden=(1.0, 2.0))\nclass Other(Net):\n def forward(self, clip): return self.features(clip)",
        "golden output",
        "they differ by",
    ),
    "overflows in bfloat16": (
        START + CARD + ")\nclass Overflow(Net):\n"
        " def forward(self, clip):\n"
        "  grid = self.conv(clip)\n"
        "  return grid.mean((2, 3, 4)) / (grid - grid if grid.dtype == torch.bfloat16 else grid.exp()).mean((2, 3, 4))",
        "bfloat16",
        "4 of 4 are not finite",
    ),
}


def plugin(folder: Path, source: str, name: str = "broken") -> Path:
    """Write a plug-in file."""
    path = folder / f"{name}.py"
    path.write_text(source)
    return path
