"""Make encoder.npz: what the official VideoMAE V2 encoder computes on parameters and clips given by a formula.

    python tests/conformance/make_encoder_figures.py CHECKOUT

CHECKOUT is a clone of github.com/OpenGVLab/VideoMAEv2 (figures made at 29eab1e). Only models/modeling_finetune.py is
run, with stand-ins for the two modules of an old timm that it imports. Nothing of it is kept here but the numbers.
"""

from __future__ import annotations

import importlib.util
import sys
import zlib
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

ARGUMENTS = ("size", "frames", "patch", "tubelet", "width", "depth", "heads", "mlp_width")
CASES = {
    "small": dict(zip(ARGUMENTS, (32, 8, 8, 2, 48, 3, 4, 192), strict=True)),
    "uneven": dict(zip(ARGUMENTS, (28, 6, 14, 3, 44, 2, 2, 192), strict=True)),  # giant's patch and 48/11
    "base": dict(zip(ARGUMENTS, (48, 4, 16, 2, 768, 12, 12, 3072), strict=True)),  # ViT-B on few tokens
}
"""Arguments of `tta_bench.models.backbones.VideoMAEV2`."""

CLASSES = 5
BATCH = 2
TABLE_ROWS, TABLE_COLUMNS = slice(None, None, 97), slice(None, None, 31)


def fill(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Return float32 numbers that look random and depend on a name and their position only, by a float64 formula.

    Matrices have rows of about unit gain, the weights of LayerNorms lie round 1, other vectors round 0.
    """
    index = np.arange(int(np.prod(shape)), dtype=np.float64)
    phase = zlib.crc32(name.encode()) / 2**32
    noise = np.sin(index * 12.9898 + phase * 78.233) * 43758.5453
    values = 2 * (noise - np.floor(noise)) - 1
    if len(shape) > 1:
        values *= np.sqrt(3 / np.prod(shape[1:]))
    elif "norm" in name and name.endswith("weight"):
        values = 1 + 0.3 * values
    else:
        values *= 0.3
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def fill_parameters(module: nn.Module) -> None:
    """Set every parameter from its name."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(fill(name, tuple(parameter.shape)))


def make_clip(case: dict[str, int]) -> torch.Tensor:
    """Return the input of a case, about uniform with deviation 1: ``float32 (2, 3, T, H, W)``."""
    shape = (BATCH, 3, case["frames"], case["size"], case["size"])
    return fill("clip", (int(np.prod(shape)),)).mul(np.sqrt(3) / 0.3).reshape(shape)


def figures(module: nn.Module, clip: torch.Tensor) -> dict[str, np.ndarray]:
    """Return logits and the norm of the gradient of a fixed sum of them, per parameter and for the clip."""
    clip.requires_grad_()
    logits = module(clip)
    (logits * fill("loss", (logits.numel(),)).reshape(logits.shape)).sum().backward()
    gradients = {"clip": clip.grad, **{name: parameter.grad for name, parameter in module.named_parameters()}}
    names = sorted(gradients)
    norms = np.array([gradients[name].double().norm().item() for name in names])
    return {"logits": logits.detach().numpy(), "names": np.array(names), "norms": norms}


def official_module(checkout: Path) -> ModuleType:
    """Import the official models/modeling_finetune.py."""
    layers, registry = ModuleType("timm.models.layers"), ModuleType("timm.models.registry")
    layers.drop_path = lambda x, rate, training: x  # no case drops paths
    layers.to_2tuple = lambda x: (x, x)
    layers.trunc_normal_ = nn.init.trunc_normal_
    registry.register_model = lambda function: function
    sys.modules |= {module.__name__: module for module in (layers, registry)}
    spec = importlib.util.spec_from_file_location("official_finetune", checkout / "models" / "modeling_finetune.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(checkout: Path) -> None:
    official = official_module(checkout)
    stored = {}
    for label, case in CASES.items():
        module = official.VisionTransformer(
            img_size=case["size"],
            patch_size=case["patch"],
            num_classes=CLASSES,
            embed_dim=case["width"],
            depth=case["depth"],
            num_heads=case["heads"],
            mlp_ratio=case["mlp_width"] / case["width"],
            qkv_bias=True,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            all_frames=case["frames"],
            tubelet_size=case["tubelet"],
        )
        fill_parameters(module)
        stored |= {f"{label}/{name}": value for name, value in figures(module, make_clip(case)).items()}
    stored["positions"] = official.get_sinusoid_encoding_table(1568, 768)[0, TABLE_ROWS, TABLE_COLUMNS].numpy()
    deep = official.VisionTransformer(embed_dim=48, depth=12, num_heads=4, drop_path_rate=0.2, num_classes=1)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for block in deep.blocks]
    stored["drop_path"] = np.array(rates)
    np.savez_compressed(Path(__file__).with_name("encoder.npz"), **stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
