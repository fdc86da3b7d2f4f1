"""The fine-tuning protocol: train on a split's training list, test on its test list, record."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.components import PROTOCOLS
from tta_bench.data.loading import TestClips, TrainClips, test_loader
from tta_bench.engine.device import resolve_device, resolve_micro_batch, resolve_precision, resolve_workers
from tta_bench.engine.fine_tune import fine_tuning
from tta_bench.engine.step import FineTuneStep, StepSettings
from tta_bench.engine.testing import TestReport, multi_view_test
from tta_bench.engine.training import TrainReport, plan_steps, train
from tta_bench.errors import UserError
from tta_bench.experiment import FineTuneExperiment
from tta_bench.models.build import build_classifier
from tta_bench.models.checkpoints import LoadReport, load_backbone, load_classifier, read_checkpoint
from tta_bench.models.classifier import Classifier
from tta_bench.outside import OutsideScores
from tta_bench.progress import console
from tta_bench.protocols.fine_tune_record import (
    fine_tune_cost,
    fine_tune_facts,
    fine_tune_identity,
    fine_tune_predictions,
)
from tta_bench.protocols.lists import Lists, open_lists
from tta_bench.protocols.plan import describe_plan
from tta_bench.protocols.preflight import Estimate, preflight
from tta_bench.protocols.recording import Recorder, phase
from tta_bench.protocols.scoring import score_class_file
from tta_bench.protocols.weights import CHECKPOINT, Weights, find_weights
from tta_bench.records.results import keep_results
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name


@PROTOCOLS.register_module()
class FineTune:
    """Fine-tune and test one experiment.

    Args:
        experiment: What to run.
        work_dir: Folder for checkpoints and records.
        resume: ``missing`` returns the record of a finished run and continues an unfinished one; ``never`` starts
            anew; ``always`` continues from a checkpoint and tests again.
    """

    def __init__(self, experiment: FineTuneExperiment, work_dir: Path, resume: str) -> None:
        self.experiment, self.work_dir, self.resume = experiment, work_dir, resume
        self.device = resolve_device(experiment.runtime.device)
        self.precision = resolve_precision(experiment.precision, self.device)
        self.workers = resolve_workers(experiment.runtime.workers)

    @cached_property
    def weights(self) -> Weights | None:
        """The weights that training, or testing, starts from."""
        return find_weights(self.experiment, self.work_dir)

    @cached_property
    def lists(self) -> Lists:
        """The split's clips, each decoded once."""
        return open_lists(self.experiment, self.work_dir, self.workers)

    @cached_property
    def training(self) -> str:
        """Identity of the trained weights: one training serves every test of it."""
        sha256 = self.weights.sha256 if self.weights else None
        start = f"tested as they are: {sha256}" if self.tests_a_file else sha256
        return self.experiment.training_identity(self.lists.identity, start, self.precision)

    @property
    def tests_a_file(self) -> bool:
        """Whether a fine-tuned checkpoint is tested without training."""
        return self.experiment.phase == "test" and self.weights is not None

    @cached_property
    def folder(self) -> Path:
        """Where this training keeps its checkpoint and metrics."""
        to = self.experiment
        name = f"{to.protocol.name}-{to.backbone.name.replace('/', '-')}-split{to.split}-seed{to.seed}"
        return self.work_dir / f"{name}-{self.training[:8]}"

    @cached_property
    def recorder(self) -> Recorder:
        """Keeps this experiment's record."""
        to = self.experiment
        identity = fine_tune_identity(to, self.lists, self.weights, self.training, self.precision)
        facts = fine_tune_facts(to, self.lists)
        return Recorder(to, identity, facts, self.precision, self.work_dir, str(self.device))

    def run(self) -> list[Record]:
        """Run what is missing and return the record; none when only training was asked for.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        finished = self.recorder.finished()
        if self.resume == "missing" and finished is not None:
            console.print(f"{self.folder.name}: done before, nothing to do (--resume never starts anew).", style="dim")
            return [finished]
        checkpoint = self._checkpoint()
        if checkpoint is None and not self.tests_a_file:
            self._preflight()
        step, _ = self._build()
        with self.recorder.running():
            trained = None if self.tests_a_file else self._train(step, checkpoint)
            if self.experiment.phase == "train":
                self.recorder.discard()
                console.print(f"trained: {self.folder / CHECKPOINT}. Leave out phase=train to test it.")
                return []
            return [self._record(step.classifier, trained, self._test(step.classifier))]

    def _record(self, classifier: Classifier, trained: TrainReport | None, test: TestReport) -> Record:
        """Score the test, write predictions and outcomes, and return the record."""
        to = self.experiment
        predictions = fine_tune_predictions(to, self.lists, test)
        tested = phase("test", test, to.eval.segments * to.eval.crops)
        return self.recorder.success(
            **keep_results(predictions, self.recorder.folder, record_name(self.recorder.identity)),
            phases=(*phase("train", trained, to.train.views), *tested),
            cost=fine_tune_cost(to, classifier),
        )

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a file of somebody's class scores and return its record."""
        return score_class_file(asked, work_dir)

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, views, disk, estimated time."""
        micro_batch, device = self._micro_batch(), str(self.device)
        return describe_plan(self.experiment, self.lists, self._preflight(), self.folder.name, micro_batch, device)

    def _micro_batch(self) -> int:
        train = self.experiment.train
        return resolve_micro_batch(self.experiment.runtime.micro_batch, train.batch * train.views, self.device)

    def _build(self) -> tuple[FineTuneStep, LoadReport | None]:
        """Return the model as training, or the test of a file, starts, and what was loaded into it.

        It has the initial weights of the seed; the backbone's are loaded if there are any, and the head's for a test.
        """
        to = self.experiment
        classes = len(self.lists.classes)
        classifier = build_classifier(to.backbone, to.clip, to.train, classes, to.seed)
        report = None
        if self.weights is not None:
            content = read_checkpoint(self.weights.path, self.weights.sha256)
            if self.tests_a_file:
                report = load_classifier(classifier, content)
            else:
                report = load_backbone(classifier.backbone, content)
        settings = StepSettings(
            train=to.train,
            mean=to.backbone.mean,
            std=to.backbone.std,
            classes=classes,
            seed=to.seed,
            micro_batch=self._micro_batch(),
            device=self.device,
        )
        return FineTuneStep(classifier.to(self.device), settings), report

    def _clips(self) -> tuple[TrainClips, TestClips]:
        to, lists = self.experiment, self.lists
        return (
            TrainClips(lists.train, lists.lengths, to.clip, to.train, to.seed),
            TestClips(lists.test, lists.lengths, to.clip, to.eval, to.seed),
        )

    def _preflight(self) -> Estimate:
        plan_steps(len(self.lists.train), self.experiment.train)
        step, loaded = self._build()
        if self.weights is not None and loaded is not None:
            console.print(f"weights {self.weights.name}: {loaded.summary()}", style="dim", markup=False)
        self.folder.mkdir(parents=True, exist_ok=True)
        return preflight(step, *self._clips(), self.precision, self.folder)

    def _checkpoint(self) -> dict[str, Any] | None:
        """Return the checkpoint to go on from, if there is one and it may be used.

        Raises:
            UserError: Only a test was asked for, and there is nothing to test.
        """
        path = self.folder / CHECKPOINT
        found = read_checkpoint(path) if path.is_file() and self.resume != "never" else None
        if self.experiment.phase == "test" and self.weights is None:
            total = plan_steps(len(self.lists.train), self.experiment.train).total
            if found is None or found["step"] < total:
                what = f"there is no {path}" if found is None else f"{path} is of step {found['step']} of {total}"
                raise UserError(f"phase=test has nothing to test: {what}.", "Say weights=FILE, or train first.")
        return found

    def _train(self, step: FineTuneStep, checkpoint: dict[str, Any] | None) -> TrainReport | None:
        if self.experiment.phase == "test":
            assert checkpoint is not None
            step.classifier.load_state_dict(checkpoint["model"])
            return None
        meta = {
            "format": "tta-bench",
            "training": self.training,
            "backbone": self.experiment.backbone.name,
            "classes": list(self.lists.classes),
        }
        training = fine_tuning(step, self._clips()[0], self.precision)
        return train(training, self.experiment.runtime, self.workers, self.folder, meta, checkpoint)

    def _test(self, classifier: Classifier) -> TestReport:
        to = self.experiment
        views = to.eval.segments * to.eval.crops
        micro_batch = resolve_micro_batch(to.runtime.micro_batch, 64, self.device)
        _, clips = self._clips()
        loader = test_loader(clips, max(1, micro_batch // views), self.workers, pin=self.device.type == "cuda")
        mean, std = to.backbone.mean, to.backbone.std
        return multi_view_test(classifier, loader, mean, std, self.device, self.precision, micro_batch)
