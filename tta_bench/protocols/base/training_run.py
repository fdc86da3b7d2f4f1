"""Stages of a run that trains: start or resume, preflight, train, record. Each protocol calls them in its own order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from tta_bench.engine.device import MICRO_BATCH, NORM_BATCH, Machine, resolve_micro_batch
from tta_bench.engine.loggers import Loggers
from tta_bench.engine.memory import within_free
from tta_bench.engine.schedule import Schedule, plan_steps
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import Training, train
from tta_bench.engine.training_state import read_state
from tta_bench.errors import BenchError, UserError
from tta_bench.experiments.base import Experiment
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.alike import require_alike
from tta_bench.protocols.base.claimed import claimed, sweep_folders
from tta_bench.protocols.base.norm_batch import locked_micro_batch, never, norm_batch
from tta_bench.protocols.base.preflight import Estimate, Fitted, fit_micro_batch, require_busy
from tta_bench.protocols.base.recorder import Recorder
from tta_bench.protocols.base.room import require_weights
from tta_bench.protocols.base.shared_run import SharedRun, done_before
from tta_bench.protocols.base.weights import CHECKPOINT, Weights
from tta_bench.records.progress import PLAN, write_plan
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name
from tta_bench.utils.journal import journal
from tta_bench.utils.progress import console

Clips = TypeVar("Clips")
SHARERS = 8
"""Devices that can share a step with the micro-batch that ``auto`` takes on a GPU; so can 2 and 4, to the same bits."""
Trial = Callable[[int], Estimate]
"""Tries everything once with a micro-batch; see `try_once`."""


@dataclass(frozen=True, kw_only=True)
class PreparedRun(SharedRun, Generic[Clips]):
    """An experiment that can be trained: its clips were checked, its weights found, its identity is known."""

    clips: Clips
    """The protocol's clips, each checked."""
    weights: Weights | None
    """Weights that training, or the test of a file, starts from."""
    training: str
    """Identity of the trained weights: one training serves every test of it."""
    videos: int
    """Length of the training list."""
    recipe: Schedule
    views: int = 1
    """Clips of a video in a step."""
    normalises: Callable[[], bool] = never
    """Says whether the network normalises over its batch in training."""

    @property
    def steps(self) -> int:
        """Optimisation steps of the whole training.

        Raises:
            UserError: There are fewer clips than a step takes.
        """
        return plan_steps(self.videos, self.recipe).total

    @property
    def clips_in_step(self) -> int:
        """Clips of an optimisation step, over all processes."""
        return self.recipe.batch * self.views

    @property
    def is_test_only(self) -> bool:
        """True if a checkpoint from elsewhere is tested without training."""
        return is_test_of_file(self.experiment)

    @property
    def claim_of_training(self) -> Path:
        """The file that claims the training."""
        return self.folder / "claim.json"

    @property
    def micro_batch_is_auto(self) -> bool:
        """True if the micro-batch is made to fit the device."""
        return self.experiment.runtime.micro_batch == "auto" and self.norm_batch is None

    @cached_property
    def norm_batch(self) -> int | None:
        """The recipe's micro-batch, where batch norm depends on it."""
        return norm_batch(self.experiment, self.normalises)

    @property
    def micro_batch_key(self) -> str:
        """The key that gives the micro-batch."""
        return MICRO_BATCH if self.norm_batch is None else NORM_BATCH

    @property
    def micro_batch(self) -> int:
        """Clips of a step that are on the device at once, if they fit."""
        asked = self.experiment.runtime.micro_batch
        if self.norm_batch is not None:
            return locked_micro_batch(asked, self.norm_batch, self.clips_in_step)
        return resolve_micro_batch(asked, self.clips_in_step, self.machine.device, SHARERS)

    def require_parts(self, processes: int) -> None:
        """Refuse more processes than a step has parts for.

        Raises:
            UserError: There are more.
        """
        if not self.is_test_only:
            require_busy(self.clips_in_step, self.micro_batch, processes, self.micro_batch_key)

    def reached(self) -> tuple[str, str]:
        """Return the step that a run that has ended was in, and the step of its checkpoint, as sentences need them."""
        log, checkpoint, kept = self.folder / "metrics.jsonl", self.folder / CHECKPOINT, 0
        step = len(log.read_bytes().splitlines()) if log.is_file() else 0
        with suppress(BenchError, KeyError):
            kept = int(read_checkpoint(checkpoint)["step"]) if checkpoint.is_file() else 0
        return f" in step {step:,}", f"The same command goes on from step {kept:,}."

    def recorder(self) -> Recorder:
        """Return the keeper of the run's record, with the micro-batch that it is to have."""
        return recorder_of(self, self.micro_batch)


class Start(NamedTuple):
    """The state that a training starts from."""

    checkpoint: dict[str, Any] | None
    """The checkpoint to continue from, or to test; None for a new training, or the test of a file."""
    micro_batch: int
    """Clips on the device at once; an ``auto`` one as the preflight, or an earlier start, fitted it."""


def is_test_of_file(experiment: Experiment) -> bool:
    """Return True if a checkpoint from elsewhere is tested without training."""
    return experiment.phase == "test" and experiment.weights != "none"


def training_identity(experiment: Experiment, data: str, weights: Weights | None, machine: Machine) -> str:
    """Return the identity of the trained weights.

    Args:
        experiment: The experiment.
        data: Identity of the data.
        weights: Weights that training, or the test of a file, starts from.
        machine: Its precision counts.
    """
    sha256 = weights.identity if weights else None
    start = f"tested as they are: {sha256}" if is_test_of_file(experiment) else sha256
    return experiment.training_identity(data, start, machine.precision)


def training_folder(work_dir: Path, experiment: Experiment, training: str, *tags: str) -> Path:
    """Return the folder of a training.

    Args:
        work_dir: Folder of all runs.
        experiment: The experiment.
        training: Identity of the trained weights.
        tags: The part of the data that is trained on (a split, a number of clips), for the name.
    """
    backbone = experiment.backbone.name.replace("/", "-")
    name = "-".join([experiment.protocol.name, backbone, *tags, f"seed{experiment.seed}"])
    return work_dir / f"{name}-{training[:8]}"


@contextmanager
def at_work(run: PreparedRun[Any]) -> Iterator[Record | None]:
    """Claim an experiment and its training while the block runs, and remove what killed processes left.

    Yields:
        The record of the finished run, if there is one and it is wanted: then there is nothing to do.

    Raises:
        Claimed: Another process does it at this moment.
    """
    world = run.machine.world
    finished = world.from_first(partial(done_before, run))
    if finished is not None:
        world.from_first(partial(sweep_folders, run.work_dir, run.folder))
        yield finished
        return
    with claiming(run):
        yield world.from_first(partial(done_before, run))  # perhaps just now


@contextmanager
def claiming(run: PreparedRun[Any]) -> Iterator[None]:
    """Claim an experiment and its training while the block runs, and remove what killed processes left.

    Raises:
        Claimed: Another process does it at this moment.
    """
    world = run.machine.world
    trainings = () if run.is_test_only else (run.claim_of_training,)
    with (
        claimed(run.claims, run.work_dir, run.identity, run.folder.name, *trainings, world=world),
        journal(run.folder if world.is_first else None, PLAN),
    ):
        yield


def resume_or_preflight(run: PreparedRun[Any], trial: Trial) -> Start:
    """Return the checkpoint to continue from; without one, try everything once and small.

    Raises:
        UserError: The checkpoint is of another training, or damaged; or only a test was asked for, and there is nothing
            to test.
        BenchError: Whatever the trial raises.
    """
    if run.is_test_only:
        return Start(None, run.micro_batch)
    path, world = run.folder / CHECKPOINT, run.machine.world
    goes_on = run.resume != "never" and world.from_first(path.is_file)
    checkpoint = read_state(path, run.training) if goes_on else None
    if run.experiment.phase == "test" and (checkpoint is None or checkpoint["step"] < run.steps):
        of_step = "" if checkpoint is None else f"{path} is of step {checkpoint['step']} of {run.steps}"
        raise UserError(
            f"phase=test has nothing to test: {of_step or f'there is no {path}'}.",
            "Say weights=FILE, or train first.",
        )
    if checkpoint is None:
        return Start(None, preflight(run, trial).micro_batch)
    kept = checkpoint.get("micro_batch", run.micro_batch) if run.micro_batch_is_auto else run.micro_batch
    require_busy(run.clips_in_step, kept, world.size, run.micro_batch_key)
    return Start(checkpoint, kept)


def preflight(run: PreparedRun[Any], trial: Trial) -> Fitted:
    """Try everything once and small, with a micro-batch that fits, and return what it cost.

    Raises:
        BenchError: Whatever fails.
    """
    console.print(f"preflight: everything once, and small, before {run.steps:,} steps", style="dim")

    def tried(micro_batch: int) -> Estimate:
        require_weights(run.experiment.backbone)
        return trial(micro_batch)

    with within_free(run.machine.device):
        fitted = fit_micro_batch(tried, run.micro_batch, run.micro_batch_is_auto, run.machine.world)
    require_busy(run.clips_in_step, fitted.micro_batch, run.machine.world.size, run.micro_batch_key)
    return fitted


def train_or_load(run: PreparedRun[Any], training: Training, start: Start, meta: Mapping[str, Any]) -> Timing | None:
    """Do the rest of a training of a model as it starts; where only a test was asked for, load it and return None.

    Raises:
        Diverged: Loss or gradient is not finite.
        Stopped: A signal asked for a stop; the checkpoint is written.
    """
    if run.experiment.phase == "test":
        assert start.checkpoint is not None
        training.model.load_state_dict(start.checkpoint["model"])
        run.claims.drop(run.claim_of_training)
        return None
    require_alike(run.machine.world, run.training, training.model, start.checkpoint)
    if run.experiment.runtime.compile:
        training.model.compile(dynamic=False)  # in place: names in checkpoints stay as they are
    said = {"format": "tta-bench", "training": run.training, "backbone": run.experiment.backbone.name}
    meta = {**said, "micro_batch": start.micro_batch, **meta}
    if run.machine.world.is_first:
        write_plan(run.folder, record_name(run.identity), (start.checkpoint or {}).get("step", 0), run.steps)
    minutes = run.experiment.runtime.checkpoint_minutes
    with Loggers(run.experiment.runtime.logging if run.machine.world.is_first else (), run.folder) as loggers:
        timing = train(training, run.folder, meta, start.checkpoint, minutes, run.claims.require, loggers.send)
    run.claims.drop(run.claim_of_training)  # others may test it, under other controls
    return timing


def recorder_of(run: PreparedRun[Any], micro_batch: int) -> Recorder:
    """Return the keeper of a run's record, with the micro-batch, on which batch norm depends, in place of ``auto``."""
    runtime = run.experiment.runtime.model_copy(update={"micro_batch": micro_batch})
    experiment = run.experiment.model_copy(update={"runtime": runtime})
    return Recorder(experiment, run.identity, run.info, run.machine, run.work_dir, run.claims.require)


def leave_checkpoint(run: PreparedRun[Any], recorder: Recorder) -> list[Record]:
    """Return no record, since nothing was tested, and tell the user where the checkpoint is."""
    if run.machine.world.is_first:
        recorder.discard()
    console.print(f"trained: {run.folder / CHECKPOINT}. Leave out phase=train to test it.")
    return []
