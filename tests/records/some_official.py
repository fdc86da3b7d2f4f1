"""Made-up predictions of the official test lists, whose names the suite has."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.records.some_records import some_identity
from tta_bench.data.datasets.official import official_names
from tta_bench.records.identity import DatasetRef, Identity, Official, OfficialList, ProtocolRef
from tta_bench.records.official import group_of
from tta_bench.records.predictions import Predictions, collect
from tta_bench.utils.keyed_random import generator


def listed_predictions(
    pairs: list[tuple[str, str]], accuracy: float = 0.6, salt: str = "", dataset: str = "ucf101"
) -> Predictions:
    """Return predictions of a list of ids and classes, about ``accuracy`` of them right."""
    classes = sorted({name for _, name in pairs})
    labels = np.array([classes.index(name) for _, name in pairs])
    draw = generator("forgeries", dataset, salt)
    scores = draw.random((len(pairs), len(classes)))
    right = draw.random(len(pairs)) < accuracy
    scores[np.arange(len(pairs)), np.where(right, labels, (labels + 1) % len(classes))] += 1
    groups = [str(group_of(dataset, key, name)) for key, name in pairs]
    return collect([key for key, _ in pairs], scores, labels, groups, classes)


def official_list(dataset: str = "ucf101", split: int = 1) -> list[tuple[str, str]]:
    """Return id and class of each clip of an official test list."""
    return [(id, str(label)) for id, label in official_names(dataset)[split, "test"].items()]


def official_identity(backbone: str, contents: str | None = None, *, found: int = 3783, **changes: Any) -> Identity:
    """Return the identity of a run on UCF101.

    Args:
        backbone: Name of the backbone.
        contents: Digest of the clips' bytes.
        found: Test clips of the copy.
        changes: Other fields.
    """
    clips = OfficialList(expected=3783, found=found, sha256_expected="4" * 64, sha256="4" * 64)
    whole = found == 3783
    data = DatasetRef(
        name="ucf101",
        manifest_sha256="0" * 64,
        splits=("1",),
        contents_sha256=contents,
        official=Official(
            compared="ids and labels", parts={"test": clips}, contents="not seen before" if contents else None
        ),
        differs=None if whole else f"not the official ucf101: {found:,} of 3,783 official test clips",
    )
    protocol = ProtocolRef(name="ucf101_ft", version=1, sha256="0" * 64, score="top1")
    return some_identity(protocol=protocol, dataset=data, backbone=backbone, standard=whole, **changes)
