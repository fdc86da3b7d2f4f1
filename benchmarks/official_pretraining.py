"""The official pre-training of VideoMAE V2 (github.com/OpenGVLab/VideoMAEv2), run as it is.

Its code is taken from `VideoMAEv2` in the folder that TTA_BENCH_PEERS names. It is older than the packages that it
finds here: timm's old places and the loggers that it imports are replaced while it runs.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

OFFICIAL = "official VideoMAE V2"
MODULES = ("models.modeling_pretrain", "dataset.masking_generator", "engine_for_pretraining", "optim_factory")
OLD_TIMM = (
    *("adafactor", "adahessian", "adamp", "lookahead", "nadam", "novograd"),
    *("nvnovograd", "radam", "rmsprop_tf", "sgdp"),
)


def checkout() -> Path | None:
    """Return the folder of the official code, or None where it is not at hand."""
    folder = Path(os.environ.get("TTA_BENCH_PEERS", "no-peers")) / "VideoMAEv2"
    return folder if (folder / "engine_for_pretraining.py").is_file() else None


@contextlib.contextmanager
def official_code(folder: Path) -> Iterator[SimpleNamespace]:
    """Import the official modules, and forget them afterwards."""
    layers, registry = ModuleType("timm.models.layers"), ModuleType("timm.models.registry")
    vars(layers).update(drop_path=_keep, to_2tuple=lambda x: (x, x), trunc_normal_=nn.init.trunc_normal_)
    vars(registry).update(register_model=lambda function: function)
    replaced: dict[str, Any] = {
        name: mock.MagicMock() for name in ("tensorboardX", *(f"timm.optim.{n}" for n in OLD_TIMM))
    }
    for name in ("models", "dataset"):  # without what their __init__ imports
        replaced[name] = ModuleType(name)
        replaced[name].__path__ = [str(folder / name)]
    replaced |= {module.__name__: module for module in (layers, registry)}
    with (
        mock.patch.dict(sys.modules, replaced),
        mock.patch.object(sys, "path", [str(folder), *sys.path]),
        mock.patch.object(torch.cuda, "synchronize"),
    ):
        yield SimpleNamespace(**{name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES})


def official_step(folder: Path, clips: Tensor) -> Callable[[str], object]:
    """Return a call that does one step of the official ``train_one_epoch`` on ViT-B: the loss, its gradient, AdamW.

    In bfloat16 the loop runs inside autocast, since its own wants a GPU. What it gets is what its loader gives: clips
    normalised in float32 and masks in float64.

    Args:
        folder: The checkout.
        clips: ``uint8 (clips, 16, 224, 224, 3)``, on the device that is computed on.

    Returns:
        The call, which takes the precision: ``fp32`` or ``bf16``.
    """
    with official_code(folder) as official, contextlib.redirect_stdout(io.StringIO()):
        model = official.modeling_pretrain.pretrain_videomae_base_patch16_224(decoder_depth=4).to(clips.device)
        groups = official.optim_factory.get_parameter_groups(model, 0.05, model.no_weight_decay())
        masks = official.masking_generator
        tubes, cells = masks.TubeMaskingGenerator((8, 14, 14), 0.9), masks.RunningCellMaskingGenerator((8, 14, 14), 0.5)
        train_one_epoch = official.engine_for_pretraining.train_one_epoch
    kept = [{"params": group["params"], "weight_decay": group["weight_decay"]} for group in groups]
    optimizer = torch.optim.AdamW(kept, betas=(0.9, 0.95))
    mean, std = (
        clips.new_tensor(v, dtype=torch.float32).view(1, 3, 1, 1, 1)
        for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    images = (clips.permute(0, 4, 1, 2, 3).float() / 255 - mean) / std

    def step(precision: str) -> None:
        hidden, skipped = (torch.stack([torch.from_numpy(draw()) for _ in clips]) for draw in (tubes, cells))
        batch = (images, hidden, skipped)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            mock.patch.object(torch.cuda, "synchronize"),
            torch.autocast(clips.device.type, torch.bfloat16, enabled=precision == "bf16"),
        ):
            train_one_epoch(model, [batch], optimizer, clips.device, 0, None, max_norm=None, start_steps=0)

    return step


def _keep(x: Tensor, rate: float, training: bool) -> Tensor:
    """Stand for timm's ``drop_path``; nothing is dropped in pre-training."""
    return x
