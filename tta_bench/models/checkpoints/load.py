"""Putting a checkpoint's parameters into a model, all of them or none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tta_bench.errors import UserError, shorten
from tta_bench.models.backbones.huggingface import HuggingFaceVideoMAE
from tta_bench.models.backbones.timm_images import PerFrame
from tta_bench.models.backbones.videomae import VideoMAEV2, sinusoid_positions
from tta_bench.models.checkpoints.copies import TOP, Copy, dictionaries, find_copy
from tta_bench.models.checkpoints.heads import check_classes, find_head
from tta_bench.models.checkpoints.opaque import Opaque
from tta_bench.models.checkpoints.positions import GEOMETRY, is_position, resample_positions
from tta_bench.models.checkpoints.read import Checkpoint, read_checkpoint, save_checkpoint
from tta_bench.models.checkpoints.rename import newer_huggingface, official_videomae
from tta_bench.models.checkpoints.rename_images import efficientnet_pytorch, stages_of
from tta_bench.models.checkpoints.report import LoadReport
from tta_bench.models.checkpoints.sound import check_values
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
_NO_LAYER = re.compile(
    r"(.*\.)?(n_averaged|num_batches_tracked|total_ops|total_params|data_preprocessor\.(mean|std))"
    r"|(.*\.)?(criterion|loss(_\w+)?|\w+_loss|\w*metrics?)(\..+)?"
    r"|.+\.(correct|total|tp|fp|tn|fn|confmat|preds|target|(mean|sum|min|max)_value|mean_[xy]|var_[xy]|corr_xy|n_total)"
)
"""Names of what training scripts keep among a network's tensors and no forward pass of a test uses.

The last line has the states of torchmetrics, which Lightning saves under any name (``val_acc.correct``).
"""


class Loaded(NamedTuple):
    """A network's tensors as a checkpoint has them, and what else it has."""

    state: dict[str, Tensor]
    """The fitting tensors, under the network's names."""
    report: LoadReport
    left: dict[str, Tensor]
    """Tensors of the same dictionary that are not the network's."""


def backbone_state(raw: Mapping[str, Any], backbone: nn.Module) -> tuple[dict[str, Tensor], LoadReport]:
    """Find a backbone's parameters in a checkpoint: a state dict under the backbone's names, and what else was there.

    Raises:
        UserError: If the checkpoint has learned positions where the encoder has fixed ones, or several copies of the
            network of which none was chosen.
    """
    return _find(raw, backbone)[:2]


def _find(raw: Mapping[str, Any], backbone: nn.Module) -> Loaded:
    wanted = dict(backbone.state_dict())
    copy, others = find_copy(raw, wanted, _translation(backbone), _source(raw), getattr(raw, "key", ""))
    if isinstance(backbone, VideoMAEV2):
        _check_positions(copy.tensors, _source(raw))
    inner = {name.removeprefix(copy.outer): tensor for name, tensor in wanted.items()}
    inside, resampled = copy.inside, tuple[str, ...]()
    if isinstance(backbone, PerFrame):
        encoder = backbone.encoder if copy.outer else backbone
        inside, resampled = resample_positions(inside, inner, encoder)
    learned = {name for name, _ in backbone.named_parameters()}
    geometry = {name for name in inner.keys() | inside.keys() if GEOMETRY.fullmatch(name)}
    geometry -= {name for name in geometry if copy.outer + name in learned}
    inside = {name: tensor for name, tensor in inside.items() if name not in geometry}
    fitting = {name: tensor for name, tensor in inside.items() if name in inner and tensor.shape == inner[name].shape}
    strangers = [name for name in inside if name not in inner]
    optional = geometry | {name for name in inner if name.endswith("num_batches_tracked")}
    outside = {} if others else copy.outside  # what stands beside the copy that was chosen is another copy's
    return Loaded(
        {copy.outer + name: tensor for name, tensor in fitting.items()},
        LoadReport(
            loaded=len(fitting),
            missing=tuple(name for name in inner if name not in inside and name not in optional),
            unexpected=tuple(name for name in strangers if not _NOT_ENCODER.match(name)),
            mismatched=tuple(
                f"{name} {tuple(tensor.shape)}, expected {tuple(inner[name].shape)}"
                for name, tensor in inside.items()
                if name in inner and name not in fitting
            ),
            dropped=tuple([name for name in strangers if _NOT_ENCODER.match(name)] + list(outside)),
            resampled=resampled,
            copy=copy.label,
            others=others,
        ),
        _left(copy, strangers, outside, others),
    )


def _left(
    copy: Copy, strangers: list[str], outside: Mapping[str, Tensor], others: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return the tensors beside the network's, by their names behind its prefix where those are nobody else's.

    Where a dictionary holds several copies, a head behind no prefix of theirs belongs to the one that was chosen.
    """
    inside = copy.inside
    if others:
        prefixes = tuple(f"{other.removeprefix(copy.key).lstrip('.')}." for other in others if other != TOP)
        outside = {name: tensor for name, tensor in copy.outside.items() if not name.startswith(prefixes)}
    named = {(name if name not in outside else copy.prefix + name): inside[name] for name in strangers}
    return {**outside, **named}


def _translation(backbone: nn.Module) -> Any:
    """Return the function that renames a checkpoint's tensors to the names of a kind of backbone."""
    if isinstance(backbone, VideoMAEV2):
        return official_videomae
    stages = stages_of(backbone.encoder) if isinstance(backbone, PerFrame) else []
    if stages:
        return partial(efficientnet_pytorch, stages=stages)
    return newer_huggingface if isinstance(backbone, HuggingFaceVideoMAE) else dict


def load_backbone(backbone: nn.Module, raw: Mapping[str, Any]) -> LoadReport:
    """Load a backbone's parameters from a checkpoint of any accepted kind (see `tta_bench.models.checkpoints.rename`).

    Args:
        backbone: The module to fill. It is left as it was if the checkpoint is refused.
        raw: What `read_checkpoint` returned.

    Raises:
        UserError: If a parameter is missing (VideoMAE's ``fc_norm`` may be, it then starts fresh) or of another shape,
            if the checkpoint has more of the backbone's own layers than the backbone, or several copies of it of which
            none was chosen.
    """
    state, report, _ = _find(raw, backbone)
    _check_fit(report, raw, backbone, fresh=_FRESH if isinstance(backbone, VideoMAEV2) else ())
    check_values(state, backbone.state_dict(), _source(raw))
    backbone.load_state_dict(state, strict=False)
    return report


def load_classifier(classifier: Classifier, raw: Mapping[str, Any], classes: Sequence[str] = ()) -> LoadReport:
    """Load a fine-tuned checkpoint, backbone and head, to be tested.

    Args:
        classifier: The module to fill. It is left as it was if the checkpoint is refused.
        raw: What `read_checkpoint` returned.
        classes: The dataset's classes, in order; compared with the checkpoint's own where it names them.

    Raises:
        UserError: If any parameter of the backbone is missing or does not fit, the head is missing or has other
            classes, or there is a layer besides backbone and head, without which another network would be tested.
    """
    source = _source(raw)
    state, report, left = _find(raw, classifier.backbone)
    _check_fit(report, raw, classifier.backbone)
    classes_here, width = classifier.head.weight.shape
    head = find_head(left, classes_here, width, source)
    if classes:
        check_classes(raw, raw.path if isinstance(raw, Checkpoint) else None, classes, source)
    layers = [name for name in left if name not in head.names and not _is_no_layer(name, classifier.backbone)]
    if layers:
        raise UserError(
            f"{source} has layers besides the backbone and its classifier '{head.name}', and a test without them would "
            f"be of another network: {len(layers):,} tensors ({shorten(layers, 4)}).",
            "Choose a backbone that has these layers, or leave out phase=test to fine-tune the file's backbone.",
        )
    check_values(state, classifier.backbone.state_dict(), source)
    check_values({head.name: head.weight, f"{head.name}.bias": head.bias}, {}, source)
    classifier.backbone.load_state_dict(state, strict=False)
    classifier.head.load_state_dict({"weight": head.weight, "bias": head.bias})
    return replace(report, head=head.name, dropped=tuple(name for name in report.dropped if name not in head.names))


def _is_no_layer(name: str, backbone: nn.Module) -> bool:
    """Return True if a tensor is a counter, a buffer or a part of a loss, or a table that the backbone computes."""
    fixed = isinstance(backbone, VideoMAEV2) and name.rpartition(".")[2] == "pos_embed"
    return fixed or bool(_NO_LAYER.fullmatch(name) or GEOMETRY.fullmatch(name))


def _check_fit(report: LoadReport, raw: Mapping[str, Any], backbone: nn.Module, fresh: tuple[str, ...] = ()) -> None:
    """Refuse a checkpoint that lacks a part of the backbone or comes from another architecture."""
    parts = {name.removeprefix("encoder.").partition(".")[0] for name in backbone.state_dict()}
    counters = [name for name in report.unexpected if _NO_LAYER.fullmatch(name)]
    problems = {
        "of another shape": report.mismatched,
        "missing": [name for name in report.missing if not name.startswith(fresh)],
        "that the backbone does not have": [
            name for name in report.unexpected if name.partition(".")[0] in parts and name not in counters
        ],
    }
    wrong = {problem: names for problem, names in problems.items() if names}
    if not wrong:
        return
    found = "; ".join(f"{len(names):,} {problem} ({shorten(list(names), 3)})" for problem, names in wrong.items())
    held = "" if report.loaded else f" The file's own keys: {shorten(_keys(raw), 6) or 'none'}."
    hint = "Choose the backbone that the file was made with; a part of a backbone is never loaded."
    if set(wrong) == {"of another shape"} and all(is_position(name.split(" ")[0]) for name in report.mismatched):
        hint = "These are positions of another input size or length: say clip.size= and clip.frames= as there."
    if not report.loaded and _holds_opaque(raw):
        hint = "It has no tensors but NumPy arrays, perhaps, which are not read: write torch.save(net.state_dict())."
    raise UserError(
        f"{_source(raw)} does not fit {type(backbone).__name__}: {report.loaded:,} tensors fit, {found}.{held}", hint
    )


def _keys(raw: Mapping[str, Any]) -> list[str]:
    """Return the keys of a file, each dictionary of tensors with their number."""
    tensors = {key: len(found) for key, found in dictionaries(raw) if key}
    nested = [f"{key} ({count:,} tensors)" for key, count in tensors.items()]
    return [*nested, *(str(key) for key in raw if str(key) not in tensors)]


def _check_positions(tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse learned positions; MMAction2 stores the fixed table, which is the same as ours."""
    for name, table in tensors.items():
        if name.rpartition(".")[2] == "pos_embed" and table.ndim == 3:
            fixed = sinusoid_positions(table.shape[-2], table.shape[-1], torch.device("cpu"))
            if not torch.allclose(table.float(), fixed, atol=1e-3):
                raise UserError(f"{source} has learned positions (pos_embed); VideoMAE's are fixed sinusoids.")


def _holds_opaque(raw: object) -> bool:
    """Return True if a checkpoint has, under names that parameters have, objects that were not built."""
    if isinstance(raw, Mapping):
        return any(
            _holds_opaque(value) for name, value in raw.items() if isinstance(value, Mapping) or "." in str(name)
        )
    return isinstance(raw, Opaque)


def _source(raw: Mapping[str, Any]) -> str:
    return str(raw.path) if isinstance(raw, Checkpoint) else "the checkpoint"
