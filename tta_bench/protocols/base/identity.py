"""The identity of a record: the fields that tell one experiment from another, for runs and for scored files."""

from __future__ import annotations

from typing import Literal

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.engine.device import ResolvedPrecision
from tta_bench.experiments.base import Experiment, protocol_hash
from tta_bench.experiments.fine_tune import Control
from tta_bench.protocols.base.standing import UNKNOWN, Standing
from tta_bench.records.identity import DatasetRef, Identity, ProtocolRef, WeightsRef


def identity_of(
    asked: Experiment | OutsideScores,
    backbone: str,
    run_key: str,
    *,
    part: str | None = None,
    manifest: str | None = None,
    standing: Standing = UNKNOWN,
    weights: WeightsRef | None = None,
    track: Literal["fixed", "tuned"] = "fixed",
    control: Control = "none",
    precision: ResolvedPrecision | None = None,
) -> Identity:
    """Return the identity of a run or of a scored file.

    Args:
        asked: The experiment, or the file to be scored.
        backbone: Name of the backbone, or of the model that gave the scores.
        run_key: Digest of everything that the result depends on.
        part: Scored part of the dataset, in place of the split's number.
        manifest: Digest of the data, where they were decoded.
        standing: The data beside the official ones.
        weights: Initial weights.
        track: Whether training keys were changed.
        control: Change made to the test clips.
        precision: Resolved precision.
    """
    card, dataset = asked.protocol, asked.dataset
    splits = (part,) if part else tuple(map(str, dataset.splits))
    return Identity(
        protocol=ProtocolRef(name=card.name, version=card.version, sha256=protocol_hash(card), score=card.score),
        backbone=backbone,
        weights=weights,
        dataset=DatasetRef(
            name=dataset.name,
            manifest_sha256=manifest,
            splits=splits,
            title=asked.title,
            contents_sha256=standing.contents,
            official=standing.official,
            differs=standing.differs,
            note=standing.note,
        ),
        split=part or str(asked.split),
        seed=asked.seed,
        tier=asked.tier,
        standard=asked.standard and standing.differs is None,
        track=track,
        control=control,
        precision=precision,
        run_key=run_key,
    )
