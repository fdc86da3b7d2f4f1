"""V-JEPA 2's encoder as Hugging Face transformers has it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tta_bench.errors import UserError
from tta_bench.registry import BACKBONES


@BACKBONES.register_module()
class VJEPA2(nn.Module):
    """transformers' ``VJEPA2Model`` without its predictor, not pre-trained: ``float (B, 3, T, H, W) -> (B, N, D)``.

    Its positions are rotary and follow from the clip, so that any even number of frames is taken; the grid of patches
    is that of ``size``.

    Args:
        size: Height and width of a clip in pixels.
        drop_path: Stochastic depth of the last block; it grows linearly from 0 in the first.
        options: More fields of ``VJEPA2Config``, whose defaults are ViT-L's.

    Raises:
        UserError: transformers is not installed, or too old to know V-JEPA 2.
    """

    def __init__(self, size: int = 256, drop_path: float = 0.0, **options: Any) -> None:
        try:
            from transformers import VJEPA2Config, VJEPA2Model
        except ImportError as error:
            raise UserError(
                f"V-JEPA 2 needs transformers, which does not import: {error}.", "pip install 'tta-bench[hf]'"
            ) from None
        super().__init__()
        model = VJEPA2Model(VJEPA2Config(crop_size=size, drop_path_rate=drop_path, **options))
        self.encoder: nn.Module = model.encoder

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to tokens ``(B, N, D)``; transformers has time before channels."""
        tokens: Tensor = self.encoder(clip.transpose(1, 2)).last_hidden_state
        return tokens

    def layer_groups(self) -> list[list[str]]:
        """Return the embedding, each block, and the final norm."""
        blocks = len(self.encoder.layer)  # type: ignore[arg-type]
        return [
            ["encoder.embeddings."],
            *([f"encoder.layer.{block}."] for block in range(blocks)),
            ["encoder.layernorm."],
        ]
