"""The record of a run while it runs: started, alive, and success, error or cancelled at its end."""

from __future__ import annotations

import re
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tta_bench.engine.device import Machine, ResolvedPrecision
from tta_bench.engine.timing import Timing
from tta_bench.errors import BenchError, RunFailed, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.fine_tune import Control
from tta_bench.protocols.base.identity import identity_of
from tta_bench.protocols.base.standing import UNKNOWN, Standing
from tta_bench.protocols.base.weights import Weights
from tta_bench.records import schema
from tta_bench.records.environment import describe_environment
from tta_bench.records.identity import Identity, WeightsRef
from tta_bench.records.redact import without_root
from tta_bench.records.schema import Record
from tta_bench.records.status import HEARTBEAT, now
from tta_bench.records.store import read_record, record_name, write_record


@dataclass(frozen=True)
class RunInfo:
    """Fields of a record that are known before the run starts."""

    expected: int
    """Samples that are to be scored."""
    excluded: Sequence[str] = ()
    """Training clips left out."""
    input: schema.Input | None = None
    """Frames and size of the clips, if the model sees any."""


def finished_record(work_dir: Path, identity: Identity) -> Record | None:
    """Return the record of this very experiment, if it was run to the end."""
    path = work_dir / "records" / f"{record_name(identity)}.json"
    if not path.is_file():
        return None
    try:
        record = read_record(path)
    except UserError:
        return None  # half-written by something else: it is run again, and replaced
    return record if record.status == "success" and record.identity.run_key == identity.run_key else None


class Recorder:
    """Writes one experiment's record, predictions and outcomes into ``<work_dir>/records``.

    Args:
        experiment: The experiment.
        identity: Its identity.
        info: Fields of its record that are known from the beginning.
        machine: Device and precision.
        work_dir: Folder of all runs.
    """

    def __init__(
        self,
        experiment: Experiment,
        identity: Identity,
        info: RunInfo,
        machine: Machine,
        work_dir: Path,
    ) -> None:
        self.experiment, self.identity, self.info, self.machine = experiment, identity, info, machine
        self.folder = work_dir / "records"
        self._created = now()
        self._stop = threading.Event()
        self._alive = threading.Thread(target=self._beat, daemon=True)

    @property
    def path(self) -> Path:
        """The record's file."""
        return self.folder / f"{record_name(self.identity)}.json"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write ``started``, then a heartbeat, and ``cancelled`` or ``error`` if the run does not succeed.

        Raises:
            RunFailed: An exception that was not foreseen; its traceback is in a file, and the record has the cause.
        """
        write_record(self._record("started"), self.folder)
        self._alive.start()
        try:
            yield
        except KeyboardInterrupt:
            self._quiet()
            write_record(self._record("cancelled"), self.folder)
            raise
        except Exception as error:
            self._quiet()
            cause = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
            write_record(self._record("error", cause), self.folder)
            if isinstance(error, BenchError):
                raise
            log = self.path.with_suffix(".traceback.txt")
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
            raise RunFailed(f"the run failed: {cause}", f"The traceback is in {log}.") from error
        finally:
            self._quiet()

    def discard(self) -> None:
        """Remove the record, since nothing was tested."""
        self._quiet()
        self.path.unlink(missing_ok=True)

    def success(self, **measured: object) -> Record:
        """Write the record of a successful run, with its results, and return it."""
        self._quiet()
        return read_record(write_record(self._record("success", None, finished=now(), **measured), self.folder))

    def _record(self, status: schema.Status, cause: str | None = None, **more: object) -> Record:
        names = sorted(self.info.excluded)
        plugins = [schema.Plugin(**asdict(code)) for code in self.experiment.plugins]
        fields: dict[str, object] = {
            "origin": "run",
            "identity": self.identity,
            "given": tuple(map(without_root, self.experiment.arguments)),
            "resolved": self.experiment.settings(),
            "status": status,
            "cause": cause,
            "created": self._created,
            "heartbeat": now(),
            "n_expected": self.info.expected,
            "n_scored": 0,
            "excluded": schema.Excluded(count=len(names), names=tuple(names[:20])),
            "environment": describe_environment(str(self.machine.device), self.machine.precision, plugins),
            "cost": None,
            "input": self.info.input,
        }
        return Record.model_validate(fields | more)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT.total_seconds()):
            write_record(self._record("started"), self.folder)

    def _quiet(self) -> None:
        """Stop the heartbeat, so that nothing is written over what comes next."""
        self._stop.set()
        self._alive.join()


def identity(
    experiment: Experiment,
    dataset: str,
    weights: Weights | None,
    training: str,
    precision: ResolvedPrecision,
    split: str | None = None,
    control: Control = "none",
    standing: Standing = UNKNOWN,
) -> Identity:
    """Return the fields that identify an experiment.

    Args:
        experiment: The experiment.
        dataset: Identity of its data.
        weights: Weights that it starts from.
        training: Identity of its training.
        precision: Resolved precision.
        split: The part that is scored, where that is not the split's number.
        control: Change of the test clips.
        standing: The data beside the official ones.
    """
    ref = None
    if weights is not None:
        ref = WeightsRef(name=safe_name(weights.name), sha256=weights.sha256, pretraining=weights.pretraining)
    return identity_of(
        experiment,
        experiment.backbone.name,
        experiment.run_key(training),
        part=split,
        manifest=dataset,
        standing=standing,
        weights=ref,
        track=experiment.track,
        control=control,
        precision=precision,
    )


def phase(name: str, timing: Timing | None, views: int = 1) -> list[schema.Phase]:
    """Return a record's entry of one phase, in videos of ``views`` clips; none where nothing was done."""
    if timing is None or timing.seconds <= 0:
        return []
    entry = {
        "name": name,
        "seconds": round(timing.seconds, 3),
        "samples": timing.clips // views,
        "throughput": round(timing.clips / views / timing.seconds, 3),
        "waiting": round(min(1.0, timing.waiting / timing.seconds), 4),
        "peak_memory_bytes": timing.peak_memory,
    }
    return [schema.Phase.model_validate(entry)]


def safe_name(name: str) -> str:
    """Return a file's name as a record may hold it."""
    return re.sub(r"[^A-Za-z0-9_.+:@-]", "-", name).lstrip("-_.+:@") or "unnamed"
