"""A run whose work several processes can share, as whoever starts them needs to know it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tta_bench.engine.device import Machine
from tta_bench.experiments.base import Experiment
from tta_bench.protocols.base.recorder import Recorder, RunInfo, finished_record
from tta_bench.records.claims import Claims
from tta_bench.records.identity import Identity
from tta_bench.records.schema import Record
from tta_bench.utils.progress import console


@dataclass(frozen=True, kw_only=True)
class SharedRun:
    """An experiment that can be run: its data was checked, its weights found, its identity is known."""

    experiment: Experiment
    work_dir: Path
    resume: str
    """``missing`` returns a finished run's record, or goes on; ``never`` starts anew; ``always`` measures again."""
    machine: Machine
    folder: Path
    """Folder of what is trained; its name is what ``tta-bench predict`` takes."""
    identity: Identity
    info: RunInfo
    claims: Claims = field(default_factory=Claims)
    """The claims of this process on the experiment and its training, while it is at work."""

    def require_parts(self, processes: int) -> None:
        """Refuse more processes than the work has parts for.

        Raises:
            UserError: There are more.
        """

    def reached(self) -> tuple[str, str]:
        """Return the place that a run that has ended was at, to follow a verb, and a sentence about its going on."""
        return "", "The same command goes on."

    def recorder(self) -> Recorder:
        """Return the keeper of the run's record."""
        return Recorder(self.experiment, self.identity, self.info, self.machine, self.work_dir, self.claims.require)


def done_before(run: SharedRun) -> Record | None:
    """Return the record of a finished run, if there is one and it is wanted, and tell the user."""
    finished = finished_record(run.work_dir, run.identity) if run.resume == "missing" else None
    if finished is not None:
        console.print(f"{run.folder.name}: done before, nothing to do (--resume never starts anew).", style="dim")
        if run.info.overlap is not None and finished.overlap != run.info.overlap:
            said = "its record was written without these findings of data.overlap; --resume always tests it again."
            console.print(f"{run.folder.name}: {said}", style="yellow", markup=False)
    return finished
