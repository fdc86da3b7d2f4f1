"""The reaction protocol: train on Train, score Val and record, or write the challenge's file of the unlabelled Test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.engine.device import Machine
from tta_bench.engine.running_statistics import normalises_over_batch
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import Training
from tta_bench.errors import UserError, shorten
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.build import with_checkpointing
from tta_bench.models.checkpoints.report import LoadReport
from tta_bench.protocols.base import seen
from tta_bench.protocols.base.preflight import Estimate, try_once
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import Recorder, phase
from tta_bench.protocols.base.training_run import (
    PreparedRun,
    at_work,
    claiming,
    is_test_of_file,
    leave_checkpoint,
    preflight,
    recorder_of,
    resume_or_preflight,
    train_or_load,
    training_folder,
    training_identity,
)
from tta_bench.protocols.base.weights import Weights, find_weights, load_part
from tta_bench.protocols.reaction.challenge_files import write_outputs
from tta_bench.protocols.reaction.clips import reaction_loader
from tta_bench.protocols.reaction.model import ReactionNet, build_reaction_net
from tta_bench.protocols.reaction.report import (
    describe_reaction_plan,
    reaction_cost,
    reaction_identity,
    reaction_results,
    reaction_run_info,
)
from tta_bench.protocols.reaction.scoring import score_reaction_file, truth_of_record
from tta_bench.protocols.reaction.split import ReactionSplit, open_reactions, parts_of
from tta_bench.protocols.reaction.step import (
    ReactionReport,
    ReactionStep,
    ReactionStepSettings,
    reaction_test,
    reaction_training,
)
from tta_bench.protocols.reaction.weights import combine, load_encoders, load_net, part_weights
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.printable import counted
from tta_bench.utils.progress import console


@PROTOCOLS.register_module()
class Reaction(ProtocolRun):
    """Training and test of one experiment, or the challenge's file of its test part."""

    experiment: ReactionExperiment
    loaded: LoadReport | None = None
    """The tensors that the network that was built last took from files."""

    def run(self) -> list[Record]:
        """Run the missing stages and return the record; none when only training was asked for.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        self._refuse_test_part()
        run, experiment = self.prepared, self.experiment
        with at_work(run) as finished:
            if finished is not None:
                return [finished]
            start = resume_or_preflight(run, self.trial)
            step = self.build(start.micro_batch)
            recorder = recorder_of(run, start.micro_batch)
            with recorder.running():
                trained = None if run.is_test_only else train_or_load(run, self.training(step), start, self.meta())
                if experiment.phase == "train":
                    return leave_checkpoint(run, recorder)
                report = self.test(step)
                return [run.machine.world.from_first(lambda: self.scored(recorder, step, report, trained))]

    def scored(self, recorder: Recorder, step: ReactionStep, report: ReactionReport, trained: Timing | None) -> Record:
        """Score the part, and write and return the record."""
        experiment, run, extraction = self.experiment, self.prepared, self.prepared.clips.extraction
        extract_phase = phase("extract", Timing(extraction.clips, extraction.seconds))
        return recorder.success(
            **reaction_results(experiment, run.clips, report, recorder.folder, record_name(run.identity)),
            phases=(*extract_phase, *phase("train", trained), *phase("test", report.timing)),
            load=None if self.loaded is None else load_part(self.loaded),
            cost=reaction_cost(experiment, run.clips, step),
        )

    def submit(self, file: Path) -> None:
        """Train the rest and write the outputs for the test part, in the challenge's form.

        Raises:
            BenchError: The user's mistake, or training that failed.
            KeyboardInterrupt: Stopped; a checkpoint is left.
        """
        if self.experiment.eval.split != "test":
            raise UserError("--submission is for the test part, which has no labels.", "Say eval.split=test.")
        if not file.parent.is_dir():
            raise UserError(f"there is no folder {file.parent} for {file.name}.")
        run = self.prepared
        lost = set(run.clips.layout.ids("test")) - {clip.id for clip in run.clips.scored}
        if lost and self.experiment.limit is None:
            raise UserError(
                f"{len(lost):,} clips of the test part have no file: {shorten(sorted(lost))}.",
                "A challenge takes the outputs of every clip, so these must be restored.",
            )
        with claiming(run):
            start = resume_or_preflight(run, self.trial)
            step = self.build(start.micro_batch)
            if not run.is_test_only:
                train_or_load(run, self.training(step), start, self.meta())
        layout, ids = run.clips.layout, [clip.id for clip in run.clips.scored]
        write_outputs(file, ids, self.test(step).outputs, layout.targets, layout.id_style)
        console.print(
            f"{file}: {counted(len(ids), 'clip')}, in the challenge's form; they have no score here.", markup=False
        )

    def prepare(self) -> PreparedRun[ReactionSplit]:
        """Return the prepared run."""
        return self.prepared

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, disk, estimated time."""
        run = self.prepared
        estimate, micro_batch = preflight(run, self.trial)
        device = str(run.machine.device)
        return describe_reaction_plan(self.experiment, run.clips, estimate, run.folder.name, micro_batch, device)

    @cached_property
    def encoders(self) -> tuple[Weights | None, ...]:
        """The weights that each part's encoder starts from; those of the whole network where a file is tested."""
        if is_test_of_file(self.experiment):
            return (find_weights(self.experiment, self.work_dir),)
        return part_weights(self.experiment, self.work_dir)

    @cached_property
    def prepared(self) -> PreparedRun[ReactionSplit]:
        """The clips, faces and features extracted, the weights to start from, and the run's identity."""
        experiment = self.experiment
        machine = Machine.of(experiment.runtime, experiment.precision)
        clips = open_reactions(experiment, machine.workers)
        weights = combine(self.encoders)
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
            folder=training_folder(self.work_dir, experiment, training),
            identity=reaction_identity(experiment, clips, weights, training, machine.precision),
            info=reaction_run_info(experiment, clips, weights),
            videos=len(clips.train),
            recipe=experiment.train,
            normalises=self.normalises,
        )

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint and the metrics; its name is what ``weights=`` takes."""
        return self.prepared.folder

    def build_net(self) -> ReactionNet:
        """Return the network as training, or the test of a file, starts.

        It has the initial weights of the seed, and in its encoders those that were named.
        """
        experiment, run = self.experiment, self.prepared
        statistics, means = run.clips.statistics, run.clips.means
        net = build_reaction_net(
            experiment.backbone, experiment.clip, experiment.train, statistics, means, experiment.seed
        )
        with_checkpointing(net, experiment.runtime.checkpointing)
        told = self.loaded
        if run.is_test_only:
            assert run.weights is not None
            self.loaded = load_net(net, run.weights, experiment.backbone.name)
        else:
            self.loaded = load_encoders(net, self.encoders)
        if told is None and self.loaded is not None and run.weights is not None:
            console.print(f"weights {run.weights.name}: {self.loaded.summary()}", style="dim", markup=False)
        return net

    def normalises(self) -> bool:
        """Return True if the network normalises over its batch in training; a frozen encoder does not."""
        return normalises_over_batch(self.build_net())

    def build(self, micro_batch: int) -> ReactionStep:
        """Return the network with its step, on the device."""
        experiment, run = self.experiment, self.prepared
        settings = ReactionStepSettings(
            train=experiment.train,
            seed=experiment.seed,
            micro_batch=micro_batch,
            machine=run.machine,
            micro_batch_key=run.micro_batch_key,
            micro_batch_is_auto=run.micro_batch_is_auto,
        )
        return ReactionStep(self.build_net().to(run.machine.device), settings, parts_of(experiment.backbone))

    def training(self, step: ReactionStep) -> Training:
        """Return the training of a step's network."""
        return reaction_training(step, self.prepared.clips.training_clips(self.experiment))

    def trial(self, micro_batch: int) -> Estimate:
        """Do one step and test one clip, with a network that is thrown away, and return the cost."""
        step = self.build(micro_batch)
        return try_once(self.training(step), lambda: self.smoke_test(step), self.folder)

    def smoke_test(self, step: ReactionStep) -> None:
        """Test the first clip."""
        clips = self.prepared.clips.scored_clips(self.experiment)
        step.outputs(clips.collate([clips[0, 0]]))

    def test(self, step: ReactionStep) -> ReactionReport:
        """Return the outputs for the scored part."""
        clips, machine = self.prepared.clips.scored_clips(self.experiment), self.prepared.machine
        size, rank = machine.world.size, machine.world.rank
        loader = reaction_loader(clips, step.settings.micro_batch, machine.workers, machine.pin, size, rank)
        return reaction_test(step, loader)

    def meta(self) -> dict[str, Any]:
        """Return a checkpoint's entries of the targets, in the order of the outputs, and of the clips it has seen."""
        run, name = self.prepared, self.experiment.dataset.name
        before = None if run.weights is None else run.weights.pretraining
        ids = [clip.id for clip in run.clips.train]
        data = f"{name}, training part" if before is None else f"{name}, training part, and before it: {before.data}"
        return {
            "run": run.folder.name,
            "targets": list(run.clips.layout.targets),
            "pretraining": {"data": data, "labels": True, "clips": len(ids)},
            seen.KEY: seen.entry(name, ids, None if run.weights is None else run.weights.seen),
        }

    def _warn_of_seen(self, weights: Weights | None, clips: ReactionSplit) -> None:
        """Tell the user what a run's weights have seen, and where clips of the scored part are among it."""
        if weights is not None:
            scored = [clip.id for clip in clips.scored]
            name = self.experiment.dataset.name
            said = seen.notice(weights.name, weights.seen, weights.pretraining, name, scored)
            if said:
                console.print(said, style="yellow", markup=False)

    def _refuse_test_part(self) -> None:
        if self.experiment.eval.split == "test":
            raise UserError(
                f"the test part of {self.experiment.dataset.name} has no labels, so it has no score.",
                "Say --submission FILE.csv for the file that the challenge takes, or leave out eval.split=test.",
            )

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a challenge file and return its record."""
        return score_reaction_file(asked, work_dir)

    @staticmethod
    def labels(record: Record, given: Mapping[str, str]) -> Truth | None:
        """Return the labels of a part whose labels may not be published, from the user's copy."""
        return truth_of_record(record, given)
