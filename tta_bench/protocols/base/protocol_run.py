"""The contract of a protocol: the methods of a class in the PROTOCOLS registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record

METHODS = ("plan", "run", "findings", "submit", "score_file", "labels")
"""Methods that a protocol has; `ProtocolRun` has a default for the last four, and for `prepare`."""


class Findings(NamedTuple):
    """A result of several runs together."""

    page: str
    """Markdown, for a reader."""
    figures: Any
    """The same as plain data."""


class ProtocolRun(ABC):
    """One experiment under a protocol, in a work folder.

    Args:
        experiment: The resolved experiment.
        work_dir: Folder for checkpoints and records.
        resume: ``missing``, ``never`` or ``always``, as on the command line.
    """

    tidies: bool = True
    """Tidy at the end of the run; a suite, whose runs share features, does it after the last of them."""

    def __init__(self, experiment: Any, work_dir: Path, resume: str) -> None:
        self.experiment: Experiment = experiment
        self.work_dir, self.resume = work_dir, resume

    def prepare(self) -> Any:
        """Check everything and make ready what processes share (data, weights), before several are started.

        Returns:
            The prepared run, for a protocol whose work several processes can share; None for one whose cannot.
        """
        return None

    @abstractmethod
    def plan(self) -> str:
        """Check everything that can be checked before anything is spent, and return the plan as text."""

    def plan_on_paper(self) -> str:
        """Return the plan for a device of ``runtime.memory``, which is not at hand: nothing is tried, no data is read.

        Raises:
            UserError: The protocol has no such plan.
        """
        raise UserError(
            f"runtime.memory: {self.experiment.protocol.name} has no plan for a device that is not at hand.",
            "Fine-tuning protocols have one.",
        )

    @abstractmethod
    def run(self) -> list[Record]:
        """Run the experiment and return its records: one, a study's several, or none where nothing was scored."""

    def findings(self) -> Findings | None:
        """Return the result of all the runs together, once they are done; None where the records say it all."""
        return None

    def tidy(self) -> None:  # noqa: B027 - nothing to do is the common case
        """Delete what this experiment shares with others, after the last of them."""

    def submit(self, file: Path) -> None:
        """Write the file that a challenge takes of its unlabelled test part.

        Raises:
            UserError: The protocol has no such part.
        """
        raise UserError(
            f"{self.experiment.protocol.name} has no test part without labels, so there is nothing to submit."
        )

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a prediction file from elsewhere and return its record.

        Raises:
            UserError: The protocol scores no files.
        """
        raise UserError(f"{asked.protocol.name} scores no prediction files.")

    @staticmethod
    def labels(record: Record, given: Mapping[str, str]) -> Truth | None:
        """Return the labels that a record was published without, or None where it has them itself.

        Args:
            record: The record.
            given: The user's ``data.root`` or ``labels``.

        Raises:
            UserError: The labels do not fit the record.
        """
        return None
