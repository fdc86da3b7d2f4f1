"""A record's part on near-duplicates of its test clips in the pre-training data, from ``data.overlap=FILE``."""

from __future__ import annotations

from collections.abc import Sequence

from tta_bench.data.datasets.open import dataset_root, open_dataset
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.protocols.base.weights import Weights
from tta_bench.records.overlap import Overlap, list_digest, read_findings_file
from tta_bench.records.redact import safe_name
from tta_bench.utils.files import sha256_of

LEAVE_OUT = "Leave it out, or name weights."
"""Way out where nothing was pre-trained."""
MAKE = "`tta-bench data overlap PRETRAINING_DATA TEST_DATA --into FILE` makes one."
"""Way out where the file will not do."""


def overlap_of(experiment: Experiment, weights: Weights | None, ids: Sequence[str]) -> Overlap | None:
    """Return the number of test clips that the pre-training data of some weights hold; None where nobody has looked.

    The findings must be of this very test list, or of all clips of its dataset.

    Args:
        experiment: The experiment.
        weights: Weights that it starts from.
        ids: Names of its test clips.

    Raises:
        UserError: There are no weights, the file cannot be read, or it is of other clips.
    """
    file, data = experiment.overlap, experiment.dataset.name
    if file is None:
        return None
    if weights is None:
        raise UserError("data.overlap is about what weights have seen, and weights=none have seen nothing.", LEAVE_OUT)
    findings = read_findings_file(file)
    if findings.lists_sha256 is None:
        raise UserError(f"{file} says not of which lists of clips it is.", MAKE)
    first, second = findings.lists_sha256
    if first == second:
        raise UserError(f"{file} compares the clips of one corpus with each other, and not with {data}.", MAKE)
    if second != list_digest(ids):
        layout = open_dataset(experiment.dataset, dataset_root(experiment.dataset, experiment.root))
        if second != list_digest(clip.id for clip in layout.videos()):
            raise UserError(
                f"{file} is of other test clips: its {findings.clips[1]:,} of {findings.corpora[1]} are neither the "
                f"{len(ids):,} that are tested here nor all clips of {data}.",
                MAKE,
            )
    seen = set(findings.overlapping)
    return Overlap(
        corpus=safe_name(findings.corpora[0]),
        clips=sum(name in seen for name in ids),
        of=len(ids),
        sha256=sha256_of(file),
    )
