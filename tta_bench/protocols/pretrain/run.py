"""The pre-training protocol: a masked autoencoder on a corpus without labels, ready to be fine-tuned."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.engine.device import Machine
from tta_bench.engine.timing import Timing
from tta_bench.engine.training import Training
from tta_bench.engine.watch import Watch
from tta_bench.errors import UserError
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.models.build import with_checkpointing
from tta_bench.protocols.base import seen
from tta_bench.protocols.base.preflight import Estimate, try_once
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import Recorder, identity, phase
from tta_bench.protocols.base.training_run import (
    PreparedRun,
    at_work,
    preflight,
    recorder_of,
    resume_or_preflight,
    train_or_load,
    training_folder,
    training_identity,
)
from tta_bench.protocols.base.weights import find_weights
from tta_bench.protocols.pretrain.clips import PretrainClips
from tta_bench.protocols.pretrain.corpus import CorpusClips, open_corpus
from tta_bench.protocols.pretrain.model import build_autoencoder
from tta_bench.protocols.pretrain.neighbours import NeighbourCurve
from tta_bench.protocols.pretrain.picture import restore, write_picture
from tta_bench.protocols.pretrain.report import describe_pretraining, final_loss, pretrain_cost, pretrain_run_info
from tta_bench.protocols.pretrain.step import PretrainStep, PretrainStepSettings, pretraining
from tta_bench.records.schema import Record
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.progress import console

PICTURE = "restored.png"
PICTURE_CLIPS = 3
"""Clips in the picture."""


@PROTOCOLS.register_module()
class Pretrain(ProtocolRun):
    """Pre-training of one experiment."""

    experiment: PretrainExperiment

    def __init__(self, experiment: PretrainExperiment, work_dir: Path, resume: str) -> None:
        if experiment.phase == "test":
            raise UserError("a pre-training has nothing to test.", "Fine-tune it: weights=RUN with another protocol.")
        super().__init__(experiment, work_dir, resume)

    def run(self) -> list[Record]:
        """Train the rest, draw a picture of restored clips, and return the record of the loss.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        run = self.prepared
        with at_work(run) as finished:
            if finished is not None:
                return [finished]
            clips = run.clips.copied(self.experiment.cache, run.machine.world)
            self.prepared = run = replace(run, clips=clips)
            start = resume_or_preflight(run, self.trial)
            step = self.build(start.micro_batch)
            recorder = recorder_of(run, start.micro_batch)
            with recorder.running():
                trained = train_or_load(run, self.training(step), start, self.meta())
                run.clips.require_unchanged()
                record = run.machine.world.from_first(lambda: self.drawn(recorder, step, trained))
            console.print(f"Fine-tune it with weights={run.folder.name}. What it restores: {run.folder / PICTURE}")
            return [record]

    def drawn(self, recorder: Recorder, step: PretrainStep, trained: Timing | None) -> Record:
        """Draw the picture, and write and return the record."""
        run, recipe = self.prepared, self.experiment.train
        self.draw(step)
        return recorder.success(
            n_scored=run.videos,
            metrics={"loss": final_loss(run.folder / "metrics.jsonl", recipe, run.videos)},
            phases=tuple(phase("pretrain", trained, recipe.views)),
            cost=pretrain_cost(self.experiment, step),
            curve=self.neighbours and self.neighbours.curve(run.folder / "metrics.jsonl"),
        )

    def prepare(self) -> PreparedRun[CorpusClips]:
        """Return the prepared run."""
        return self.prepared

    def plan(self) -> str:
        """Check everything and return the plan as text: data, masks, steps, micro-batch, disk, estimated time."""
        run = self.prepared
        estimate, micro_batch = preflight(run, self.trial)
        step = self.build(micro_batch)
        return describe_pretraining(self.experiment, run.clips, step, estimate, run.folder.name, self.neighbours)

    @cached_property
    def prepared(self) -> PreparedRun[CorpusClips]:
        """The corpus, each clip decoded once, the weights to start from, and the run's identity."""
        experiment = self.experiment
        machine = Machine.of(experiment.runtime, experiment.precision)
        corpus = open_corpus(experiment, self.work_dir, machine.workers)
        weights = find_weights(experiment, self.work_dir)
        training = training_identity(experiment, corpus.key, weights, machine)
        tags = () if experiment.train.clips is None else (f"clips{experiment.train.clips}",)
        return PreparedRun(
            experiment=experiment,
            work_dir=self.work_dir,
            resume=self.resume,
            machine=machine,
            clips=corpus,
            weights=weights,
            training=training,
            folder=training_folder(self.work_dir, experiment, training, *tags),
            identity=identity(
                experiment, corpus.identity, weights, training, machine.precision, standing=corpus.standing
            ),
            info=pretrain_run_info(experiment, corpus),
            videos=len(corpus.clips),
            recipe=experiment.train,
            views=experiment.train.views,
        )

    @cached_property
    def neighbours(self) -> NeighbourCurve | None:
        """The look at the encoder now and then; None if none is wanted."""
        return NeighbourCurve.of(self.experiment, self.prepared.machine, self.work_dir)

    @property
    def folder(self) -> Path:
        """Folder of the checkpoint, the metrics and the picture; its name is what ``weights=`` takes."""
        return self.prepared.folder

    def build(self, micro_batch: int) -> PretrainStep:
        """Return the model with its step, as training starts: with the seed's initial weights, or the named ones."""
        experiment, run = self.experiment, self.prepared
        backbone, recipe = experiment.backbone, experiment.train
        content = None if run.weights is None else run.weights.read()
        autoencoder = build_autoencoder(backbone, experiment.clip, recipe.decoder, experiment.seed, content)
        with_checkpointing(autoencoder, experiment.runtime.checkpointing)
        settings = PretrainStepSettings(
            train=recipe,
            seed=experiment.seed,
            micro_batch=micro_batch,
            machine=run.machine,
            micro_batch_is_auto=run.micro_batch_is_auto,
        )
        return PretrainStep(autoencoder.to(run.machine.device), settings, backbone.mean, backbone.std)

    def training(self, step: PretrainStep) -> Training:
        """Return the training of a step's autoencoder, with the look at it if one is wanted."""
        training, watched = pretraining(step, self.train_clips), self.neighbours
        if watched is None:
            return training
        assert self.experiment.knn.every is not None
        every = self.experiment.knn.every * training.plan.per_epoch
        return replace(training, watch=Watch(every, partial(watched.accuracy, step.autoencoder)))

    def trial(self, micro_batch: int) -> Estimate:
        """Do one step with a model that is thrown away, and return the cost; a pre-training has no test."""
        step, watched = self.build(micro_batch), self.neighbours
        look = partial(watched.try_once, step.autoencoder) if watched else lambda: None
        return try_once(self.training(step), look, self.folder)

    def meta(self) -> dict[str, Any]:
        """Return a checkpoint's entry of its data, which the records of its fine-tunes repeat."""
        run = self.prepared
        pretraining = {"data": self.experiment.dataset.name, "labels": False, "clips": run.videos}
        if run.weights is not None:
            before = run.weights.pretraining
            pretraining |= {"data": f"{pretraining['data']}, and before it: {before.data}", "labels": before.labels}
        earlier = None if run.weights is None else run.weights.seen
        clips = seen.entry(self.experiment.dataset.name, [clip.id for clip in run.clips.clips], earlier)
        return {"run": run.folder.name, "pretraining": pretraining, seen.KEY: clips}

    def draw(self, step: PretrainStep) -> None:
        """Write the picture of the first few clips."""
        shown = range(min(PICTURE_CLIPS, len(self.train_clips)))
        clips = torch.stack([self.train_clips[0, index]["clips"][0] for index in shown])
        write_picture(restore(step, clips), self.folder / PICTURE)

    @property
    def train_clips(self) -> PretrainClips:
        """The corpus as training clips."""
        experiment, corpus = self.experiment, self.prepared.clips
        return PretrainClips(corpus.clips, corpus.lengths, experiment.clip, experiment.train, experiment.seed)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Raise UserError: there is no file of scores of a pre-training."""
        raise UserError(f"{asked.protocol.name} pre-trains: it has no scores of clips that a file could hold.")
