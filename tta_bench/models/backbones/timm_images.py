"""Image encoders lifted over the frames of a clip."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from tta_bench.errors import unknown
from tta_bench.registry import BACKBONES


class PerFrame(nn.Module):
    """Apply an image encoder ``(B, 3, H, W) -> (B, D)`` to every frame: ``(B, 3, T, H, W) -> (B, T, D)``."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clip: Tensor) -> Tensor:
        """Map a clip ``(B, 3, T, H, W)`` to one token per frame ``(B, T, D)``."""
        batch, _, frames = clip.shape[:3]
        features: Tensor = self.encoder(clip.transpose(1, 2).flatten(0, 1))
        return features.reshape(batch, frames, *features.shape[1:])

    def layer_groups(self) -> list[list[str]]:
        """Return the encoder's layers, from the input on; the last layer counts with the head.

        They come from the encoder's own ``layer_groups()`` or timm's ``group_matcher``; without either, all
        parameters are one layer.
        """
        grouped = getattr(self.encoder, "layer_groups", None)
        if callable(grouped):
            groups: list[list[str]] = grouped()
        elif hasattr(self.encoder, "group_matcher"):
            groups = matched_groups(self.encoder)
        else:
            groups = [[""]]
        return [[f"encoder.{name}" for name in group] for group in groups]


@BACKBONES.register_module()
class TimmBackbone(PerFrame):
    """Any image model of timm, without its classifier, lifted over frames: ``float (B, 3, T, H, W) -> (B, T, D)``.

    Args:
        name: The model's name in timm, e.g. ``resnet50``.
        size: Height and width of the frames in pixels, for models that are made for one size; by default their own.
        drop_path: Stochastic depth of the last block, in models that have it.
        options: More arguments for ``timm.create_model``.

    Raises:
        UserError: If timm has no model of that name.
    """

    def __init__(self, name: str, size: int | None = None, drop_path: float = 0.0, **options: Any) -> None:
        import timm  # takes seconds, and only this class needs it

        if not timm.is_model(name):
            raise unknown("timm model", name, timm.list_models())
        known = timm.get_pretrained_cfg(name)
        own = None if known is None or not known.fixed_input_size else known.input_size[-1]
        free = {"dynamic_img_size", "strict_img_size"} & options.keys()
        if size is not None and own not in (None, size) and not free:
            options = {"img_size": size, **options}
        if drop_path:
            options["drop_path_rate"] = drop_path
        super().__init__(timm.create_model(name, pretrained=False, num_classes=0, **options))


def matched_groups(module: nn.Module) -> list[list[str]]:
    """Return the parameters' names in layers, as the module's ``group_matcher`` (a convention of timm) groups them.

    What no pattern matches belongs with the head and comes last; where there is no such parameter the last layer is
    empty, so that the last block never counts as the head.
    """
    from timm.models._manipulate import group_with_matcher

    head = "\0head"  # a name that no pattern matches, so that the last layer exists
    named = [*module.named_parameters(), (head, None)]
    groups = group_with_matcher(named, module.group_matcher(coarse=False))  # type: ignore[operator]
    return [[name for name in group if name != head] for group in groups.values()]
