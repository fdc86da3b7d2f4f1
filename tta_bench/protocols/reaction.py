"""The reaction protocol: the intensities of emotions, scored by the mean of Pearson's r."""

from __future__ import annotations

from pathlib import Path

from tta_bench.components import PROTOCOLS
from tta_bench.errors import UserError
from tta_bench.experiment import Experiment
from tta_bench.outside import OutsideScores
from tta_bench.protocols.reaction_scoring import score_reaction_file
from tta_bench.records.schema import Record


@PROTOCOLS.register_module()
class Reaction:
    """Score files of intensities.

    Args:
        experiment: What to run.
        work_dir: Folder for records.
        resume: As for `FineTune`.

    Raises:
        UserError: Something is to be trained.
    """

    def __init__(self, experiment: Experiment, work_dir: Path, resume: str) -> None:
        raise UserError(
            f"{experiment.protocol.name} cannot be trained yet.",
            f"Files are scored: tta-bench eval protocol={experiment.protocol.name} predictions=FILE",
        )

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a challenge file and return its record."""
        return score_reaction_file(asked, work_dir)
