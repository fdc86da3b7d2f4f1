"""The fine-tuning protocol: train on a split's training list, test on its test list, record."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.loading import TestClips, TrainClips, batches_of, test_loader
from tta_bench.engine.device import Machine, resolve_micro_batch
from tta_bench.engine.running_statistics import normalises_over_batch
from tta_bench.engine.step import StepSettings
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import Training
from tta_bench.experiments.fine_tune import FineTuneExperiment
from tta_bench.models.build import build_classifier, own_size_advice, with_checkpointing
from tta_bench.models.checkpoints.load import LoadReport, load_backbone, load_classifier
from tta_bench.models.classifier import Classifier
from tta_bench.protocols.base import seen
from tta_bench.protocols.base.on_paper import paper_plan
from tta_bench.protocols.base.plan import plan_text
from tta_bench.protocols.base.preflight import Estimate, try_once
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import Recorder, phase
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
from tta_bench.protocols.base.weights import Weights, find_weights, load_part
from tta_bench.protocols.fine_tune.report import (
    describe_plan,
    fine_tune_cost,
    fine_tune_identity,
    fine_tune_predictions,
    fine_tune_run_info,
)
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.protocols.fine_tune.split import SplitClips, open_split
from tta_bench.protocols.fine_tune.step import FineTuneStep, FineTuneStepSettings, fine_tuning, try_last_part
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
            clips = run.clips.copied(self.experiment.cache, run.machine.world)
            self.prepared = run = replace(run, clips=clips)
            start = resume_or_preflight(run, self.trial)
            step = self.build(start.micro_batch)
            recorder = recorder_of(run, start.micro_batch)
            with recorder.running():
                trained = None if run.is_test_only else train_or_load(run, self.training(step), start, self.meta())
                if experiment.phase == "train":
                    return leave_checkpoint(run, recorder)
                run.clips.require_unchanged()
                report = self.test(step)
                run.clips.require_unchanged()
                return [run.machine.world.from_first(lambda: self.scored(recorder, step, report, trained))]

    def scored(self, recorder: Recorder, step: FineTuneStep, report: TestReport, trained: Timing | None) -> Record:
        """Score the test list, and write and return the record."""
        experiment, clips = self.experiment, self.prepared.clips
        predictions, name = fine_tune_predictions(experiment, clips, report), record_name(self.prepared.identity)
        test_phase = phase("test", report.timing, experiment.eval.segments * experiment.eval.crops)
        return recorder.success(
            **keep_results(predictions, recorder.folder, name, ranked_by=experiment.protocol.score),
            phases=(*phase("train", trained, experiment.train.views), *test_phase),
            load=None if self.loaded is None else load_part(self.loaded),
            cost=fine_tune_cost(experiment, step.classifier),
        )

    def prepare(self) -> PreparedRun[SplitClips]:
        """Return the prepared run."""
        return self.prepared

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, views, disk, estimated time."""
        run = self.prepared
        estimate, micro_batch = preflight(run, self.trial)
        device = str(run.machine.device)
        return describe_plan(self.experiment, run.clips, estimate, run.folder.name, micro_batch, device)

    def plan_on_paper(self) -> str:
        """Return the memory of a step on a GPU of ``runtime.memory``, and the cut that it takes, as text."""
        return plan_text(paper_plan(self.experiment))

    @cached_property
    def prepared(self) -> PreparedRun[SplitClips]:
        """The split's clips, each decoded once, the weights to start from, and the run's identity."""
        experiment = self.experiment
        machine = Machine.of(experiment.runtime, experiment.precision)
        clips = open_split(experiment, self.work_dir, machine.workers)
        weights = find_weights(experiment, self.work_dir)
        self._warn_of_seen(weights, clips)
        training = training_identity(experiment, clips.key, weights, machine)
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
            info=fine_tune_run_info(experiment, clips, weights),
            videos=len(clips.train),
            recipe=experiment.train,
            views=experiment.train.views,
            normalises=self.normalises,
        )

    def _warn_of_seen(self, weights: Weights | None, clips: SplitClips) -> None:
        """Tell the user what a run's weights have seen, and where clips of the test list are among it."""
        if weights is not None:
            test = [sample.id for sample in clips.test]
            name = self.experiment.dataset.name
            said = seen.notice(weights.name, weights.seen, weights.pretraining, name, test)
            if said:
                console.print(said, style="yellow", markup=False)

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
        with_checkpointing(classifier, experiment.runtime.checkpointing)
        if run.weights is not None:
            content, told = run.weights.read(), self.loaded
            if run.is_test_only:
                self.loaded = load_classifier(classifier, content, run.clips.classes)
            else:
                self.loaded = load_backbone(classifier.backbone, content)
            if told is None:
                console.print(f"weights {run.weights.name}: {self.loaded.summary()}", style="dim", markup=False)
        return classifier

    def normalises(self) -> bool:
        """Return True if the classifier normalises over its batch in training."""
        return normalises_over_batch(self.build_model())

    def meta(self) -> dict[str, Any]:
        """Return a checkpoint's entries of its classes and of the clips that it has seen."""
        experiment, clips, weights = self.experiment, self.prepared.clips, self.prepared.weights
        name, before = experiment.dataset.name, None if weights is None else weights.pretraining
        data = f"{name}, training list of split {experiment.split}"
        if before is not None:
            data = f"{data}, and before it: {before.data}"
        ids = [sample.id for sample in clips.train]
        return {
            "run": self.prepared.folder.name,
            "classes": list(clips.classes),
            "pretraining": {"data": data, "labels": True, "clips": len(ids)},
            seen.KEY: seen.entry(name, ids, None if weights is None else weights.seen),
        }

    def build_step(self, classifier: Classifier, settings: FineTuneStepSettings) -> FineTuneStep:
        """Return the training step of a classifier, which is on its device; a hook for plug-in protocols."""
        backbone = self.experiment.backbone
        return FineTuneStep(classifier, settings, backbone.mean, backbone.std)

    def build(self, micro_batch: int) -> FineTuneStep:
        """Return the model with its training step, on the device."""
        experiment, machine = self.experiment, self.prepared.machine
        settings = StepSettings(
            train=experiment.train,
            seed=experiment.seed,
            micro_batch=micro_batch,
            machine=machine,
            micro_batch_key=self.prepared.micro_batch_key,
            micro_batch_is_auto=self.prepared.micro_batch_is_auto,
        )
        return self.build_step(self.build_model().to(machine.device), settings)

    def training(self, step: FineTuneStep) -> Training:
        """Return the training of a step's classifier."""
        experiment, clips = self.experiment, self.prepared.clips
        return fine_tuning(
            step, TrainClips(clips.train, clips.lengths, experiment.clip, experiment.train, experiment.seed)
        )

    def trial(self, micro_batch: int) -> Estimate:
        """Do one step and test one video, with a model that is thrown away, and return the cost."""
        step, experiment = self.build(micro_batch), self.experiment
        with own_size_advice(experiment.backbone, experiment.clip):
            try_last_part(step, experiment.train.batch * experiment.train.views, experiment.clip)
            return try_once(self.training(step), lambda: self.smoke_test(step), self.folder)

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
        clips, world = self.test_clips, machine.world
        batches = batches_of(len(clips), videos)[world.rank :: world.size]
        loader = test_loader(clips, batches, machine.workers, machine.pin)
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
