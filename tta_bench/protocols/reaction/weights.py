"""Weights of a network of intensities: one file for each visual encoder, or the whole network to be tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from tta_bench.cards.kinds import Pretraining
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.checkpoints.load import load_backbone
from tta_bench.models.checkpoints.report import LoadReport, joined
from tta_bench.protocols.base.seen import Seen
from tta_bench.protocols.base.start_weights import words_of_parts
from tta_bench.protocols.base.weights import Weights, find_weights
from tta_bench.protocols.reaction.model import ReactionNet, VisualPath
from tta_bench.utils.keyed_random import digest


def part_weights(experiment: ReactionExperiment, work_dir: Path) -> tuple[Weights | None, ...]:
    """Return each part's initial weights: ``a+b`` names one for each part, a single name those of the visual part.

    Raises:
        UserError: The part that they are for is not clear or has no encoder, or the file does not exist.
    """
    named = words_of_parts(experiment.weights, experiment.backbone)
    return tuple(
        find_weights(experiment.model_copy(update={"weights": w, "backbone": part}), work_dir) for w, part in named
    )


def combine(weights: Sequence[Weights | None]) -> Weights | None:
    """Return the weights of all parts as one, for the record; None where no part has any."""
    known = [part for part in weights if part is not None]
    if len(known) < 2:
        return known[0] if known else None
    labels = [part.pretraining.labels for part in known]
    seen = [part.seen.clips for part in known if part.seen is not None]
    return Weights(
        name="+".join("none" if part is None else part.name for part in weights),
        path=known[0].path,
        sha256=digest([None if part is None else part.identity for part in weights]),
        pretraining=Pretraining(
            data="; ".join(part.pretraining.data for part in known),
            labels=None if None in labels else any(labels),
        ),
        seen=Seen(torch.unique(torch.cat(seen))) if seen else None,
    )


def load_encoders(net: ReactionNet, weights: Sequence[Weights | None]) -> LoadReport | None:
    """Load each part's weights into its encoder, and return the sum of it; None where no part has any.

    Raises:
        UserError: A file is no checkpoint, or does not fit.
    """
    reports = {}
    for number, (path, part) in enumerate(zip(net.paths, weights, strict=True), start=1):
        if part is not None:
            assert isinstance(path, VisualPath)
            reports[f"part {number}"] = load_backbone(path.encoder, part.read())
    return joined(reports)


def load_net(net: ReactionNet, weights: Weights, backbone: str) -> LoadReport:
    """Load a trained network, encoders and heads, for a test, and return the sum of it.

    Raises:
        UserError: The checkpoint is of another kind of network, or of another shape.
    """
    content = weights.read()
    if content.get("format") != "tta-bench" or "targets" not in content:
        raise UserError(f"{weights.path} holds no network of intensities: it can be trained from, not tested.")
    if content["backbone"] != backbone:
        raise UserError(f"{weights.path} was trained with {content['backbone']}, not {backbone}.")
    try:
        net.load_state_dict(content["model"])
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise UserError(
            f"{weights.path} does not fit: {first}", "Give the training's own train. and clip. keys."
        ) from error
    return LoadReport(loaded=len(content["model"]))
