"""The fine-tuning protocol: train on a split's training list, test on its test list, record."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.loading import TestClips, TrainClips, test_loader
from tta_bench.engine.device import resolve_micro_batch
from tta_bench.engine.training import Training, TrainReport, plan_steps
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.build import build_classifier
from tta_bench.models.checkpoints.load import LoadReport, load_backbone, load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.base.preflight import Estimate
from tta_bench.protocols.base.recorder import RunInfo, phase
from tta_bench.protocols.base.training_run import TrainingRun
from tta_bench.protocols.fine_tune.report import (
    describe_plan,
    fine_tune_cost,
    fine_tune_facts,
    fine_tune_identity,
    fine_tune_predictions,
)
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.protocols.fine_tune.split import SplitClips, open_split
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning
from tta_bench.protocols.fine_tune.testing import TestReport, average_views, multi_view_test
from tta_bench.records import schema
from tta_bench.records.schema import Record
from tta_bench.records.score import keep_results
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.progress import console


@PROTOCOLS.register_module()
class FineTune(TrainingRun[FineTuneExperiment, FineTuneStep]):
    """Fine-tune and test one experiment; see `TrainingRun`."""

    loaded: LoadReport | None = None
    """What the model that was built last took from a file."""

    @cached_property
    def lists(self) -> SplitClips:
        """The split's clips, each decoded once."""
        return open_split(self.experiment, self.work_dir, self.machine.workers)

    @property
    def data(self) -> str:
        """Identity of the split's clips."""
        return self.lists.identity

    @property
    def subset(self) -> tuple[str, ...]:
        """The split."""
        return (f"split{self.experiment.split}",)

    @property
    def steps(self) -> int:
        """Optimisation steps of the whole training."""
        return plan_steps(len(self.lists.train), self.experiment.train).total

    @property
    def clips_in_step(self) -> int:
        """Clips in one optimisation step, augmented views counted."""
        return self.experiment.train.batch * self.experiment.train.views

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, views, disk, estimated time."""
        estimate, device = self.preflight(), str(self.machine.device)
        return describe_plan(self.experiment, self.lists, estimate, self.folder.name, self.micro_batch, device)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a file of somebody's class scores and return its record."""
        return score_class_file(asked, work_dir)

    def preflight(self) -> Estimate:
        """Try everything once and small, and say which weights were loaded."""
        estimate = super().preflight()
        if self.weights is not None and self.loaded is not None:
            console.print(f"weights {self.weights.name}: {self.loaded.summary()}", style="dim", markup=False)
        return estimate

    def build(self) -> FineTuneStep:
        """Return the model as training, or the test of a file, starts.

        It has the initial weights of the seed; the backbone's are loaded if there are any, and the head's for a test.
        """
        to = self.experiment
        classes = len(self.lists.classes)
        classifier = build_classifier(to.backbone, to.clip, to.train, classes, to.seed)
        if self.weights is not None:
            content = read_checkpoint(self.weights.path, self.weights.sha256)
            if self.tests_a_file:
                self.loaded = load_classifier(classifier, content)
            else:
                self.loaded = load_backbone(classifier.backbone, content)
        settings = FineTuneStepSettings(
            train=to.train,
            mean=to.backbone.mean,
            std=to.backbone.std,
            classes=classes,
            seed=to.seed,
            micro_batch=self.micro_batch,
            device=self.machine.device,
        )
        return FineTuneStep(classifier.to(self.machine.device), settings)

    def trains(self, step: FineTuneStep) -> Training:
        """Return the training of the classifier."""
        to, lists = self.experiment, self.lists
        clips = TrainClips(lists.train, lists.lengths, to.clip, to.train, to.seed)
        return fine_tuning(step, clips, self.machine.precision)

    def try_test(self, step: FineTuneStep) -> None:
        """Test the first video."""
        to = step.settings
        views = self._test_clips[0]["clips"].unsqueeze(0)
        step.classifier.eval()
        average_views(step.classifier, views, to.mean, to.std, to.device, self.machine.precision, to.micro_batch)

    def remarks(self) -> dict[str, Any]:
        """Return the classes, in the order of the head's outputs."""
        return {"classes": list(self.lists.classes)}

    def measure(self, step: FineTuneStep, trained: TrainReport | None) -> list[Record]:
        """Test, write predictions and outcomes, and return the record; none when only training was asked for."""
        if self.trained_only():
            return []
        to, test = self.experiment, self._test(step.classifier)
        predictions = fine_tune_predictions(to, self.lists, test)
        tested = phase("test", test, to.eval.segments * to.eval.crops)
        record = self.recorder.success(
            **keep_results(
                predictions, self.recorder.folder, record_name(self.recorder.identity), ranked_by=to.protocol.score
            ),
            phases=(*phase("train", trained, to.train.views), *tested),
            cost=fine_tune_cost(to, step.classifier),
        )
        return [record]

    def identity(self) -> schema.Identity:
        """Return what makes a fine-tune another than the next."""
        return fine_tune_identity(self.experiment, self.lists, self.weights, self.training, self.machine.precision)

    def facts(self) -> RunInfo:
        """Return what its record says from the beginning."""
        return fine_tune_facts(self.experiment, self.lists)

    @property
    def _test_clips(self) -> TestClips:
        to, lists = self.experiment, self.lists
        return TestClips(lists.test, lists.lengths, to.clip, to.eval, to.seed)

    def _test(self, classifier: Classifier) -> TestReport:
        to, on = self.experiment, self.machine
        micro_batch = resolve_micro_batch(to.runtime.micro_batch, 64, on.device)
        videos = max(1, micro_batch // (to.eval.segments * to.eval.crops))
        loader = test_loader(self._test_clips, videos, on.workers, on.pin)
        mean, std = to.backbone.mean, to.backbone.std
        return multi_view_test(classifier, loader, mean, std, on.device, on.precision, micro_batch)
