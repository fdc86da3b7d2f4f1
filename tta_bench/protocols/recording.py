"""Keeps an experiment's record up to date: started, alive, and how it ended."""

from __future__ import annotations

import re
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tta_bench.engine.device import ResolvedPrecision
from tta_bench.engine.fine_tune import TrainReport
from tta_bench.engine.testing import TestReport
from tta_bench.errors import BenchError, RunFailed, UserError
from tta_bench.experiment import Experiment, protocol_hash
from tta_bench.models.classifier import Classifier
from tta_bench.models.measure import count_gmacs, count_parameters
from tta_bench.protocols.lists import Lists
from tta_bench.protocols.weights import Weights
from tta_bench.records import schema
from tta_bench.records.environment import describe_environment
from tta_bench.records.predictions import collect
from tta_bench.records.results import keep_results
from tta_bench.records.schema import Record, without_paths
from tta_bench.records.status import HEARTBEAT, now
from tta_bench.records.store import read_record, record_name, write_record


@dataclass
class Run:
    """What a run has measured so far."""

    train: TrainReport | None = None
    test: TestReport | None = None


class Recorder:
    """Writes one experiment's record, predictions and outcomes into ``<work_dir>/records``.

    Args:
        experiment: What is run.
        lists: Its clips.
        weights: What it starts from.
        training: Identity of the training.
        precision: Resolved precision.
        work_dir: Where runs go.
        device: The device's name, for the environment.
    """

    def __init__(
        self,
        experiment: Experiment,
        lists: Lists,
        weights: Weights | None,
        training: str,
        precision: ResolvedPrecision,
        work_dir: Path,
        device: str,
    ) -> None:
        self.experiment, self.lists = experiment, lists
        self.folder = work_dir / "records"
        self.device, self.precision = device, precision
        self.identity = identity(experiment, lists, weights, training, precision)
        self._created = now()
        self._stop = threading.Event()
        self._alive = threading.Thread(target=self._beat, daemon=True)

    @property
    def path(self) -> Path:
        """The record's file."""
        return self.folder / f"{record_name(self.identity)}.json"

    def finished(self) -> Record | None:
        """Return the record of this very experiment, if it was run to the end."""
        if not self.path.is_file():
            return None
        try:
            record = read_record(self.path)
        except UserError:
            return None  # half-written by something else: it is run again, and replaced
        return record if record.status == "success" and record.identity.run_key == self.identity.run_key else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Say ``started``, then that the run is alive, and how it ended if it did not end well.

        Raises:
            RunFailed: Something inside raised; the record says ``error`` with the cause.
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
        """Leave no record, since nothing was tested."""
        self._quiet()
        self.path.unlink(missing_ok=True)

    def success(self, classifier: Classifier, run: Run) -> Record:
        """Score the test, write predictions, outcomes and record, and return the record."""
        assert run.test is not None
        to, test, classes = self.experiment, self.lists.test, self.lists.classes
        self._quiet()
        predictions = collect(
            [sample.id for sample in test],
            run.test.scores,
            np.array([sample.label for sample in test]),
            [sample.group for sample in test],
            classes,
            reversed_labels(to, self.lists),
            {sample.group for sample in self.lists.train},
        )
        clip = (3, to.clip.frames, to.clip.size, to.clip.size)
        record = self._record(
            "success",
            finished=now(),
            **keep_results(predictions, self.folder, record_name(self.identity)),
            phases=tuple(phases(run, to)),
            cost=schema.Cost(
                parameters=count_parameters(classifier),
                gmacs_per_view=round(count_gmacs(classifier, clip), 4),
                views=to.eval.segments * to.eval.crops,
            ),
        )
        return read_record(write_record(record, self.folder))

    def _record(self, status: schema.Status, cause: str | None = None, **more: object) -> Record:
        to = self.experiment
        names = sorted(self.lists.excluded)
        fields: dict[str, object] = {
            "origin": "run",
            "identity": self.identity,
            "given": tuple(map(without_root, to.arguments)),
            "resolved": to.settings(),
            "status": status,
            "cause": cause,
            "created": self._created,
            "heartbeat": now(),
            "n_expected": len(self.lists.test),
            "n_scored": 0,
            "excluded": schema.Excluded(count=len(names), names=tuple(names[:20])),
            "environment": describe_environment(
                self.device, self.precision, [schema.Plugin(**asdict(code)) for code in to.plugins]
            ),
            "cost": None,
            "input": schema.Input(frames=to.clip.frames, stride=to.clip.stride, size=to.clip.size),
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
    to: Experiment, lists: Lists, weights: Weights | None, training: str, precision: ResolvedPrecision
) -> schema.Identity:
    """Return what makes an experiment another than the next."""
    return schema.Identity(
        protocol=schema.ProtocolRef(
            name=to.protocol.name,
            version=to.protocol.version,
            sha256=protocol_hash(to.protocol),
            score=to.protocol.score,
        ),
        backbone=to.backbone.name,
        weights=None
        if weights is None
        else schema.WeightsRef(name=safe_name(weights.name), sha256=weights.sha256, pretraining=weights.pretraining),
        dataset=schema.DatasetRef(
            name=to.dataset.name, manifest_sha256=lists.identity, splits=tuple(map(str, to.dataset.splits))
        ),
        split=str(to.split),
        seed=to.seed,
        tier=to.tier,
        standard=to.standard,
        track=to.track,
        control=to.eval.control,
        precision=precision,
        run_key=to.run_key(training),
    )


def reversed_labels(to: Experiment, lists: Lists) -> list[int] | None:
    """Return the class that each test clip shows when played backwards, for the control that does so."""
    names = to.dataset.reversed_class
    if to.eval.control != "reversed" or names is None:
        return None
    return [lists.classes.index(names[lists.classes[sample.label]]) for sample in lists.test]


def phases(run: Run, to: Experiment) -> Iterator[schema.Phase]:
    """Yield what each stretch of a run took, in videos."""
    parts = {
        "train": (run.train, to.train.views),
        "test": (run.test, to.eval.segments * to.eval.crops),
    }
    for name, (report, views) in parts.items():
        if report is not None and report.seconds > 0:
            yield schema.Phase.model_validate(
                {
                    "name": name,
                    "seconds": round(report.seconds, 3),
                    "samples": report.clips // views,
                    "throughput": round(report.clips / views / report.seconds, 3),
                    "waiting": round(min(1.0, report.waiting / report.seconds), 4),
                    "peak_memory_bytes": report.peak_memory,
                }
            )


def safe_name(name: str) -> str:
    """Return a file's name as a record may hold it."""
    return re.sub(r"[^A-Za-z0-9_.+:@-]", "-", name).lstrip("-_.+:@") or "unnamed"


def without_root(word: str) -> str:
    """Return a word without the path in it: records travel, folders do not."""
    key, _, value = word.partition("=")
    if key.startswith("data.root"):
        return f"{key}=<data.root>"
    is_file = key in {"weights", "predictions", "labels"} and "/" in value
    return f"{key}={Path(value).name}" if is_file else without_paths(word)
