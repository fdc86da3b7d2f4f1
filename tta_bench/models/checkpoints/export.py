"""Weights for other people's code: an encoder under the names that official fine-tuning reads."""

from __future__ import annotations

import re
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.models.checkpoints.rename import best_prefix, common_heads, official_videomae, tensors_in

_FIRST = "patch_embed.proj.weight"
_ENCODER = re.compile(r"(patch_embed|blocks|fc_norm)\.")


def export_fine_tuning(source: Path, into: Path) -> dict[str, Tensor]:
    """Write a VideoMAE's encoder, and its classifier if it has one, as official fine-tuning reads them.

    The official scripts (github.com/OpenGVLab/VideoMAEv2, run_class_finetuning.py), and whatever converts their files,
    take the names ``patch_embed``, ``blocks``, ``fc_norm`` and ``head``. A decoder is left out, and so is the norm that
    pre-training has behind the encoder.

    Args:
        source: A checkpoint of any accepted kind (see `tta_bench.models.checkpoints.rename`).
        into: The new file, ``.safetensors`` or ``.pth``; in the latter the tensors stand under ``model``.

    Returns:
        The written tensors, by name.

    Raises:
        UserError: The source cannot be read or is no VideoMAE, or the new file is there or is called something else.
    """
    if into.suffix not in {".safetensors", ".pth"}:
        raise UserError(f"{into} is called neither .safetensors nor .pth.")
    if into.exists():
        raise UserError(f"{into} is there already.", "Delete it, or choose another name.")
    tensors = official_videomae(common_heads(tensors_in(read_checkpoint(source))))
    prefix = best_prefix(tensors, [_FIRST])
    if prefix + _FIRST not in tensors:
        raise UserError(f"{source} holds no VideoMAE: there is no {_FIRST} in it.")
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    chosen = {name: tensor for name, tensor in inside.items() if _ENCODER.match(name)}
    chosen |= {name: tensors[name] for name in ("head.weight", "head.bias") if name in tensors}
    exported = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in chosen.items()}
    if into.suffix == ".pth":
        save_checkpoint(into, {"model": exported})
    else:
        into.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file(exported, into)
    return exported
