"""The reaction protocol: train on Train, score Val and record, or write the challenge's file of the unlabelled Test."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import Any

from tta_bench.components import PROTOCOLS
from tta_bench.data.reaction_clips import reaction_loader
from tta_bench.engine.device import resolve_device, resolve_micro_batch, resolve_precision, resolve_workers
from tta_bench.engine.reaction import (
    ReactionReport,
    ReactionStep,
    ReactionStepSettings,
    reaction_test,
    reaction_training,
)
from tta_bench.engine.training import TrainReport, plan_steps, train
from tta_bench.errors import UserError
from tta_bench.experiment import ReactionExperiment
from tta_bench.models.checkpoints import read_checkpoint
from tta_bench.models.reaction import build_reaction_net
from tta_bench.outside import OutsideScores
from tta_bench.progress import console
from tta_bench.protocols.preflight import Estimate, try_training
from tta_bench.protocols.reaction_lists import ReactionLists, open_reactions, parts_of
from tta_bench.protocols.reaction_record import (
    describe_reaction_plan,
    reaction_cost,
    reaction_facts,
    reaction_identity,
    reaction_results,
)
from tta_bench.protocols.reaction_scoring import score_reaction_file
from tta_bench.protocols.reaction_weights import load_encoders, load_net, part_weights, together
from tta_bench.protocols.recording import Recorder, phase
from tta_bench.protocols.weights import CHECKPOINT, Weights, find_weights
from tta_bench.records.challenge_files import write_outputs
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name


@PROTOCOLS.register_module()
class Reaction:
    """Train and score one experiment, or write the file of its test part.

    Args:
        experiment: What to run.
        work_dir: Folder for checkpoints and records.
        resume: ``missing`` returns the record of a finished run and continues an unfinished one; ``never`` starts
            anew; ``always`` continues from a checkpoint and tests again.
    """

    def __init__(self, experiment: ReactionExperiment, work_dir: Path, resume: str) -> None:
        self.experiment, self.work_dir, self.resume = experiment, work_dir, resume
        self.device = resolve_device(experiment.runtime.device)
        self.precision = resolve_precision(experiment.precision, self.device)
        self.workers = resolve_workers(experiment.runtime.workers)

    @cached_property
    def weights(self) -> tuple[Weights | None, ...]:
        """The weights that each part's encoder starts from; those of the whole network where a file is tested."""
        if self.tests_a_file:
            return (find_weights(self.experiment, self.work_dir),)
        return part_weights(self.experiment, self.work_dir)

    @cached_property
    def lists(self) -> ReactionLists:
        """The clips that are trained on and scored, with their faces and features extracted."""
        return open_reactions(self.experiment, self.workers)

    @cached_property
    def training(self) -> str:
        """Identity of the trained weights: the scored and the submitted outputs of one network share it."""
        found = together(self.weights)
        sha256 = found.sha256 if found else None
        start = f"tested as they are: {sha256}" if self.tests_a_file else sha256
        return self.experiment.training_identity(self.lists.identity, start, self.precision)

    @property
    def tests_a_file(self) -> bool:
        """Whether a trained checkpoint is tested without training."""
        return self.experiment.phase == "test" and self.experiment.weights != "none"

    @cached_property
    def folder(self) -> Path:
        """Where this training keeps its checkpoint and metrics."""
        to = self.experiment
        name = f"{to.protocol.name}-{to.backbone.name.replace('/', '-')}-seed{to.seed}"
        return self.work_dir / f"{name}-{self.training[:8]}"

    @cached_property
    def recorder(self) -> Recorder:
        """Keeps this experiment's record, with the micro-batch that batch norm saw in place of ``auto``."""
        to = self.experiment
        identity = reaction_identity(to, self.lists, together(self.weights), self.training, self.precision)
        runtime = to.runtime.model_copy(update={"micro_batch": self._micro_batch()})
        recorded, facts = to.model_copy(update={"runtime": runtime}), reaction_facts(to, self.lists)
        return Recorder(recorded, identity, facts, self.precision, self.work_dir, str(self.device))

    def run(self) -> list[Record]:
        """Run what is missing and return the record; none when only training was asked for.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        if self.experiment.eval.split == "test":
            raise UserError(
                f"the test part of {self.experiment.dataset.name} has no labels, so it has no score.",
                "Say --submission FILE.csv for the file that the challenge takes, or leave out eval.split=test.",
            )
        finished = self.recorder.finished()
        if self.resume == "missing" and finished is not None:
            console.print(f"{self.folder.name}: done before, nothing to do (--resume never starts anew).", style="dim")
            return [finished]
        checkpoint = self._ready_to_train()
        step = self._build()
        with self.recorder.running():
            trained = self._train(step, checkpoint)
            if self.experiment.phase == "train":
                self.recorder.discard()
                console.print(f"trained: {self.folder / CHECKPOINT}. Leave out phase=train to test it.")
                return []
            return [self._record(step, trained, self._test(step))]

    def submit(self, file: Path) -> None:
        """Train what is missing and write the outputs for the part that was asked for, in the challenge's form.

        Raises:
            BenchError: The user's mistake, or training that failed.
            KeyboardInterrupt: Stopped; a checkpoint is left.
        """
        checkpoint = self._ready_to_train()
        step = self._build()
        self._train(step, checkpoint)
        outputs = self._test(step).outputs
        layout, ids = self.lists.layout, [clip.id for clip in self.lists.scored]
        write_outputs(file, ids, outputs, layout.targets, layout.id_style)
        console.print(f"{file}: {len(ids):,} clips, in the challenge's form; they have no score here.", markup=False)

    def _record(self, step: ReactionStep, trained: TrainReport | None, test: ReactionReport) -> Record:
        """Score the test, write predictions and outcomes, and return the record."""
        to, lists = self.experiment, self.lists
        stem = record_name(self.recorder.identity)
        return self.recorder.success(
            **reaction_results(to, lists, test, self.recorder.folder, stem),
            phases=(*phase("extract", lists.extraction), *phase("train", trained), *phase("test", test)),
            cost=reaction_cost(to, lists, step),
        )

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a challenge file and return its record."""
        return score_reaction_file(asked, work_dir)

    def plan(self) -> str:
        """Check everything and return the plan as text: steps, micro-batch, disk, estimated time."""
        device, estimate = str(self.device), self._preflight()
        return describe_reaction_plan(
            self.experiment, self.lists, estimate, self.folder.name, self._micro_batch(), device
        )

    def _micro_batch(self) -> int:
        return resolve_micro_batch(self.experiment.runtime.micro_batch, self.experiment.train.batch, self.device)

    def _build(self) -> ReactionStep:
        """Return the network as training, or the test of a file, starts; it has the initial weights of the seed."""
        to, lists = self.experiment, self.lists
        net = build_reaction_net(to.backbone, to.clip, to.train, lists.statistics, lists.means, to.seed)
        if self.tests_a_file:
            assert self.weights[0] is not None
            load_net(net, self.weights[0], to.backbone.name)
        else:
            load_encoders(net, self.weights)
        settings = ReactionStepSettings(
            train=to.train,
            parts=parts_of(to.backbone),
            seed=to.seed,
            micro_batch=self._micro_batch(),
            device=self.device,
            precision=self.precision,
        )
        return ReactionStep(net.to(self.device), settings)

    def _ready_to_train(self) -> dict[str, Any] | None:
        """Return the checkpoint to go on from, if there is one; else try everything once and small."""
        checkpoint = self._checkpoint()
        if checkpoint is None and not self.tests_a_file:
            self._preflight()
        return checkpoint

    def _preflight(self) -> Estimate:
        """Try a step, a checkpoint and a clip of the test on a network that is thrown away; return what they took.

        Raises:
            BenchError: Whatever fails.
        """
        console.print("preflight: one step, one test clip, one checkpoint", style="dim")
        plan_steps(len(self.lists.train), self.experiment.train)
        step = self._build()
        self.folder.mkdir(parents=True, exist_ok=True)
        training = reaction_training(step, self.lists.training_clips(self.experiment))
        tried = try_training(training, self._micro_batch(), self.folder)
        clips = self.lists.scored_clips(self.experiment)
        begun = time.perf_counter()
        step.outputs(clips.collate([clips[0, 0]]))
        seconds = time.perf_counter() - begun
        return Estimate(tried.seconds_per_clip, seconds, tried.checkpoint_bytes, tried.free_bytes)

    def _checkpoint(self) -> dict[str, Any] | None:
        """Return the checkpoint to go on from, if there is one and it may be used.

        Raises:
            UserError: Only a test was asked for, and there is nothing to test.
        """
        path = self.folder / CHECKPOINT
        found = read_checkpoint(path) if path.is_file() and self.resume != "never" else None
        if self.experiment.phase == "test" and not self.tests_a_file:
            total = plan_steps(len(self.lists.train), self.experiment.train).total
            if found is None or found["step"] < total:
                what = f"there is no {path}" if found is None else f"{path} is of step {found['step']} of {total}"
                raise UserError(f"phase=test has nothing to test: {what}.", "Say weights=FILE, or train first.")
        return found

    def _train(self, step: ReactionStep, checkpoint: dict[str, Any] | None) -> TrainReport | None:
        if self.tests_a_file:
            return None
        if self.experiment.phase == "test":
            assert checkpoint is not None
            step.net.load_state_dict(checkpoint["model"])
            return None
        meta = {
            "format": "tta-bench",
            "training": self.training,
            "backbone": self.experiment.backbone.name,
            "targets": list(self.lists.layout.targets),
        }
        training = reaction_training(step, self.lists.training_clips(self.experiment))
        return train(training, self.experiment.runtime, self.workers, self.folder, meta, checkpoint)

    def _test(self, step: ReactionStep) -> ReactionReport:
        clips = self.lists.scored_clips(self.experiment)
        loader = reaction_loader(clips, self._micro_batch(), self.workers, pin=self.device.type == "cuda")
        return reaction_test(step, loader)
