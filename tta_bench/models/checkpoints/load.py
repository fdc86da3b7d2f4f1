"""Putting a checkpoint's parameters into a model, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tta_bench.errors import UserError, shorten
from tta_bench.models.backbones.huggingface import HuggingFaceVideoMAE
from tta_bench.models.backbones.mmaction2 import MMAction2Backbone
from tta_bench.models.backbones.timm_images import PerFrame
from tta_bench.models.backbones.torchvision_video import TorchvisionVideo
from tta_bench.models.backbones.videomae import VideoMAEV2, sinusoid_positions
from tta_bench.models.checkpoints.read import Checkpoint, read_checkpoint, save_checkpoint
from tta_bench.models.checkpoints.rename import (
    best_prefix,
    common_heads,
    newer_huggingface,
    official_videomae,
    tensors_in,
)
from tta_bench.models.classifier import Classifier

__all__ = [
    "LoadReport",
    "backbone_state",
    "load_backbone",
    "load_classifier",
    "read_checkpoint",
    "save_checkpoint",
]

_NOT_ENCODER = re.compile(
    r"(decoder|encoder_to_decoder|mask_token|norm|pos_embed|head|cls_head|fc|classifier|data_preprocessor)(\.|$)"
)
_FRESH = ("fc_norm.",)
"""VideoMAE normalises tokens in pre-training and their mean in fine-tuning, which therefore starts this layer fresh."""


@dataclass(frozen=True)
class LoadReport:
    """Result of loading a checkpoint: its tensors by fate; names are the backbone's own where it knows them."""

    loaded: int
    """Number of the backbone's tensors that were in the checkpoint."""
    missing: tuple[str, ...] = ()
    """Tensors of the backbone that the checkpoint lacks; after a load, those that start fresh."""
    unexpected: tuple[str, ...] = ()
    """Tensors of the checkpoint that nothing here knows."""
    mismatched: tuple[str, ...] = ()
    """Tensors of another shape than the backbone's, with both shapes."""
    dropped: tuple[str, ...] = ()
    """Tensors of the checkpoint that belong to a head, a decoder or another known part that is not the backbone."""

    def summary(self) -> str:
        """Return one line for the log and the record."""
        parts = [f"{self.loaded:,} tensors loaded"]
        fates = (("start fresh", self.missing), ("unknown", self.unexpected), ("not the backbone's", self.dropped))
        parts += [f"{len(names):,} {fate} ({shorten(names, 3)})" for fate, names in fates if names]
        return "; ".join(parts)


def backbone_state(raw: Mapping[str, Any], backbone: nn.Module) -> tuple[dict[str, Tensor], LoadReport]:
    """Find a backbone's parameters in a checkpoint: a state dict under the backbone's names, and what else was there.

    Raises:
        UserError: If the checkpoint has learned positions where the encoder has fixed ones.
    """
    tensors = common_heads(tensors_in(raw))
    if isinstance(backbone, VideoMAEV2):
        tensors = official_videomae(tensors)
        _check_positions(tensors, _source(raw))
    if isinstance(backbone, HuggingFaceVideoMAE):
        tensors = newer_huggingface(tensors)
    outer = _outer(backbone)
    wanted = {name.removeprefix(outer): tensor for name, tensor in backbone.state_dict().items()}
    prefix = best_prefix(tensors, wanted)
    inside = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    fitting = {name: tensor for name, tensor in inside.items() if name in wanted and tensor.shape == wanted[name].shape}
    strangers = [name for name in inside if name not in wanted]
    return {outer + name: tensor for name, tensor in fitting.items()}, LoadReport(
        loaded=len(fitting),
        missing=tuple(name for name in wanted if name not in inside and not name.endswith("num_batches_tracked")),
        unexpected=tuple(name for name in strangers if not _NOT_ENCODER.match(name)),
        mismatched=tuple(
            f"{name} {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
            for name, tensor in inside.items()
            if name in wanted and name not in fitting
        ),
        dropped=tuple(
            [name for name in strangers if _NOT_ENCODER.match(name)]
            + [name for name in tensors if not name.startswith(prefix)]
        ),
    )


def _outer(backbone: nn.Module) -> str:
    """Return the prefix that a backbone which wraps another project's model puts before the model's own names."""
    if isinstance(backbone, HuggingFaceVideoMAE):
        return "model."
    return "encoder." if isinstance(backbone, MMAction2Backbone | PerFrame | TorchvisionVideo) else ""


def load_backbone(backbone: nn.Module, raw: Mapping[str, Any]) -> LoadReport:
    """Load a backbone's parameters from a checkpoint of any accepted kind (see `tta_bench.models.checkpoints.rename`).

    Args:
        backbone: The module to fill. It is left as it was if the checkpoint is refused.
        raw: What `read_checkpoint` returned.

    Raises:
        UserError: If a parameter is missing (VideoMAE's ``fc_norm`` may be, it then starts fresh) or of another shape,
            or if the checkpoint has more of the backbone's own layers than the backbone.
    """
    state, report = backbone_state(raw, backbone)
    _check_fit(report, raw, backbone, fresh=_FRESH if isinstance(backbone, VideoMAEV2) else ())
    backbone.load_state_dict(state, strict=False)
    return report


def load_classifier(classifier: Classifier, raw: Mapping[str, Any]) -> LoadReport:
    """Load a fine-tuned checkpoint, backbone and head, to be tested.

    Raises:
        UserError: If any parameter of the backbone is missing or does not fit, or the head is missing or has another
            number of classes.
    """
    state, report = backbone_state(raw, classifier.backbone)
    _check_fit(report, raw, classifier.backbone)
    tensors = common_heads(tensors_in(raw))
    weight, bias = tensors.get("head.weight"), tensors.get("head.bias")
    if weight is None or bias is None:
        raise UserError(f"{_source(raw)} has no classifier: it can be fine-tuned, not tested.", "Leave out phase=test.")
    found, wanted = tuple(weight.shape), tuple(classifier.head.weight.shape)
    if found != wanted:
        raise UserError(
            f"{_source(raw)} tells {found[0]} classes apart (head {found}), the dataset has {wanted[0]} ({wanted})."
        )
    classifier.backbone.load_state_dict(state, strict=False)
    classifier.head.load_state_dict({"weight": weight, "bias": bias})
    return report


def _check_fit(report: LoadReport, raw: Mapping[str, Any], backbone: nn.Module, fresh: tuple[str, ...] = ()) -> None:
    """Refuse a checkpoint that lacks a part of the backbone or comes from another architecture."""
    parts = {name.removeprefix("encoder.").partition(".")[0] for name in backbone.state_dict()}
    problems = {
        "of another shape": report.mismatched,
        "missing": [name for name in report.missing if not name.startswith(fresh)],
        "that the backbone does not have": [name for name in report.unexpected if name.partition(".")[0] in parts],
    }
    if any(problems.values()):
        found = "; ".join(
            f"{len(names):,} {problem} ({shorten(list(names), 3)})" for problem, names in problems.items() if names
        )
        raise UserError(
            f"{_source(raw)} does not fit {type(backbone).__name__}: {report.loaded:,} tensors fit, {found}.",
            "Choose the backbone that the file was made with; a part of a backbone is never loaded.",
        )


def _check_positions(tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse learned positions; MMAction2 stores the fixed table, which is the same as ours."""
    for name, table in tensors.items():
        if name.rpartition(".")[2] == "pos_embed":
            fixed = sinusoid_positions(table.shape[-2], table.shape[-1], torch.device("cpu"))
            if not torch.allclose(table.float(), fixed, atol=1e-3):
                raise UserError(f"{source} has learned positions (pos_embed); VideoMAE's are fixed sinusoids.")


def _source(raw: Mapping[str, Any]) -> str:
    return str(raw.path) if isinstance(raw, Checkpoint) else "the checkpoint"
