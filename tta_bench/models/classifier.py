"""A backbone with a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tta_bench.errors import BenchError, UserError
from tta_bench.models.measure import describe_output, layout_hint, one_line, trace
from tta_bench.models.noise import ClipDropout


class Classifier(nn.Module):
    """Backbone, mean over tokens if there are any, dropout, linear head: ``float (B, 3, T, H, W) -> (B, classes)``.

    The head starts as the official fine-tuning of VideoMAE starts it (github.com/OpenGVLab/VideoMAEv2,
    models/modeling_finetune.py): truncated normal of deviation 0.02, then scaled down.

    Args:
        backbone: Any module that gives features ``(B, D)`` or tokens ``(B, N, D)``.
        width: D; see `measure_width`.
        classes: Number of classes.
        dropout: Share of the features that is zeroed in training.
        init_scale: Factor on the head's initial weights.
    """

    def __init__(
        self, backbone: nn.Module, width: int, classes: int, dropout: float = 0.0, init_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = ClipDropout(width, dropout)
        self.head = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.weight.mul_(init_scale)

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to logits ``(B, classes)``."""
        features: Tensor = self.backbone(clip)
        if features.ndim == 3:
            features = features.mean(1)
        logits: Tensor = self.head(self.dropout(features))
        return logits


def measure_width(backbone: nn.Module, clip_shape: tuple[int, ...]) -> int:
    """Return the width of a backbone's features, measured by one forward pass of zeros.

    Args:
        backbone: The module; its training mode and weights stay as they are.
        clip_shape: Shape of one input without the batch, ``(3, T, H, W)`` for video.

    Raises:
        UserError: If the backbone refuses the clip or gives something else than ``(B, D)`` or ``(B, N, D)``.
    """
    try:
        features, _ = trace(backbone, clip_shape)
    except BenchError:
        raise
    except Exception as error:
        said = " ".join(filter(None, [one_line(error), layout_hint(backbone)]))
        raise UserError(f"the backbone does not take a clip of {_shape(clip_shape)}: {said}") from error
    if not isinstance(features, Tensor):
        given = describe_output(features)
    elif features.ndim not in (2, 3) or features.shape[0] != 1:
        given = _shape(tuple(features.shape))
    else:
        return features.shape[-1]
    raise UserError(
        f"the backbone gave {given} for a batch of one clip of {_shape(clip_shape)}.",
        "Expected features (B, D) or tokens (B, N, D), here with B = 1.",
    )


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
