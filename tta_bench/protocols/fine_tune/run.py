"""The fine-tuning protocol: train on a split's training list, test on its test list, record."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.loading import TestClips, TrainClips, test_loader
from tta_bench.engine.device import Machine, resolve_micro_batch
from tta_bench.engine.step import StepSettings
from tta_bench.engine.training import Training
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.build import build_classifier
from tta_bench.models.checkpoints.load import LoadReport, load_backbone, load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.base.preflight import Estimate, try_once
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import phase
from tta_bench.protocols.base.training_run import (
    PreparedRun,
    at_work,
    leave_checkpoint,
    preflight,
    recorder_of,
    resume_or_preflight,
    train_or_load,
    training_folder,
    training_identity,
)
from tta_bench.protocols.base.weights import find_weights
from tta_bench.protocols.fine_tune.report import (
    describe_plan,
    fine_tune_cost,
    fine_tune_identity,
    fine_tune_predictions,
    fine_tune_run_info,
)
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.protocols.fine_tune.split import SplitClips, open_split
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning
from tta_bench.protocols.fine_tune.testing import TestReport, average_views, multi_view_test
from tta_bench.records.schema import Record
from tta_bench.records.score import keep_results
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.progress import console


@PROTOCOLS.register_module()
class FineTune(ProtocolRun):
    """Fine-tuning and test of one experiment.

    A plug-in protocol subclasses it and overrides a hook:

    - `build_model` for another network, or a part of it frozen;
    - `build_step` for another loss (a subclass of `FineTuneStep`);
    - `test` for another test.
    """

    experiment: FineTuneExperiment
    loaded: LoadReport | None = None
    """The tensors that the model that was built last took from a file."""

    def run(self) -> list[Record]:
        """Run the missing stages and return the record; none when only training was asked for.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        run, experiment = self.prepared, self.experiment
        with at_work(run) as finished:
            if finished is not None:
                return [finished]
            start = resume_or_preflight(run, self.trial)
            step = self.build(start.micro_batch)
            recorder = recorder_of(run, start.micro_batch)
            with recorder.running():
                meta = {"classes": list(run.clips.classes)}
                trained = None if run.is_test_only else train_or_load(run, self.training(step), start, meta)
                if experiment.phase == "train":
                    return leave_checkpoint(run, recorder)
                report = self.test(step)
                predictions = fine_tune_predictions(experiment, run.clips, report)
                test_phase = phase("test", report.timing, experiment.eval.segments * experiment.eval.crops)
                record = recorder.success(
                    **keep_results(
                        predictions, recorder.folder, record_name(run.identity), ranked_by=experiment.protocol.score
                    ),
                    phases=(*phase("train", trained, experiment.train.views), *test_phase),
                    cost=fine_tune_cost(experiment, step.classifier),
                )
                return [record]

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, views, disk, estimated time."""
        run = self.prepared
        estimate, micro_batch = preflight(run, self.trial)
        device = str(run.machine.device)
        return describe_plan(self.experiment, run.clips, estimate, run.folder.name, micro_batch, device)

    @cached_property
    def prepared(self) -> PreparedRun[SplitClips]:
        """The split's clips, each decoded once, the weights to start from, and the run's identity."""
        experiment = self.experiment
        machine = Machine.of(experiment.runtime, experiment.precision)
        clips = open_split(experiment, self.work_dir, machine.workers)
        weights = find_weights(experiment, self.work_dir)
        training = training_identity(experiment, clips.identity, weights, machine)
        return PreparedRun(
            experiment=experiment,
            work_dir=self.work_dir,
            resume=self.resume,
            machine=machine,
            clips=clips,
            weights=weights,
            training=training,
            folder=training_folder(self.work_dir, experiment, training, f"split{experiment.split}"),
            identity=fine_tune_identity(experiment, clips, weights, training, machine.precision),
            info=fine_tune_run_info(experiment, clips),
            videos=len(clips.train),
            recipe=experiment.train,
            views=experiment.train.views,
        )

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint and the metrics; its name is what ``weights=`` takes."""
        return self.prepared.folder

    def build_model(self) -> Classifier:
        """Return the classifier as training, or the test of a file, starts; a hook for plug-in protocols.

        It has the initial weights of the seed; the backbone's are loaded if there are any, and the head's for a test.
        """
        experiment, run = self.experiment, self.prepared
        classes = len(run.clips.classes)
        classifier = build_classifier(experiment.backbone, experiment.clip, experiment.train, classes, experiment.seed)
        if run.weights is not None:
            content = read_checkpoint(run.weights.path, run.weights.sha256)
            if run.is_test_only:
                self.loaded = load_classifier(classifier, content)
            else:
                self.loaded = load_backbone(classifier.backbone, content)
        return classifier

    def build_step(self, classifier: Classifier, settings: FineTuneStepSettings) -> FineTuneStep:
        """Return the training step of a classifier, which is on its device; a hook for plug-in protocols."""
        backbone = self.experiment.backbone
        return FineTuneStep(classifier, settings, backbone.mean, backbone.std)

    def build(self, micro_batch: int) -> FineTuneStep:
        """Return the model with its training step, on the device."""
        experiment, machine = self.experiment, self.prepared.machine
        settings = StepSettings(train=experiment.train, seed=experiment.seed, micro_batch=micro_batch, machine=machine)
        return self.build_step(self.build_model().to(machine.device), settings)

    def training(self, step: FineTuneStep) -> Training:
        """Return the training of a step's classifier."""
        experiment, clips = self.experiment, self.prepared.clips
        return fine_tuning(
            step, TrainClips(clips.train, clips.lengths, experiment.clip, experiment.train, experiment.seed)
        )

    def trial(self, micro_batch: int) -> Estimate:
        """Do one step and test one video, with a model that is thrown away, and return the cost."""
        step, weights = self.build(micro_batch), self.prepared.weights
        estimate = try_once(self.training(step), lambda: self.smoke_test(step), self.folder)
        if weights is not None and self.loaded is not None:
            console.print(f"weights {weights.name}: {self.loaded.summary()}", style="dim", markup=False)
        return estimate

    def smoke_test(self, step: FineTuneStep) -> None:
        """Test the first video."""
        views = self.test_clips[0]["clips"].unsqueeze(0)
        step.classifier.eval()
        average_views(step.classifier, views, step.mean, step.std, step.settings.machine, step.settings.micro_batch)

    def test(self, step: FineTuneStep) -> TestReport:
        """Return the scores of the test list; a hook for plug-in protocols."""
        experiment, machine = self.experiment, self.prepared.machine
        micro_batch = resolve_micro_batch(experiment.runtime.micro_batch, 64, machine.device)
        videos = max(1, micro_batch // (experiment.eval.segments * experiment.eval.crops))
        loader = test_loader(self.test_clips, videos, machine.workers, machine.pin)
        return multi_view_test(step.classifier, loader, step.mean, step.std, machine, micro_batch)

    @property
    def test_clips(self) -> TestClips:
        """The views of the test list."""
        experiment, clips = self.experiment, self.prepared.clips
        return TestClips(clips.test, clips.lengths, experiment.clip, experiment.eval, experiment.seed)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a file of somebody's class scores and return its record."""
        return score_class_file(asked, work_dir)
