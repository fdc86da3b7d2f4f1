"""Protocols: each turns an experiment into a record."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.errors import unknown
from tta_bench.experiments.base import Experiment
from tta_bench.protocols.fine_tune.run import FineTune
from tta_bench.protocols.pretrain.run import Pretrain
from tta_bench.protocols.reaction.run import Reaction
from tta_bench.protocols.scaling.report import Findings
from tta_bench.protocols.scaling.run import Scaling
from tta_bench.records.schema import Record
from tta_bench.registry import PROTOCOLS

Resume = Literal["missing", "never", "always"]


class ProtocolRun(Protocol):
    """What a class in the PROTOCOLS registry does."""

    def __init__(self, experiment: Experiment, work_dir: Path, resume: str) -> None: ...

    def plan(self) -> str:
        """Check everything and return the plan as text."""

    def run(self) -> list[Record]:
        """Run the experiment and return its records: one, or none where nothing was to be scored, or a study's."""

    def findings(self) -> Findings | None:
        """Return what all the runs together show, once they are done; None where the records say it all."""

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a file that somebody hands in and return its record."""


def load_protocol(component: str) -> type[ProtocolRun]:
    """Return the protocol class that a card's ``component`` names."""
    found: type[ProtocolRun] | None = PROTOCOLS.get(component)
    if found is None:
        raise unknown("protocol component", component, PROTOCOLS.module_dict)
    return found


__all__ = ["Findings", "FineTune", "Pretrain", "ProtocolRun", "Reaction", "Scaling", "load_protocol"]
