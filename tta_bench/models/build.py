"""From a card to a model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from tta_bench.cards import BackboneCard
from tta_bench.components import BACKBONES
from tta_bench.errors import UserError
from tta_bench.experiment import ResolvedClip
from tta_bench.keys import torch_seed
from tta_bench.models.checkpoints import load_backbone
from tta_bench.models.classifier import Classifier, measure_width
from tta_bench.models.frames import PerFrame
from tta_bench.models.key_names import tensors_in
from tta_bench.models.pretraining import MaskedAutoencoder
from tta_bench.models.videomae import VideoMAEV2
from tta_bench.settings import DecoderSettings, TrainSettings


def build_backbone(card: BackboneCard, clip: ResolvedClip, drop_path: float = 0.0) -> nn.Module:
    """Return a card's backbone, not yet trained; one for images is lifted over frames.

    ``size``, ``frames`` and ``drop_path`` are handed to a component that has parameters of these names.

    Raises:
        UserError: The component refuses its arguments; says why.
    """
    component = BACKBONES.get(card.component)
    if component is None:
        raise UserError(f"backbone {card.name} names the component '{card.component}', which nothing registers.")
    offered = {"size": clip.size, "frames": clip.frames, "drop_path": drop_path}
    wanted = inspect.signature(component).parameters
    arguments = {name: value for name, value in offered.items() if name in wanted} | card.arguments
    try:
        backbone = component(**arguments)
    except (TypeError, ValueError) as error:
        raise UserError(f"backbone {card.name} cannot be built: {error}") from error
    if not isinstance(backbone, nn.Module):
        raise UserError(f"backbone {card.name} is a {type(backbone).__name__}, not an nn.Module.")
    lift = card.modality == "image" and not isinstance(backbone, PerFrame)
    return PerFrame(backbone) if lift else backbone


def build_autoencoder(
    card: BackboneCard, clip: ResolvedClip, decoder: DecoderSettings, seed: int, weights: Mapping[str, Any] | None
) -> MaskedAutoencoder:
    """Return a card's encoder with a decoder for masked pre-training, on the CPU.

    Args:
        card: The encoder, a VideoMAE V2.
        clip: Extent of a clip, which gives the token grid.
        decoder: Size of the decoder.
        seed: Gives the initial weights.
        weights: What `read_checkpoint` returned, to start from: encoder and decoder if it has both, else the encoder.

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
    tensors, own = tensors_in(weights), model.state_dict()
    if all(name in tensors and tensors[name].shape == tensor.shape for name, tensor in own.items()):
        model.load_state_dict({name: tensors[name] for name in own})
    else:
        load_backbone(backbone, weights)
    return model


def build_classifier(
    card: BackboneCard, clip: ResolvedClip, train: TrainSettings, classes: int, seed: int
) -> Classifier:
    """Return backbone and head with the initial weights that a seed gives, on the CPU."""
    torch.manual_seed(torch_seed(seed, "init"))
    backbone = build_backbone(card, clip, train.drop_path)
    width = measure_width(backbone, (3, clip.frames, clip.size, clip.size))
    return Classifier(backbone, width, classes, train.dropout, train.init_scale)
