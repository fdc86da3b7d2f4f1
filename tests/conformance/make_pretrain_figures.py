"""Make pretraining.npz: what the official VideoMAE V2 pre-training computes on parameters and clips given by formulas.

    python tests/conformance/make_pretrain_figures.py CHECKOUT

CHECKOUT is a clone of github.com/OpenGVLab/VideoMAEv2 (figures made at 29eab1e). Its masks, model, loss, parameter
groups and schedule are imported and run as they are; packages that it imports and that do not matter here (old places
in timm, loggers) are replaced while it runs. Nothing of it is kept but the numbers.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import runpy
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
fill = runpy.run_path(str(HERE / "make_encoder_figures.py"))["fill"]
pixels = runpy.run_path(str(HERE / "recipe_inputs.py"))["pixels"]

FIELDS = ("size", "frames", "patch", "width", "depth", "heads", "mlp_width", "d_width", "d_depth", "d_heads", "clips")
CASES = {
    "small": dict(zip(FIELDS, (32, 8, 8, 48, 3, 4, 192, 24, 2, 3, 3), strict=True)),
    "giant": dict(zip(FIELDS, (56, 4, 14, 44, 2, 2, 192, 16, 2, 2, 2), strict=True)),  # its patch, and MLPs of 48/11
    "base": dict(zip(FIELDS, (224, 16, 16, 768, 12, 12, 3072, 384, 4, 6, 1), strict=True)),  # ViT-B as it is
}
RATIOS = {"small": (0.75, 0.5), "giant": (0.5, 0.25), "base": (0.9, 0.5), "small_undivided": (0.75, 0.0)}
"""Shares hidden from the encoder and not decoded; the last one decodes all that is hidden."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOKENS, VALUES = slice(None, None, 53), slice(None, None, 61)
"""The part of targets and outputs that is stored."""

TUBES = [
    ((8, 14, 14), 0.9),
    ((8, 14, 14), 0.75),
    ((8, 16, 16), 0.9),
    ((4, 6, 6), 0.75),
    ((4, 6, 10), 0.3),
    ((1, 7, 5), 0.5),
]
CELLS = [
    ((8, 14, 14), 0.5),
    ((8, 14, 14), 0.25),
    ((8, 14, 14), 0.75),
    ((8, 16, 16), 0.5),
    ((3, 4, 6), 0.5),
    ((5, 2, 2), 0.6),
]

SCHEDULE = {"lr": 1e-3 * 1024 / 256, "min_lr": 1e-5 * 1024 / 256, "epochs": 200, "warmup": 20, "per_epoch": 7}
"""ViT-B's, with a corpus of so few clips that every step can be stored."""

MODULES = ("models.modeling_pretrain", "dataset.masking_generator", "engine_for_pretraining", "optim_factory", "utils")
OLD_TIMM = (
    "adafactor",
    "adahessian",
    "adamp",
    "lookahead",
    "nadam",
    "novograd",
    "nvnovograd",
    "radam",
    "rmsprop_tf",
    "sgdp",
)


def case_of(label: str) -> dict[str, int]:
    """Return the architecture of a labelled pair of ratios."""
    return CASES[label.partition("_")[0]]


def make_clips(case: dict[str, int]) -> np.ndarray:
    """Return the pixels of a case: ``uint8 (clips, T, H, W, 3)``."""
    frames = pixels(case["clips"] * case["frames"], case["size"], case["size"], 3)
    return frames.reshape(case["clips"], -1, *frames.shape[1:])


def gradients_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return, for every parameter, the norm of its gradient and the cosine between gradient and parameter."""
    named = sorted(module.named_parameters())
    norms = np.array([parameter.grad.norm().item() for _, parameter in named])
    sizes = np.array([parameter.detach().norm().item() for _, parameter in named])
    products = np.array([(parameter.grad * parameter.detach()).sum().item() for _, parameter in named])
    return {"names": np.array([name for name, _ in named]), "norms": norms, "cosines": products / norms / sizes}


@contextlib.contextmanager
def official_code(checkout: Path) -> Iterator[SimpleNamespace]:
    """Import the official modules, with replacements for what they need and does not matter."""
    layers, registry = ModuleType("timm.models.layers"), ModuleType("timm.models.registry")
    layers.drop_path = lambda x, rate, training: x  # nothing here drops paths
    layers.to_2tuple = lambda x: (x, x)
    layers.trunc_normal_ = nn.init.trunc_normal_
    registry.register_model = lambda function: function
    replaced = {name: mock.MagicMock() for name in ("tensorboardX", *(f"timm.optim.{name}" for name in OLD_TIMM))}
    packages = {name: ModuleType(name) for name in ("models", "dataset")}  # without what their __init__ imports
    for name, package in packages.items():
        package.__path__ = [str(checkout / name)]
    with (
        mock.patch.dict(sys.modules, replaced | packages | {module.__name__: module for module in (layers, registry)}),
        mock.patch.object(sys, "path", [str(checkout), *sys.path]),
        mock.patch.object(torch.cuda, "synchronize"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield SimpleNamespace(**{name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES})


class Watched:
    """The official model as its training loop sees it; keeps what it gave and which labels it was compared with."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        self.labels = sys._getframe(1).f_locals["labels"]
        self.output = self.model(*inputs)
        return self.output

    def train(self) -> None:
        self.model.train()

    def parameters(self) -> Iterator[nn.Parameter]:
        return self.model.parameters()


class Idle:
    """An optimizer that leaves parameters and gradients alone."""

    param_groups = ({"lr": 0.0, "weight_decay": 0.0},)

    def zero_grad(self) -> None: ...

    def step(self) -> None: ...


def build(official: SimpleNamespace, case: dict[str, int]) -> nn.Module:
    """Return the official model of a case."""
    return official.modeling_pretrain.PretrainVisionTransformer(
        img_size=case["size"],
        patch_size=case["patch"],
        encoder_embed_dim=case["width"],
        encoder_depth=case["depth"],
        encoder_num_heads=case["heads"],
        decoder_num_classes=3 * 2 * case["patch"] ** 2,
        decoder_embed_dim=case["d_width"],
        decoder_depth=case["d_depth"],
        decoder_num_heads=case["d_heads"],
        mlp_ratio=case["mlp_width"] / case["width"],
        qkv_bias=True,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        all_frames=case["frames"],
    )


def step_figures(official: SimpleNamespace, label: str) -> dict[str, np.ndarray]:
    """Return masks, loss, gradients, and a part of the targets and outputs, of one step of the official loop."""
    case, (hide, skip) = case_of(label), RATIOS[label]
    model = build(official, case)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(fill(name, tuple(parameter.shape)))
    grid = (case["frames"] // 2, *(2 * [case["size"] // case["patch"]]))
    np.random.seed(7)
    tubes = official.masking_generator.TubeMaskingGenerator(grid, hide)
    hidden = np.stack([tubes() for _ in range(case["clips"])])
    skipped = 1 - hidden
    if skip:
        cells = official.masking_generator.RunningCellMaskingGenerator(grid, skip)
        skipped = np.stack([cells() for _ in range(case["clips"])])
    clips = torch.from_numpy(make_clips(case)).permute(0, 4, 1, 2, 3).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) for values in (MEAN, STD))
    batch = ((clips - mean) / std, torch.from_numpy(hidden), torch.from_numpy(skipped))
    watched = Watched(model)
    stats = official.engine_for_pretraining.train_one_epoch(
        watched, [batch], Idle(), torch.device("cpu"), 0, None, max_norm=None, patch_size=case["patch"], start_steps=0
    )
    return gradients_of(model) | {
        "hidden": hidden.astype(bool),
        "skipped": skipped.astype(bool),
        "loss": np.array(stats["loss"]),
        "targets": watched.labels[:, TOKENS, VALUES].numpy(),
        "output": watched.output[:, TOKENS, VALUES].detach().numpy(),
    }


def mask_figures(official: SimpleNamespace) -> dict[str, np.ndarray]:
    """Return how many places tubes hide, and the four maps of running cells as bits."""
    masks, found = official.masking_generator, {}
    for index, (grid, ratio) in enumerate(TUBES):
        np.random.seed(index)
        drawn = np.stack([masks.TubeMaskingGenerator(grid, ratio)() for _ in range(50)])
        found[f"tube{index}"] = np.array([drawn.sum((1, 2)).min(), drawn.sum((1, 2)).max(), np.ptp(drawn, 1).max()])
    for index, (grid, ratio) in enumerate(CELLS):
        maps = masks.RunningCellMaskingGenerator(grid, ratio).all_mask_maps
        found[f"cells{index}"] = np.packbits(maps.astype(bool).reshape(4, -1), axis=1)
    return found


def main(checkout: Path) -> None:
    with official_code(checkout) as official:
        stored = mask_figures(official)
        for label in RATIOS:
            stored |= {f"{label}/{name}": value for name, value in step_figures(official, label).items()}
        base = official.modeling_pretrain.pretrain_videomae_base_patch16_224(decoder_depth=4)
        stored["state_names"] = np.array(list(base.state_dict()))
        stored["state_shapes"] = np.array([str(tuple(tensor.shape)) for tensor in base.state_dict().values()])
        stored["parameters"] = np.array(sum(parameter.numel() for parameter in base.parameters()))
        groups = official.optim_factory.get_parameter_groups(base, 0.05, base.no_weight_decay())
        names = {id(parameter): name for name, parameter in base.named_parameters()}
        undecayed = [names[id(p)] for group in groups if group["weight_decay"] == 0 for p in group["params"]]
        stored["undecayed"] = np.array(sorted(undecayed))
        s = SCHEDULE
        stored["lr"] = official.utils.cosine_scheduler(s["lr"], s["min_lr"], s["epochs"], s["per_epoch"], s["warmup"])
        first = {name: p.detach() for name, p in base.named_parameters()}
        stored["first_limits"] = np.array([p.abs().max().item() for _, p in sorted(first.items())])
        stored["first_deviations"] = np.array([p.std(correction=0).item() for _, p in sorted(first.items())])
    np.savez_compressed(HERE / "pretraining.npz", **stored)


if __name__ == "__main__":
    torch.manual_seed(0)
    main(Path(sys.argv[1]))
