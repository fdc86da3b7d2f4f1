"""VideoMAE as Hugging Face transformers has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from tta_bench.errors import UserError
from tta_bench.registry import BACKBONES


@BACKBONES.register_module()
class HuggingFaceVideoMAE(nn.Module):
    """transformers' ``VideoMAEModel``, not pre-trained: ``float (B, 3, T, H, W) -> (B, N, D)``.

    Args:
        config: The settings in a model folder's config.json; by default transformers' own, which are ViT-B's.

    Raises:
        UserError: If transformers is not installed, or the settings are another model's.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        try:
            from transformers import VideoMAEConfig, VideoMAEModel
        except ImportError as error:
            raise UserError(
                f"backbone hf needs transformers, which does not import: {error}.", "pip install 'tta-bench[hf]'"
            ) from None
        kind = (config or {}).get("model_type", "videomae")
        if kind != "videomae":
            raise UserError(f"the folder's config.json describes a model of type '{kind}'; expected: videomae.")
        super().__init__()
        self.model: nn.Module = VideoMAEModel(VideoMAEConfig.from_dict(dict(config or {})))

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to tokens ``(B, N, D)``; transformers has time before channels."""
        tokens: Tensor = self.model(clip.transpose(1, 2)).last_hidden_state
        return tokens

    def layer_groups(self) -> list[list[str]]:
        """Return the embedding, each block, and the final norm, which a model with mean pooling has not."""
        blocks = len(self.model.encoder.layer)  # type: ignore[union-attr, arg-type]
        return [
            ["model.embeddings."],
            *([f"model.encoder.layer.{block}."] for block in range(blocks)),
            ["model.layernorm."],
        ]
