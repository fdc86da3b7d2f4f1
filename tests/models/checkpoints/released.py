"""Files of released weights as their projects write them: names and shapes from each project's own architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tta_bench.cards.kinds import BackboneCard, WeightsCard
from tta_bench.models.backbones.mmaction2_compat import build_mmaction
from tta_bench.models.backbones.videomae import sinusoid_positions

KINETICS = {"710": 710, "700": 700}


def classes_of(card: WeightsCard) -> int:
    """Return the number of classes of a released classifier."""
    last = list(card.seen)[-1]
    numbers = {"Something-Something V2": 174, "UCF101": 101, "UCF101 (training list 1)": 101, "HMDB51": 51}
    return numbers.get(last, KINETICS.get(last[-3:], 1000 if last.startswith("ImageNet") else 400))


def released(card: WeightsCard, backbone: BackboneCard, net: nn.Module) -> dict[str, Any]:
    """Return a file's content with tensors of no memory, under the names of the card's format.

    Args:
        card: The card.
        backbone: Card of the backbone.
        net: The backbone, whose own names the official VideoMAE projects share.
    """
    with torch.device("meta"):
        if card.format == "torchvision":
            from torchvision.models import get_model

            return dict(get_model(backbone.arguments["name"], weights=None).state_dict())
        if card.format == "timm":
            import timm

            return dict(timm.create_model(backbone.arguments["name"]).state_dict())
        if card.format == "mmaction2":
            return _mmaction2(card, backbone, net)
        if card.format == "huggingface":
            return _huggingface(card, backbone)
        return _official(card, net)


def _official(card: WeightsCard, net: nn.Module) -> dict[str, Any]:
    """Official VideoMAE: a fine-tuned network, or an encoder with its decoder."""
    own = dict(net.state_dict())
    if card.pretraining.labels:
        width = own["patch_embed.proj.weight"].shape[0]
        head = {"head.weight": torch.empty(classes_of(card), width), "head.bias": torch.empty(classes_of(card))}
        return {"module": own | head}
    encoder = {f"encoder.{name.replace('fc_norm', 'norm')}": tensor for name, tensor in own.items()}
    decoder = {"decoder.head.weight": torch.empty(1536, 384), "encoder_to_decoder.weight": torch.empty(384, 768)}
    return {"model": encoder | decoder | {"mask_token": torch.empty(1, 1, 384)}, "epoch": 199}


def _mmaction2(card: WeightsCard, backbone: BackboneCard, net: nn.Module) -> dict[str, Any]:
    if backbone.component == "VideoMAEV2":
        state, width = _vit_mae(backbone.arguments), backbone.arguments["width"]
    else:
        state, width = dict(net.encoder.state_dict()), 16  # type: ignore[union-attr, operator]
    tensors: dict[str, Tensor] = {f"backbone.{name}": tensor for name, tensor in state.items()}
    tensors |= {"cls_head.fc_cls.weight": torch.empty(classes_of(card), width)}
    tensors |= {"data_preprocessor.mean": torch.empty(3, 1, 1, 1), "data_preprocessor.std": torch.empty(3, 1, 1, 1)}
    return {"state_dict": tensors, "meta": {"epoch": 1}}


def _vit_mae(sizes: Mapping[str, Any]) -> dict[str, Tensor]:
    """MMAction2's ``VisionTransformer``, of which one block is built and stands for all, and its table of positions."""
    kind = {"type": "VisionTransformer", "num_frames": 16, "qkv_bias": True, "norm_cfg": {"type": "LN", "eps": 1e-6}}
    kind |= {"embed_dims": sizes["width"], "depth": 1, "num_heads": sizes["heads"], "mlp_ratio": 4}
    with torch.device("cpu"):
        built = {name: tensor.to("meta") for name, tensor in build_mmaction(kind).state_dict().items()}
    table = sinusoid_positions(1568, sizes["width"], torch.device("cpu"))
    assert built["pos_embed"].numel() == table.numel()
    built["pos_embed"] = table.reshape(built["pos_embed"].shape)
    block = {name.removeprefix("blocks.0."): tensor for name, tensor in built.items() if name.startswith("blocks.0.")}
    rest = {name: tensor for name, tensor in built.items() if not name.startswith("blocks.")}
    blocks = {f"blocks.{at}.{name}": tensor for at in range(sizes["depth"]) for name, tensor in block.items()}
    return rest | blocks


def _huggingface(card: WeightsCard, backbone: BackboneCard) -> dict[str, Any]:
    import transformers

    if backbone.component == "VJEPA2":
        return dict(transformers.VJEPA2Model(transformers.VJEPA2Config()).state_dict())
    sizes = backbone.arguments
    config = transformers.VideoMAEConfig(
        image_size=32,  # the table of positions follows from it, takes long, and is in no file
        num_frames=2,
        hidden_size=sizes["width"],
        num_hidden_layers=sizes["depth"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["mlp_width"],
        num_labels=classes_of(card),
    )
    kind = "VideoMAEForVideoClassification" if card.pretraining.labels else "VideoMAEForPreTraining"
    return dict(getattr(transformers, kind)(config).state_dict())
