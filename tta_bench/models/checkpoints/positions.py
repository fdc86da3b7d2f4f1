"""Learned positions of another input size: resampled as timm does, for encoders of images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isqrt

from torch import Tensor, nn

TABLE = re.compile(r"(.*\.)?(pos_embed|pos_emb|position_embeddings?|positional_embedding)(\.weight)?")
BIAS = re.compile(r"(.*\.)?relative_position_bias_table")
GEOMETRY = re.compile(r"(.*\.)?(relative_position_index|relative_coords_table|attn_mask|position_ids)")
"""Buffers that follow from the input's size alone; old files hold them, and a module computes its own."""


def is_position(name: str) -> bool:
    """Return True if a tensor's name is that of learned positions, whose shape follows from the input's size."""
    return bool(TABLE.fullmatch(name) or BIAS.fullmatch(name))


def resample_positions(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], encoder: nn.Module
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return tensors with positions of another size resampled, and a phrase with both shapes for each of them.

    The rules are timm's (``resample_abs_pos_embed``: bicubic with antialiasing, tokens that stand for no patch kept;
    ``resize_rel_pos_bias_table``). Positions that are no square grid are left as they are.

    Args:
        tensors: Tensors of a checkpoint, by the encoder's names.
        wanted: The encoder's own.
        encoder: The encoder of images.
    """
    resampled, said = dict(tensors), list[str]()
    for name, tensor in tensors.items():
        own = wanted.get(name)
        if own is None or own.shape == tensor.shape or not is_position(name):
            continue
        changed = _resample(name, tensor, own, encoder)
        if changed is not None and changed.shape == own.shape:
            resampled[name] = changed
            said.append(f"{name} {tuple(tensor.shape)} to {tuple(own.shape)}")
    return resampled, tuple(said)


def _resample(name: str, tensor: Tensor, own: Tensor, encoder: nn.Module) -> Tensor | None:
    from timm.layers import resample_abs_pos_embed, resample_abs_pos_embed_nhwc, resize_rel_pos_bias_table

    if tensor.ndim != own.ndim or tensor.shape[-1] != own.shape[-1]:
        return None
    if BIAS.fullmatch(name):
        extra = next(
            (extra for extra in (0, 3) if _odd_side(len(tensor) - extra) and _odd_side(len(own) - extra)), None
        )
        if extra is None:
            return None
        window = (_odd_side(len(own) - extra) + 1) // 2
        bias: Tensor = resize_rel_pos_bias_table(tensor, (window, window), tuple(own.shape))
        return bias
    if tensor.ndim == 4:  # (1, H, W, C)
        grid: Tensor = resample_abs_pos_embed_nhwc(tensor, list(own.shape[1:3]))
        return grid
    if tensor.ndim != 3 or tensor.shape[0] != 1:
        return None
    prefix = _prefix_tokens(tensor.shape[1], own.shape[1], encoder)
    if prefix is None:
        return None
    side = isqrt(own.shape[1] - prefix)
    table: Tensor = resample_abs_pos_embed(tensor, [side, side], num_prefix_tokens=prefix)
    return table


def _prefix_tokens(theirs: int, ours: int, encoder: nn.Module) -> int | None:
    """Return the tokens before the grid's (class token, registers), or None where neither number is a square grid."""
    stated = getattr(encoder, "num_prefix_tokens", None)
    if getattr(encoder, "no_embed_class", False):
        stated = 0
    choices = (stated,) if isinstance(stated, int) else (1, 0, 2)
    return next((count for count in choices if _square(theirs - count) and _square(ours - count)), None)


def _square(number: int) -> bool:
    return number > 0 and isqrt(number) ** 2 == number


def _odd_side(number: int) -> int:
    """Return the side of a square of an odd number of rows, or 0."""
    return isqrt(number) if _square(number) and isqrt(number) % 2 else 0
