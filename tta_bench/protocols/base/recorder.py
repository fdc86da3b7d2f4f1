"""The record of a run while it runs: started, alive, and success, error or cancelled at its end."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tta_bench.engine.device import Machine, ResolvedPrecision
from tta_bench.engine.timing import Timing
from tta_bench.errors import RunFailed, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.fine_tune import Control
from tta_bench.protocols.base.identity import identity_of
from tta_bench.protocols.base.standing import UNKNOWN, Standing
from tta_bench.protocols.base.weights import Weights
from tta_bench.records import schema
from tta_bench.records.environment import describe_environment
from tta_bench.records.identity import Identity, WeightsRef
from tta_bench.records.overlap import Overlap
from tta_bench.records.redact import given_words, safe_name
from tta_bench.records.schema import Record
from tta_bench.records.status import HEARTBEAT, now
from tta_bench.records.store import read_record, record_name, write_record
from tta_bench.records.verify import file_problem
from tta_bench.utils.faults import foreseen
from tta_bench.utils.files import locked, temporary_path, write_atomic
from tta_bench.utils.progress import console
from tta_bench.utils.signals import undisturbed

RESERVE_BYTES = 2**16
"""Room on the disk that a run keeps for its last record."""


@dataclass(frozen=True)
class RunInfo:
    """Fields of a record that are known before the run starts."""

    expected: int
    """Samples that are to be scored."""
    excluded: Sequence[str] = ()
    """Training clips left out."""
    input: schema.Input | None = None
    """Frames and size of the clips, if the model sees any."""
    overlap: Overlap | None = None
    """Test clips that the pre-training data hold, where somebody has looked."""


def finished_record(work_dir: Path, identity: Identity) -> Record | None:
    """Return the record of this very experiment, if it was run to the end and its files are there as they were."""
    folder = work_dir / "records"
    record = success_in(folder / f"{record_name(identity)}.json")
    if record is None or record.identity.run_key != identity.run_key:
        return None
    files = [ref for ref in (record.predictions, record.outcomes) if ref is not None]
    whole = all((folder / ref.name).is_file() and file_problem(ref, folder) is None for ref in files)
    return record if whole else None


def success_in(path: Path) -> Record | None:
    """Return the record in a file if it is one of a success; half-written by something else, it is none."""
    try:
        record = read_record(path) if path.is_file() else None
    except UserError:
        return None
    return record if record is not None and record.status == "success" else None


class Recorder:
    """Writes one experiment's record, predictions and outcomes into ``<work_dir>/records``; the first process does.

    A success that is there from an earlier run stays until the new one: it is never replaced by less.

    Args:
        experiment: The experiment.
        identity: Its identity.
        info: Fields of its record that are known from the beginning.
        machine: Device and precision.
        work_dir: Folder of all runs.
        require: Raises if another process has taken the experiment over; called before anything is written.
    """

    def __init__(
        self,
        experiment: Experiment,
        identity: Identity,
        info: RunInfo,
        machine: Machine,
        work_dir: Path,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self.experiment, self.identity, self.info, self.machine = experiment, identity, info, machine
        self.folder, self.require = work_dir / "records", require
        self._created = now()
        self._stop = threading.Event()
        self._alive = threading.Thread(target=self._beat, daemon=True)
        self._reserve = temporary_path(self.path)

    @property
    def path(self) -> Path:
        """The record's file."""
        return self.folder / f"{record_name(self.identity)}.json"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write ``started``, then a heartbeat, and ``cancelled`` or ``error`` if the run does not succeed.

        Raises:
            RunFailed: A fault of the machine, or an exception that was not foreseen; its traceback is in a file. The
                record has the cause.
        """
        if not self.machine.world.is_first:
            yield
            return
        self._write("started")
        self._keep_room()
        self._alive.start()
        try:
            yield
        except KeyboardInterrupt:
            with undisturbed():
                self._end("cancelled")
            raise
        except Exception as error:
            with undisturbed():
                known = foreseen(error)
                cause = f"{type(error).__name__}: {error}" if known is None else str(known)
                self._end("error", cause)
                if known is error:
                    raise
                if known is not None:
                    raise known from error
                log = self.path.with_suffix(".traceback.txt")
                with suppress(OSError):
                    write_atomic(log, "".join(traceback.format_exception(error)).encode())
                raise RunFailed(f"the run failed: {cause}", f"The traceback is in {log}.") from error
        finally:
            self._quiet()

    def fail(self, cause: str) -> None:
        """Write ``error`` with its cause in place of a run that could not, or whose own words say less."""
        with undisturbed():
            self._end("error", cause)

    def discard(self) -> None:
        """Remove the record, since nothing was tested; a success of an earlier run stays."""
        self._quiet()
        if success_in(self.path) is None:
            self.path.unlink(missing_ok=True)

    def success(self, **measured: object) -> Record:
        """Write the record of a successful run, with its results, and return it."""
        self._quiet()
        self.require()
        record = self._record("success", None, finished=now(), **measured)
        with locked(self.folder):
            return read_record(write_record(record, self.folder))

    def _write(self, status: schema.Status, cause: str | None = None) -> None:
        """Write the record of a run that has not succeeded, unless there is a success."""
        self.require()
        record = self._record(status, cause)
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):  # a success of another process may come at any moment
            if success_in(self.path) is None:
                write_record(record, self.folder)

    def _end(self, status: schema.Status, cause: str | None = None) -> None:
        """Write how the run ended, as far as that is possible: the cause itself is told in any case."""
        self._quiet()
        try:
            self._write(status, cause)
        except OSError as error:
            console.print(f"{self.path} still says 'started': {error.strerror or error}.", markup=False, soft_wrap=True)
        except RunFailed:
            return  # another process has taken over, and writes its own

    def _keep_room(self) -> None:
        """Take room for the record of a run that ends because the disk is full."""
        with suppress(OSError):
            self._reserve.write_bytes(bytes(RESERVE_BYTES))

    def _record(self, status: schema.Status, cause: str | None = None, **more: object) -> Record:
        names = sorted(self.info.excluded)
        plugins = [schema.Plugin(**asdict(code)) for code in self.experiment.plugins]
        fields: dict[str, object] = {
            "origin": "run",
            "identity": self.identity,
            "given": given_words(self.experiment.arguments),
            "resolved": self.experiment.settings(),
            "status": status,
            "cause": cause,
            "created": self._created,
            "heartbeat": now(),
            "n_expected": self.info.expected,
            "n_scored": 0,
            "excluded": schema.Excluded(count=len(names), names=tuple(names[:20])),
            "environment": describe_environment(
                str(self.machine.device), self.machine.precision, plugins, self.machine.deterministic
            ),
            "cost": None,
            "input": self.info.input,
            "overlap": self.info.overlap,
        }
        return Record.model_validate(fields | more)

    def _beat(self) -> None:
        """Write a heartbeat now and then; one that fails is told, and the next one is tried."""
        told = False
        while not self._stop.wait(HEARTBEAT.total_seconds()):
            try:
                self._write("started")
            except RunFailed:
                return  # another process has taken over; training finds out before it writes
            except Exception as error:
                if not told:
                    said = f"{self.path}: the sign of life could not be written ({error}); it is tried again."
                    console.print(said, style="yellow", markup=False, soft_wrap=True)
                told = True

    def _quiet(self) -> None:
        """Stop the heartbeat, so that nothing is written over what comes next, and give the kept room back."""
        self._stop.set()
        if self._alive.ident is not None:
            self._alive.join()
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)


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
        "joules": None if timing.joules is None else round(timing.joules, 1),
    }
    return [schema.Phase.model_validate(entry)]
