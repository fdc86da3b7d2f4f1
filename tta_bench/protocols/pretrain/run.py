"""The pre-training protocol: a masked autoencoder on a corpus without labels, ready to be fine-tuned."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.engine.training import Training, TrainReport, plan_steps
from tta_bench.errors import UserError
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.base.recorder import RunInfo, identity, phase
from tta_bench.protocols.base.training_run import TrainingRun
from tta_bench.protocols.pretrain.clips import PretrainClips
from tta_bench.protocols.pretrain.corpus import CorpusClips, open_corpus
from tta_bench.protocols.pretrain.model import build_autoencoder
from tta_bench.protocols.pretrain.picture import restore, write_picture
from tta_bench.protocols.pretrain.report import describe_pretraining, final_loss, pretrain_cost, pretrain_run_info
from tta_bench.protocols.pretrain.step import PretrainStep, PretrainStepSettings, pretraining
from tta_bench.records import schema
from tta_bench.records.schema import Record
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.progress import console

PICTURE = "restored.png"
SHOWN = 3
"""Clips in the picture."""


@PROTOCOLS.register_module()
class Pretrain(TrainingRun[PretrainExperiment, PretrainStep]):
    """Pre-train one experiment; see `TrainingRun`."""

    def __init__(self, experiment: PretrainExperiment, work_dir: Path, resume: str) -> None:
        if experiment.phase == "test":
            raise UserError("a pre-training has nothing to test.", "Fine-tune it: weights=RUN with another protocol.")
        super().__init__(experiment, work_dir, resume)

    @cached_property
    def corpus(self) -> CorpusClips:
        """The clips, each decoded once."""
        return open_corpus(self.experiment, self.work_dir, self.machine.workers)

    @property
    def data(self) -> str:
        """Identity of the corpus, or the part of it."""
        return self.corpus.identity

    @property
    def subset(self) -> tuple[str, ...]:
        """How many clips are trained on, where that was said."""
        clips = self.experiment.train.clips
        return () if clips is None else (f"clips{clips}",)

    @property
    def steps(self) -> int:
        """Optimisation steps of the whole training."""
        return plan_steps(len(self.corpus.clips), self.experiment.train).total

    @property
    def clips_in_step(self) -> int:
        """Clips in one optimisation step, augmented views counted."""
        return self.experiment.train.batch * self.experiment.train.views

    def plan(self) -> str:
        """Check everything and return the plan as text: data, masks, steps, micro-batch, disk, estimated time."""
        estimate = self.preflight()
        return describe_pretraining(self.experiment, self.corpus, self.build(), estimate, self.folder.name)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Refuse: there is no file of scores of a pre-training."""
        raise UserError(f"{asked.protocol.name} pre-trains: it has no scores of clips that a file could hold.")

    def build(self) -> PretrainStep:
        """Return the model as training starts: the initial weights of the seed, or those that were named."""
        to = self.experiment
        content = None if self.weights is None else read_checkpoint(self.weights.path, self.weights.sha256)
        autoencoder = build_autoencoder(to.backbone, to.clip, to.train.decoder, to.seed, content)
        settings = PretrainStepSettings(
            train=to.train,
            mean=to.backbone.mean,
            std=to.backbone.std,
            seed=to.seed,
            micro_batch=self.micro_batch,
            device=self.machine.device,
        )
        return PretrainStep(autoencoder.to(self.machine.device), settings)

    def trains(self, step: PretrainStep) -> Training:
        """Return the training of the masked autoencoder."""
        return pretraining(step, self._clips, self.machine.precision)

    def try_test(self, step: PretrainStep) -> None:
        """Do nothing: a pre-training has no test."""

    def remarks(self) -> dict[str, Any]:
        """Return what a checkpoint says of its data, which the records of its fine-tunes will say."""
        seen = {"data": self.experiment.dataset.name, "labels": False, "clips": len(self.corpus.clips)}
        if self.weights is not None:
            before = self.weights.pretraining
            seen |= {"data": f"{seen['data']}, and before it: {before.data}", "labels": before.labels}
        return {"run": self.folder.name, "pretraining": seen}

    def measure(self, step: PretrainStep, trained: TrainReport | None) -> list[Record]:
        """Draw what it restores, and return the record of its loss."""
        to, clips = self.experiment, len(self.corpus.clips)
        self._draw(step)
        record = self.recorder.success(
            n_scored=clips,
            metrics={"loss": final_loss(self.folder / "metrics.jsonl", to.train, clips)},
            phases=tuple(phase("pretrain", trained, to.train.views)),
            cost=pretrain_cost(to, step),
        )
        console.print(f"Fine-tune it with weights={self.folder.name}. What it restores: {self.folder / PICTURE}")
        return [record]

    def identity(self) -> schema.Identity:
        """Return what makes a pre-training another than the next."""
        return identity(self.experiment, self.data, self.weights, self.training, self.machine.precision)

    def facts(self) -> RunInfo:
        """Return what its record says from the beginning."""
        return pretrain_run_info(self.experiment, self.corpus)

    @cached_property
    def _clips(self) -> PretrainClips:
        to, corpus = self.experiment, self.corpus
        return PretrainClips(corpus.clips, corpus.lengths, to.clip, to.train, to.seed)

    def _draw(self, step: PretrainStep) -> None:
        """Write the picture of the first few clips."""
        shown = range(min(SHOWN, len(self._clips)))
        clips = torch.stack([self._clips[0, index]["clips"][0] for index in shown])
        write_picture(restore(step, clips, self.machine.precision), self.folder / PICTURE)
