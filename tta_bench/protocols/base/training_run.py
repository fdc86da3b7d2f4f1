"""An experiment that trains: begun, gone on with or done before. Fine-tuning, pre-training and reactions share it."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from tta_bench.engine.device import Machine, OutOfMemory, resolve_micro_batch, smaller_micro_batch
from tta_bench.engine.training import Training, TrainReport, train
from tta_bench.errors import UserError
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.preflight import Estimate, preflight
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import Recorder, RunInfo, finished_record
from tta_bench.protocols.base.weights import CHECKPOINT, Weights, find_weights
from tta_bench.records import schema
from tta_bench.records.schema import Record
from tta_bench.utils.progress import console

AnyExperiment = TypeVar("AnyExperiment", FineTuneExperiment, PretrainExperiment, ReactionExperiment)
AnyStep = TypeVar("AnyStep", bound=nn.Module)


class TrainingRun(ProtocolRun, Generic[AnyExperiment, AnyStep]):
    """One experiment that trains, in a folder of its own.

    Args:
        experiment: What to run.
        work_dir: Folder for checkpoints and records.
        resume: ``missing`` returns the record of a finished run and continues an unfinished one; ``never`` starts
            anew; ``always`` continues from a checkpoint, and measures again.
    """

    experiment: AnyExperiment

    def __init__(self, experiment: AnyExperiment, work_dir: Path, resume: str) -> None:
        super().__init__(experiment, work_dir, resume)
        self.machine = Machine.of(experiment.runtime, experiment.precision)
        self.micro_batch = resolve_micro_batch(experiment.runtime.micro_batch, self.clips_in_step, self.machine.device)
        """Clips of a step that are on the device at once; ``auto`` is what the preflight, or a checkpoint, found."""

    @cached_property
    def weights(self) -> Weights | None:
        """The weights that training, or testing, starts from."""
        return find_weights(self.experiment, self.work_dir)

    @property
    def tests_a_file(self) -> bool:
        """Whether a checkpoint from elsewhere is tested without training."""
        return self.experiment.phase == "test" and self.experiment.weights != "none"

    @cached_property
    def training(self) -> str:
        """Identity of the trained weights: one training serves every test of it."""
        sha256 = self.weights.sha256 if self.weights else None
        start = f"tested as they are: {sha256}" if self.tests_a_file else sha256
        return self.experiment.training_identity(self.data, start, self.machine.precision)

    @cached_property
    def folder(self) -> Path:
        """Where this training keeps its checkpoint and metrics; its name is what ``weights=`` takes."""
        to = self.experiment
        name = "-".join([to.protocol.name, to.backbone.name.replace("/", "-"), *self.subset, f"seed{to.seed}"])
        return self.work_dir / f"{name}-{self.training[:8]}"

    @cached_property
    def recorder(self) -> Recorder:
        """Keeps the experiment's record, with the micro-batch, on which batch norm depends, in place of ``auto``."""
        runtime = self.experiment.runtime.model_copy(update={"micro_batch": self.micro_batch})
        recorded = self.experiment.model_copy(update={"runtime": runtime})
        return Recorder(recorded, self.identity(), self.facts(), self.machine, self.work_dir)

    def run(self) -> list[Record]:
        """Run what is missing and return the record; none when only training was asked for.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        finished = finished_record(self.work_dir, self.identity())
        if self.resume == "missing" and finished is not None:
            console.print(f"{self.folder.name}: done before, nothing to do (--resume never starts anew).", style="dim")
            return [finished]
        checkpoint = self.ready()
        step = self.build()
        with self.recorder.running():
            return self.measure(step, self.learn(step, checkpoint))

    def ready(self) -> dict[str, Any] | None:
        """Return the checkpoint to go on from; without one, try everything once and small.

        Raises:
            UserError: Only a test was asked for, and there is nothing to test.
            BenchError: Whatever the trial raises.
        """
        path = self.folder / CHECKPOINT
        checkpoint = read_checkpoint(path) if path.is_file() and self.resume != "never" else None
        if self.tests_a_file:
            return None
        if self.experiment.phase == "test" and (checkpoint is None or checkpoint["step"] < self.steps):
            of_step = "" if checkpoint is None else f"{path} is of step {checkpoint['step']} of {self.steps}"
            raise UserError(
                f"phase=test has nothing to test: {of_step or f'there is no {path}'}.",
                "Say weights=FILE, or train first.",
            )
        if checkpoint is None:
            self.preflight()
        elif self._fits_itself:
            self.micro_batch = checkpoint.get("micro_batch", self.micro_batch)
        return checkpoint

    def preflight(self) -> Estimate:
        """Try a step, a checkpoint and a test on a model that is thrown away; return what they took.

        A micro-batch of ``auto`` that does not fit into memory is halved until it does.

        Raises:
            BenchError: Whatever fails.
        """
        console.print(f"preflight: everything once, and small, before {self.steps:,} steps", style="dim")
        while True:
            try:
                return self._preflight()
            except OutOfMemory:
                smaller = smaller_micro_batch(self.micro_batch)
                if not self._fits_itself or smaller >= self.micro_batch:
                    raise
                console.print(
                    f"{self.micro_batch} clips at once do not fit into memory: {smaller} are tried", style="dim"
                )
                self.micro_batch = smaller

    @property
    def _fits_itself(self) -> bool:
        """Whether the micro-batch is made to fit the device."""
        return self.experiment.runtime.micro_batch == "auto"

    def _preflight(self) -> Estimate:
        step = self.build()
        self.folder.mkdir(parents=True, exist_ok=True)
        return preflight(self.trains(step), lambda: self.try_test(step), self.micro_batch, self.folder)

    def learn(self, step: AnyStep, checkpoint: dict[str, Any] | None) -> TrainReport | None:
        """Do what is left of the training; None where what was trained before is only tested."""
        if self.tests_a_file:
            return None
        training = self.trains(step)
        if self.experiment.phase == "test":
            assert checkpoint is not None
            training.model.load_state_dict(checkpoint["model"])
            return None
        if self.experiment.runtime.compile:
            training.model.compile(dynamic=False)  # in place: names in checkpoints stay as they are
        meta: dict[str, Any] = {
            "format": "tta-bench",
            "training": self.training,
            "backbone": self.experiment.backbone.name,
        }
        meta |= {"micro_batch": self.micro_batch, **self.remarks()}
        return train(training, self.experiment.runtime, self.machine.workers, self.folder, meta, checkpoint)

    def trained_only(self) -> bool:
        """Whether nothing but the training was asked for; then no record is left, and the user is told what is."""
        if self.experiment.phase != "train":
            return False
        self.recorder.discard()
        console.print(f"trained: {self.folder / CHECKPOINT}. Leave out phase=train to test it.")
        return True

    @property
    @abstractmethod
    def data(self) -> str:
        """Identity of the data."""

    @property
    @abstractmethod
    def subset(self) -> tuple[str, ...]:
        """What of the data is trained on, for the folder's name."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Optimisation steps of the whole training.

        Raises:
            UserError: There are fewer clips than a step takes.
        """

    @property
    @abstractmethod
    def clips_in_step(self) -> int:
        """Clips in one optimisation step, augmented views counted."""

    @abstractmethod
    def build(self) -> AnyStep:
        """Return the model with its step, as training or the test of a file starts: on the device, weights loaded."""

    @abstractmethod
    def trains(self, step: AnyStep) -> Training:
        """Return the training that a step is a step of."""

    @abstractmethod
    def try_test(self, step: AnyStep) -> None:
        """Test one clip, if anything will be tested."""

    @abstractmethod
    def remarks(self) -> dict[str, Any]:
        """Return what a checkpoint says besides training and backbone."""

    @abstractmethod
    def measure(self, step: AnyStep, trained: TrainReport | None) -> list[Record]:
        """Test what was trained, and return the record; none if there is to be none."""

    @abstractmethod
    def identity(self) -> schema.Identity:
        """Return what makes this experiment another than the next."""

    @abstractmethod
    def facts(self) -> RunInfo:
        """Return what its record says from the beginning."""
