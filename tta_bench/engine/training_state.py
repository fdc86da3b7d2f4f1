"""The state of a training on disk, with a digest of its content: damage and mistaken files are refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import Checkpoint, read_checkpoint, save_checkpoint

SHA256 = "sha256"
"""Entry of a checkpoint that holds the digest of all the others."""
WAY_OUT = "Delete it, or say --resume never: training then starts anew."


def save_state(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all, with the digest of its content."""
    save_checkpoint(path, {**content, SHA256: state_digest(content)})


def read_state(path: Path, training: str) -> Checkpoint:
    """Read the checkpoint of a training.

    Args:
        path: The file.
        training: Identity of the training that is to go on.

    Raises:
        UserError: The file cannot be read, is of another training, or was changed; names it, and the way out.
    """
    try:
        content = read_checkpoint(path)
    except UserError as error:
        raise UserError(error.message, WAY_OUT) from None
    if content.get("training") != training:
        found = str(content["training"])[:8] if "training" in content else "it names none"
        raise UserError(f"{path} is the checkpoint of another training ({found}, not {training[:8]}).", WAY_OUT)
    step = content.get("step")
    if not isinstance(step, int) or not {"model", "optimizer"} <= content.keys():
        raise UserError(f"{path} is no whole checkpoint: step, model or optimizer is missing.", WAY_OUT)
    saved = content.pop(SHA256, None)
    if saved is not None and saved != state_digest(content):  # earlier versions wrote none
        raise UserError(
            f"{path} was changed or damaged after it was written: its content is not the one saved.", WAY_OUT
        )
    return content


def state_digest(content: Mapping[str, Any]) -> str:
    """Return a digest of a checkpoint's content, down to the bytes of its tensors."""
    digest = hashlib.sha256()
    _add(digest, dict(content))
    return digest.hexdigest()


def _add(digest: Any, value: object) -> None:
    """Add a value to a digest, so that no two different ones give the same bytes."""
    if isinstance(value, Tensor):
        tensor = value.detach().cpu().contiguous()
        digest.update(f"tensor {tensor.dtype} {tuple(tensor.shape)}:".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    elif isinstance(value, Mapping):
        digest.update(f"mapping {len(value)}:".encode())
        for key, entry in value.items():
            _add(digest, key)
            _add(digest, entry)
    elif isinstance(value, list | tuple):
        digest.update(f"list {len(value)}:".encode())
        for entry in value:
            _add(digest, entry)
    else:
        text = repr(value).encode()
        digest.update(f"{type(value).__name__} {len(text)}:".encode() + text)
