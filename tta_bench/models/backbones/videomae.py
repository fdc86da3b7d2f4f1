"""The VideoMAE V2 encoder: a plain vision transformer over tubelets.

Architecture and parameter names follow Wang et al., "VideoMAE V2: Scaling Video Masked Autoencoders with Dual Masking"
(CVPR 2023), github.com/OpenGVLab/VideoMAEv2, models/modeling_finetune.py, so that its released weights load unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tta_bench.models.attention import attend
from tta_bench.models.noise import ClipNoise
from tta_bench.registry import BACKBONES

EPS = 1e-6
"""LayerNorm's epsilon, everywhere in VideoMAE."""

_TABLES: dict[tuple[int, int, torch.device], Tensor] = {}


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def sinusoid_positions(tokens: int, width: int, device: torch.device) -> Tensor:
    """Return the fixed position table of Vaswani et al. (2017), section 3.5: ``float32 (tokens, width)``.

    Computed in float64, rounded once and kept. The index runs over the flattened grid: time, then rows, then columns.
    """
    key = (tokens, width, device)
    if key not in _TABLES:
        angle = np.arange(tokens)[:, None] * 10000.0 ** (-2 * (np.arange(width) // 2) / width)
        table = np.where(np.arange(width) % 2 == 0, np.sin(angle), np.cos(angle))
        positions = torch.from_numpy(table.astype(np.float32)).to(device)
        if type(positions) is not Tensor:  # one without data, where only shapes are worked out
            return positions
        _TABLES[key] = positions
    return _TABLES[key]


class Attention(nn.Module):
    """Multi-head self-attention whose query and value have a bias and whose key has none."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to tokens of the same shape."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        qkv = F.linear(x, self.qkv.weight, bias).reshape(*x.shape[:2], 3, self.heads, x.shape[2] // self.heads)
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))  # their gradients are written in qkv's own order
        mixed: Tensor = self.proj(attend(q, k, v).transpose(1, 2).flatten(2))
        return mixed


class Mlp(nn.Module):
    """Two linear layers with the exact (error function) GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to tokens of the same shape."""
        tokens: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return tokens


class Block(ClipNoise):
    """A pre-norm transformer block with stochastic depth (Huang et al., 2016), drawn per sample."""

    def __init__(self, width: int, heads: int, mlp_width: int, drop_path: float = 0.0) -> None:
        super().__init__(2 if drop_path else 0)
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = Mlp(width, mlp_width)
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens ``(B, N, D)`` to tokens of the same shape."""
        if not self.training or self.drop_path == 0.0:
            x = x + self.attn(self.norm1(x))
            added: Tensor = self.mlp(self.norm2(x))
            return x + added
        keeps = self.uniform(len(x)) >= self.drop_path
        x = self._add_kept(x, self.norm1, self.attn, keeps[:, 0])
        return self._add_kept(x, self.norm2, self.mlp, keeps[:, 1])

    def _add_kept(self, x: Tensor, norm: nn.Module, branch: nn.Module, keeps: Tensor) -> Tensor:
        """Add a branch, scaled up, to the samples that keep it.

        What is left out is not computed, so with a mean rate of .1 a tenth of all blocks' work is saved; a compiled
        model computes it, since its shapes are fixed.
        """
        share = 1.0 - self.drop_path
        if torch.compiler.is_compiling():
            added: Tensor = branch(norm(x)) * keeps.div(share).to(x, non_blocking=True)[:, None, None]
            return x + added
        kept = keeps.nonzero().flatten().to(x.device, non_blocking=True)
        rows = x if len(kept) == len(x) else _Rows.apply(x, kept)
        rows = rows + (branch(norm(rows)) / share).to(x.dtype)
        return rows if len(kept) == len(x) else x.index_copy(0, kept, rows)


class _Rows(torch.autograd.Function):
    """Rows of a batch, none twice: their gradient is copied into its place, where `index_select` would add it.

    On a CPU adding takes longer than a norm and a product together.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.batch = len(x)
        return x.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (rows,), (gradient,) = ctx.saved_tensors, gradients
        return gradient.new_zeros(ctx.batch, *gradient.shape[1:]).index_copy_(0, rows, gradient), None


class PatchEmbed(nn.Module):
    """Cut a clip into tubelets and project each to a token."""

    def __init__(self, tubelet: int, patch: int, width: int) -> None:
        super().__init__()
        size = (tubelet, patch, patch)
        self.proj = nn.Conv3d(3, width, kernel_size=size, stride=size)

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to tokens ``(B, N, D)``, in the order time, rows, columns."""
        grid: Tensor = self.proj(clip)
        return grid.flatten(2).transpose(1, 2)


def run_blocks(blocks: Iterable[nn.Module], x: Tensor, checkpointing: bool) -> Tensor:
    """Send tokens ``(B, N, D)`` through blocks; with checkpointing, activations are computed twice and not kept."""
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False) if checkpointing else block(x)
    return x


@BACKBONES.register_module()
class VideoMAEV2(nn.Module):
    """The encoder with mean pooling, as it is fine-tuned: ``float (B, 3, T, H, W) -> (B, width)``.

    A clip of another length or size than the declared one is taken too, with the position table of its own grid.

    Args:
        size: Height and width of the clips it is meant for, in pixels.
        frames: Number of frames of the clips it is meant for.
        patch: Height and width of a tubelet, in pixels.
        tubelet: Number of frames of a tubelet.
        width: Width of the tokens.
        depth: Number of blocks.
        heads: Number of attention heads; they share the width.
        mlp_width: Width of the hidden layer of a block's MLP.
        drop_path: Stochastic depth of the last block; it grows linearly from 0 in the first.
        checkpointing: In training, compute a block's activations twice instead of keeping them.

    Raises:
        ValueError: If the size, the frames or the width do not divide.
    """

    def __init__(
        self,
        size: int = 224,
        frames: int = 16,
        patch: int = 16,
        tubelet: int = 2,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        mlp_width: int = 3072,
        drop_path: float = 0.0,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"width {width} / {heads} heads = {width / heads:g}: the heads must share the width evenly"
            )
        self.tubelet, self.patch, self.width, self.mlp_width = tubelet, patch, width, mlp_width
        self.checkpointing = checkpointing
        self.token_grid(frames, size, size)
        self.patch_embed = PatchEmbed(tubelet, patch, width)
        rates = [drop_path * index / max(depth - 1, 1) for index in range(depth)]
        self.blocks = nn.ModuleList([Block(width, heads, mlp_width, rate) for rate in rates])
        self.fc_norm = nn.LayerNorm(width, eps=EPS)
        self.apply(_initialise)

    def token_grid(self, frames: int, height: int, width: int) -> tuple[int, int, int]:
        """Return the number of tokens in time, down and across, for a clip of this many frames and pixels.

        Raises:
            ValueError: If the clip cannot be cut into whole tubelets.
        """
        pairs = (("frames", frames, self.tubelet), ("height", height, self.patch), ("width", width, self.patch))
        wrong = [f"{name} {length} / {step} = {length / step:g}" for name, length, step in pairs if length % step]
        if wrong:
            raise ValueError(f"the clip cannot be cut into tubelets of {self._tubelet_size()}: {', '.join(wrong)}")
        return frames // self.tubelet, height // self.patch, width // self.patch

    def tokens(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to tokens with their positions ``(B, N, width)``, before the first block."""
        self.token_grid(*clip.shape[2:])
        x: Tensor = self.patch_embed(clip)
        positions: Tensor = sinusoid_positions(x.shape[1], self.width, x.device)
        return x + positions.to(x.dtype)

    def token_features(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to the tokens after the last block ``(B, N, width)``, for attentive heads."""
        return run_blocks(self.blocks, self.tokens(clip), self.checkpointing and self.training)

    def pool(self, tokens: Tensor) -> Tensor:
        """Map the tokens after the last block to features ``(B, width)``."""
        features: Tensor = self.fc_norm(tokens.mean(1))
        return features

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to features ``(B, width)``."""
        return self.pool(self.token_features(clip))

    def layer_groups(self) -> list[list[str]]:
        """Return the parameters' name prefixes in layers, from the input on; the last layer counts with the head."""
        return [["patch_embed."], *([f"blocks.{index}."] for index in range(len(self.blocks))), ["fc_norm."]]

    def _tubelet_size(self) -> str:
        return f"{self.tubelet} frames x {self.patch} x {self.patch} pixels"


def _initialise(module: nn.Module) -> None:
    """Initialise a layer as the official fine-tuning does; the tubelet embedding keeps PyTorch's own."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
