"""The video models of torchvision."""

from __future__ import annotations

from torch import Tensor, nn

from tta_bench.errors import unknown
from tta_bench.models.measure import count_parameters
from tta_bench.registry import BACKBONES

HEADS = ("fc", "classifier", "head")
"""Names of the classifier in torchvision's models."""
STEMS = ("stem", "conv_proj", "pos_encoding", "patch_embed")
NORM = "norm"


@BACKBONES.register_module()
class TorchvisionVideo(nn.Module):
    """Any video model of torchvision, without its classifier: ``float (B, 3, T, H, W) -> (B, D)``.

    Args:
        name: The model's name in torchvision, e.g. ``r3d_18``.
        drop_path: Stochastic depth of the last block, in models that have it; it grows linearly from 0 in the first.

    Raises:
        UserError: If torchvision has no video model of that name.
    """

    def __init__(self, name: str, drop_path: float = 0.0) -> None:
        from torchvision.models import get_model, list_models, video
        from torchvision.ops import StochasticDepth

        known = list_models(module=video)
        if name not in known:
            raise unknown("torchvision video model", name, known)
        super().__init__()
        self.encoder: nn.Module = get_model(name, weights=None)
        (head,) = (child for child, _ in self.encoder.named_children() if child in HEADS)
        setattr(self.encoder, head, nn.Identity())
        depths = [child for child in self.encoder.modules() if isinstance(child, StochasticDepth)]
        for index, depth in enumerate(depths):
            depth.p = drop_path * index / max(1, len(depths) - 1)

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to features ``(B, D)``."""
        features: Tensor = self.encoder(clip)
        return features

    def layer_groups(self) -> list[list[str]]:
        """Return the stem, each element of the stages that follow, and the final norm, which may be none."""
        stem, blocks, norm = list[str](), list[list[str]](), list[str]()
        for name, child in self.encoder.named_children():
            if not count_parameters(child):
                continue
            if name in STEMS:
                stem.append(f"encoder.{name}.")
            elif name == NORM:
                norm.append(f"encoder.{name}.")
            else:
                trained = [index for index, part in child.named_children() if count_parameters(part)]
                blocks += [[f"encoder.{name}.{index}."] for index in trained]
        return [*([stem] if stem else []), *blocks, norm]
