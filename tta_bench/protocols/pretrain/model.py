"""Masked autoencoder: an encoder that sees few tubelets, and a small decoder that restores hidden ones.

Wang et al., "VideoMAE V2: Scaling Video Masked Autoencoders with Dual Masking" (CVPR 2023); parameter names and first
weights as in github.com/OpenGVLab/VideoMAEv2, models/modeling_pretrain.py. Shapes do not change from step to step,
so the model compiles as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tta_bench.cards.kinds import BackboneCard
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.pretrain import DecoderSettings
from tta_bench.models.backbones.videomae import EPS, Block, VideoMAEV2, run_blocks, sinusoid_positions
from tta_bench.models.build import build_backbone
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.rename import tensors_in
from tta_bench.protocols.pretrain.masking import Grid
from tta_bench.utils.keyed_random import torch_seed

DEVIATION_EPS = 1e-6
"""Added to a tubelet's standard deviation before dividing by it (engine_for_pretraining.py of the repository)."""


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _decoder_positions(tokens: int, width: int, device: torch.device) -> Tensor:
    """Return the decoder's position table: PyTorch 2.11 takes two compiled constants of one function for one."""
    positions: Tensor = sinusoid_positions(tokens, width, device)
    return positions


class MaskedEncoder(nn.Module):
    """The blocks of a VideoMAE V2 encoder on the visible tubelets of a clip; the others are not even embedded.

    Args:
        backbone: Shares its tubelet embedding and its blocks.
    """

    def __init__(self, backbone: VideoMAEV2) -> None:
        super().__init__()
        self.patch_embed = backbone.patch_embed
        self.blocks = backbone.blocks
        self.norm = nn.LayerNorm(backbone.width, eps=EPS)
        self.checkpointing = backbone.checkpointing

    def forward(self, tubelets: Tensor, positions: Tensor) -> Tensor:
        """Map visible tubelets ``float (B, V, P, 3)`` and their positions ``(B, V, D)`` to tokens ``(B, V, D)``."""
        weight = self.patch_embed.proj.weight.permute(0, 2, 3, 4, 1).flatten(1)
        x = F.linear(tubelets.flatten(2), weight, self.patch_embed.proj.bias)
        x = run_blocks(self.blocks, x + positions.to(x.dtype), self.checkpointing and self.training)
        tokens: Tensor = self.norm(x)
        return tokens


class MaskedDecoder(nn.Module):
    """A small transformer from visible tokens and mask tokens to the pixels of tubelets."""

    def __init__(self, width: int, depth: int, heads: int, mlp_width: int, pixels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, heads, mlp_width) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, pixels)

    def forward(self, x: Tensor, count: int) -> Tensor:
        """Map tokens ``(B, N, D)`` to pixels ``(B, count, pixels)`` of the last ``count``."""
        x = run_blocks(self.blocks, x, checkpointing=False)
        pixels: Tensor = self.head(self.norm(x[:, -count:]))
        return pixels


class MaskedAutoencoder(nn.Module):
    """Encoder and decoder of masked pre-training.

    Args:
        backbone: The encoder to be pre-trained; its blocks are shared, not copied, and initialised anew.
        grid: Tokens of a clip in time, down and across.
        width: Width of the decoder's tokens.
        depth: Blocks of the decoder.
        heads: Attention heads of the decoder.

    Raises:
        ValueError: The decoder's heads do not share its width evenly.
    """

    def __init__(self, backbone: VideoMAEV2, grid: Grid, width: int = 384, depth: int = 4, heads: int = 6) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"decoder width {width} / {heads} heads = {width / heads:g}: heads share the width evenly")
        self.grid, self.tubelet, self.patch = grid, backbone.tubelet, backbone.patch
        self.widths = backbone.width, width
        pixels = 3 * backbone.tubelet * backbone.patch**2
        self.encoder = MaskedEncoder(backbone)
        self.decoder = MaskedDecoder(width, depth, heads, backbone.mlp_width * width // backbone.width, pixels)
        self.encoder_to_decoder = nn.Linear(backbone.width, width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder.apply(_initialise)
        self.decoder.apply(_initialise)
        nn.init.trunc_normal_(self.mask_token, std=0.02, a=-0.02, b=0.02)

    def forward(self, tubelets: Tensor, visible: Tensor, decoded: Tensor) -> Tensor:
        """Restore tubelets of clips.

        Args:
            tubelets: Pixels of the visible tubelets, normalised as the encoder's input: ``float (B, V, P, 3)``.
            visible: Their places among the clip's tokens, ``int64 (B, V)``.
            decoded: Places of the tokens to restore, ``int64 (B, D)``.

        Returns:
            ``float (B, D, P * 3)``, in the units of the targets; the channel runs fastest.
        """
        outer = sinusoid_positions(self.tokens, self.widths[0], tubelets.device)
        inner = _decoder_positions(self.tokens, self.widths[1], tubelets.device)
        seen = self.encoder_to_decoder(self.encoder(tubelets, outer[visible]))
        inner = inner.to(seen.dtype)
        x = torch.cat([seen + inner[visible], self.mask_token.to(seen.dtype) + inner[decoded]], dim=1)
        restored: Tensor = self.decoder(x, decoded.shape[1])
        return restored

    @property
    def tokens(self) -> int:
        """Tokens of a clip."""
        times, rows, columns = self.grid
        return times * rows * columns

    def no_weight_decay(self) -> set[str]:
        """Return the names of parameters without weight decay, besides biases and norms."""
        return {"mask_token"}


def cut_tubelets(clips: Tensor, tubelet: int, patch: int) -> Tensor:
    """Cut clips ``(B, T, H, W, 3)`` into tubelets ``(B, N, P, 3)``, P being tubelet x patch x patch.

    They are in the order of tokens and of the same type, so cutting ``uint8`` moves a quarter of the bytes.
    """
    b, t, h, w, channels = clips.shape
    cut = clips.reshape(b, t // tubelet, tubelet, h // patch, patch, w // patch, patch, channels)
    return cut.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, -1, tubelet * patch * patch, channels)


def join_tubelets(tubelets: Tensor, grid: Grid, tubelet: int, patch: int) -> Tensor:
    """Join tubelets ``(B, N, P, 3)`` to clips ``(B, T, H, W, 3)``; the inverse of `cut_tubelets`."""
    times, rows, columns = grid
    cut = tubelets.reshape(len(tubelets), times, rows, columns, tubelet, patch, patch, 3)
    return cut.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(tubelets), times * tubelet, rows * patch, columns * patch, 3)


def take(tokens: Tensor, places: Tensor) -> Tensor:
    """Return the tokens ``(B, n, ...)`` at places ``int64 (B, n)`` of ``(B, N, ...)``."""
    return tokens[torch.arange(len(tokens), device=tokens.device)[:, None], places]


def deviations(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and divisor ``(B, n, 1, 3)`` of each tubelet's channels, for pixels ``(B, n, P, 3)`` in [0, 1]."""
    deviation, mean = torch.std_mean(pixels, dim=-2, correction=1, keepdim=True)
    return mean, deviation + DEVIATION_EPS


def normalized_targets(pixels: Tensor) -> Tensor:
    """Return the decoder's targets ``float32 (B, n, P * 3)``: each tubelet's channels with mean 0 and deviation 1.

    As in the repository, engine_for_pretraining.py.

    Args:
        pixels: Tubelets ``float32 (B, n, P, 3)`` with values in [0, 1].
    """
    mean, divisor = deviations(pixels)
    return ((pixels - mean) / divisor).flatten(2)


def squared_errors(restored: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error of each tubelet: ``(B, n, P * 3)`` twice to ``float32 (B, n)``."""
    return F.mse_loss(restored.float(), targets, reduction="none").mean(-1)


def _initialise(module: nn.Module) -> None:
    """Initialise a layer as in the official pre-training; the tubelet embedding keeps PyTorch's initial weights."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build_autoencoder(
    card: BackboneCard, clip: ResolvedClip, decoder: DecoderSettings, seed: int, weights: Mapping[str, Any] | None
) -> MaskedAutoencoder:
    """Return a card's encoder with a decoder for masked pre-training, on the CPU.

    Args:
        card: The encoder, a VideoMAE V2.
        clip: Extent of a clip, from which the token grid follows.
        decoder: Size of the decoder.
        seed: Seed of the initial weights.
        weights: A checkpoint to start from, as `read_checkpoint` returns it: encoder and decoder if it has both, else
            the encoder.

    Raises:
        UserError: The backbone is no VideoMAE V2, its clips cannot be cut into tubelets, or the weights do not fit.
    """
    torch.manual_seed(torch_seed(seed, "init"))
    backbone = build_backbone(card, clip)
    if not isinstance(backbone, VideoMAEV2):
        raise UserError(
            f"{card.name} is a {type(backbone).__name__}, and masked pre-training needs a VideoMAEV2: "
            "an encoder that can be shown some of its tokens.",
        )
    try:
        grid = backbone.token_grid(clip.frames, clip.size, clip.size)
        model = MaskedAutoencoder(backbone, grid, decoder.width, decoder.depth, decoder.heads)
    except ValueError as error:
        raise UserError(f"{card.name} cannot be pre-trained so: {error}") from error
    if weights is None:
        return model
    tensors, needed = tensors_in(weights), model.state_dict()
    if all(name in tensors and tensors[name].shape == tensor.shape for name, tensor in needed.items()):
        model.load_state_dict({name: tensors[name] for name in needed})
    else:
        load_backbone(backbone, weights)
    return model
