"""The reaction protocol: train on Train, score Val and record, or write the challenge's file of the unlabelled Test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.engine.training import Training, TrainReport, plan_steps
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.protocols.base.recorder import RunInfo, phase
from tta_bench.protocols.base.training_run import TrainingRun
from tta_bench.protocols.base.weights import Weights, find_weights
from tta_bench.protocols.reaction.challenge_files import write_outputs
from tta_bench.protocols.reaction.clips import reaction_loader
from tta_bench.protocols.reaction.model import build_reaction_net
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
from tta_bench.records import schema
from tta_bench.records.intensities import Truth
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.progress import console


@PROTOCOLS.register_module()
class Reaction(TrainingRun[ReactionExperiment, ReactionStep]):
    """Train and score one experiment, or write the file of its test part; see `TrainingRun`."""

    @cached_property
    def encoders(self) -> tuple[Weights | None, ...]:
        """The weights that each part's encoder starts from; those of the whole network where a file is tested."""
        if self.tests_a_file:
            return (find_weights(self.experiment, self.work_dir),)
        return part_weights(self.experiment, self.work_dir)

    @cached_property
    def weights(self) -> Weights | None:
        """What all encoders start from, as one."""
        return combine(self.encoders)

    @cached_property
    def lists(self) -> ReactionSplit:
        """The clips that are trained on and scored, with their faces and features extracted."""
        return open_reactions(self.experiment, self.machine.workers)

    @property
    def data(self) -> str:
        """Identity of the parts' clips."""
        return self.lists.identity

    @property
    def subset(self) -> tuple[str, ...]:
        """Nothing: there is one training part."""
        return ()

    @property
    def steps(self) -> int:
        """Optimisation steps of the whole training."""
        return plan_steps(len(self.lists.train), self.experiment.train).total

    @property
    def clips_in_step(self) -> int:
        """Clips in one optimisation step."""
        return self.experiment.train.batch

    def run(self) -> list[Record]:
        """Run what is missing and return the record; see `TrainingRun.run`.

        Raises:
            UserError: The test part is asked for, which has no labels.
        """
        if self.experiment.eval.split == "test":
            raise UserError(
                f"the test part of {self.experiment.dataset.name} has no labels, so it has no score.",
                "Say --submission FILE.csv for the file that the challenge takes, or leave out eval.split=test.",
            )
        return super().run()

    def submit(self, file: Path) -> None:
        """Train what is missing and write the outputs for the part that was asked for, in the challenge's form.

        Raises:
            BenchError: The user's mistake, or training that failed.
            KeyboardInterrupt: Stopped; a checkpoint is left.
        """
        if self.experiment.eval.split != "test":
            raise UserError("--submission is for the test part, which has no labels.", "Say eval.split=test.")
        if not file.parent.is_dir():
            raise UserError(f"there is no folder {file.parent} for {file.name}.")
        checkpoint = self.ready()
        step = self.build()
        self.learn(step, checkpoint)
        outputs = self._test(step).outputs
        layout, ids = self.lists.layout, [clip.id for clip in self.lists.scored]
        write_outputs(file, ids, outputs, layout.targets, layout.id_style)
        console.print(f"{file}: {len(ids):,} clips, in the challenge's form; they have no score here.", markup=False)

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, disk, estimated time."""
        estimate, device = self.preflight(), str(self.machine.device)
        return describe_reaction_plan(self.experiment, self.lists, estimate, self.folder.name, self.micro_batch, device)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a challenge file and return its record."""
        return score_reaction_file(asked, work_dir)

    @staticmethod
    def labels(record: Record, given: Mapping[str, str]) -> Truth | None:
        """Return the labels of a part whose labels may not be published, as the user's copy has them."""
        return truth_of_record(record, given)

    def build(self) -> ReactionStep:
        """Return the network as training, or the test of a file, starts; it has the initial weights of the seed."""
        to, lists = self.experiment, self.lists
        net = build_reaction_net(to.backbone, to.clip, to.train, lists.statistics, lists.means, to.seed)
        if self.tests_a_file:
            assert self.weights is not None
            load_net(net, self.weights, to.backbone.name)
        else:
            load_encoders(net, self.encoders)
        settings = ReactionStepSettings(
            train=to.train,
            parts=parts_of(to.backbone),
            seed=to.seed,
            micro_batch=self.micro_batch,
            device=self.machine.device,
            precision=self.machine.precision,
        )
        return ReactionStep(net.to(self.machine.device), settings)

    def trains(self, step: ReactionStep) -> Training:
        """Return the training of the network."""
        return reaction_training(step, self.lists.training_clips(self.experiment))

    def try_test(self, step: ReactionStep) -> None:
        """Test the first clip."""
        clips = self.lists.scored_clips(self.experiment)
        step.outputs(clips.collate([clips[0, 0]]))

    def remarks(self) -> dict[str, Any]:
        """Return the targets, in the order of the outputs."""
        return {"targets": list(self.lists.layout.targets)}

    def measure(self, step: ReactionStep, trained: TrainReport | None) -> list[Record]:
        """Test, write predictions and outcomes, and return the record; none when only training was asked for."""
        if self.trained_only():
            return []
        to, lists, test = self.experiment, self.lists, self._test(step)
        stem = record_name(self.recorder.identity)
        record = self.recorder.success(
            **reaction_results(to, lists, test, self.recorder.folder, stem),
            phases=(*phase("extract", lists.extraction), *phase("train", trained), *phase("test", test)),
            cost=reaction_cost(to, lists, step),
        )
        return [record]

    def identity(self) -> schema.Identity:
        """Return what makes a reaction run another than the next."""
        return reaction_identity(self.experiment, self.lists, self.weights, self.training, self.machine.precision)

    def facts(self) -> RunInfo:
        """Return what its record says from the beginning."""
        return reaction_run_info(self.experiment, self.lists)

    def _test(self, step: ReactionStep) -> ReactionReport:
        clips = self.lists.scored_clips(self.experiment)
        return reaction_test(step, reaction_loader(clips, self.micro_batch, self.machine.workers, self.machine.pin))
