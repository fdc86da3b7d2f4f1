"""The pre-training protocol: a masked autoencoder on a corpus without labels, ready to be fine-tuned."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from tta_bench.components import PROTOCOLS
from tta_bench.data.pretraining import PretrainClips
from tta_bench.engine.device import resolve_device, resolve_micro_batch, resolve_precision, resolve_workers
from tta_bench.engine.pretrain import PretrainStep, PretrainStepSettings, pretraining
from tta_bench.engine.reconstruction import restore, write_picture
from tta_bench.engine.training import TrainReport, train
from tta_bench.errors import UserError
from tta_bench.experiment import PretrainExperiment
from tta_bench.models.build import build_autoencoder
from tta_bench.models.checkpoints import read_checkpoint
from tta_bench.outside import OutsideScores
from tta_bench.progress import console
from tta_bench.protocols.corpus import CorpusClips, open_corpus
from tta_bench.protocols.preflight import Trial, try_training
from tta_bench.protocols.pretrain_record import describe_pretraining, final_loss, pretrain_cost, pretrain_facts
from tta_bench.protocols.recording import Recorder, identity, phase
from tta_bench.protocols.weights import CHECKPOINT, Weights, find_weights
from tta_bench.records.schema import Record

PICTURE = "restored.png"
SHOWN = 3
"""Clips in the picture."""


@PROTOCOLS.register_module()
class Pretrain:
    """Pre-train one experiment.

    Args:
        experiment: What to run.
        work_dir: Folder for checkpoints and records.
        resume: ``missing`` returns the record of a finished run and continues an unfinished one; ``never`` starts
            anew; ``always`` continues from a checkpoint and records again.
    """

    def __init__(self, experiment: PretrainExperiment, work_dir: Path, resume: str) -> None:
        if experiment.phase == "test":
            raise UserError("a pre-training has nothing to test.", "Fine-tune it: weights=RUN with another protocol.")
        self.experiment, self.work_dir, self.resume = experiment, work_dir, resume
        self.device = resolve_device(experiment.runtime.device)
        self.precision = resolve_precision(experiment.precision, self.device)
        self.workers = resolve_workers(experiment.runtime.workers)

    @cached_property
    def weights(self) -> Weights | None:
        """The weights that training starts from, if any were named."""
        return find_weights(self.experiment, self.work_dir)

    @cached_property
    def corpus(self) -> CorpusClips:
        """The clips, each decoded once."""
        return open_corpus(self.experiment, self.work_dir, self.workers)

    @cached_property
    def training(self) -> str:
        """Identity of the trained weights."""
        start = self.weights.sha256 if self.weights else None
        return self.experiment.training_identity(self.corpus.identity, start, self.precision)

    @cached_property
    def folder(self) -> Path:
        """Where this training keeps its checkpoint, metrics and picture; its name is what ``weights=`` takes."""
        to = self.experiment
        part = "" if to.train.clips is None else f"-clips{to.train.clips}"
        name = f"{to.protocol.name}-{to.backbone.name.replace('/', '-')}{part}-seed{to.seed}"
        return self.work_dir / f"{name}-{self.training[:8]}"

    @cached_property
    def recorder(self) -> Recorder:
        """Keeps this experiment's record."""
        to, corpus = self.experiment, self.corpus
        who = identity(to, corpus.identity, self.weights, self.training, self.precision)
        return Recorder(to, who, pretrain_facts(to, corpus), self.precision, self.work_dir, str(self.device))

    def run(self) -> list[Record]:
        """Train what is missing and return the record.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``; the
                latter leaves a record with its cause.
            KeyboardInterrupt: Stopped; a checkpoint is left, and the record says ``cancelled``.
        """
        finished = self.recorder.finished()
        if self.resume == "missing" and finished is not None:
            console.print(f"{self.folder.name}: done before, nothing to do (--resume never starts anew).", style="dim")
            return [finished]
        path = self.folder / CHECKPOINT
        checkpoint = read_checkpoint(path) if path.is_file() and self.resume != "never" else None
        if checkpoint is None:
            self._preflight()
        step = self._build()
        with self.recorder.running():
            report = self._train(step, checkpoint)
            self._draw(step)
            record = self._record(step, report)
        console.print(f"Fine-tune it with weights={self.folder.name}. What it restores: {self.folder / PICTURE}")
        return [record]

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Refuse: there is no file of scores of a pre-training."""
        raise UserError(f"{asked.protocol.name} pre-trains: it has no scores of clips that a file could hold.")

    def plan(self) -> str:
        """Check everything and return the plan as text: data, masks, steps, micro-batch, disk, estimated time."""
        trial = self._preflight()
        return describe_pretraining(self.experiment, self.corpus, self._build(), trial, self.folder.name)

    def _build(self) -> PretrainStep:
        """Return the model as training starts: the initial weights of the seed, or those that were named."""
        to = self.experiment
        content = None if self.weights is None else read_checkpoint(self.weights.path, self.weights.sha256)
        autoencoder = build_autoencoder(to.backbone, to.clip, to.train.decoder, to.seed, content)
        clips = to.train.batch * to.train.views
        settings = PretrainStepSettings(
            train=to.train,
            mean=to.backbone.mean,
            std=to.backbone.std,
            seed=to.seed,
            micro_batch=resolve_micro_batch(to.runtime.micro_batch, clips, self.device),
            device=self.device,
        )
        return PretrainStep(autoencoder.to(self.device), settings)

    @cached_property
    def _clips(self) -> PretrainClips:
        to, corpus = self.experiment, self.corpus
        return PretrainClips(corpus.clips, corpus.lengths, to.clip, to.train, to.seed)

    def _preflight(self) -> Trial:
        console.print("preflight: one step, one checkpoint", style="dim")
        step = self._build()
        training = pretraining(step, self._clips, self.precision)
        self.folder.mkdir(parents=True, exist_ok=True)
        return try_training(training, step.settings.micro_batch, self.folder)

    def _train(self, step: PretrainStep, checkpoint: dict[str, Any] | None) -> TrainReport:
        to = self.experiment
        seen = {"data": to.dataset.name, "labels": False, "clips": len(self.corpus.clips)}
        if self.weights is not None:
            before = self.weights.pretraining
            seen |= {"data": f"{to.dataset.name}, and before it: {before.data}", "labels": before.labels}
        meta = {
            "format": "tta-bench",
            "run": self.folder.name,
            "training": self.training,
            "backbone": to.backbone.name,
            "pretraining": seen,
        }
        training = pretraining(step, self._clips, self.precision)
        return train(training, to.runtime, self.workers, self.folder, meta, checkpoint)

    def _draw(self, step: PretrainStep) -> None:
        """Write the picture of the first few clips."""
        shown = range(min(SHOWN, len(self._clips)))
        clips = torch.stack([self._clips[0, index]["clips"][0] for index in shown])
        write_picture(restore(step, clips, self.precision), self.folder / PICTURE)

    def _record(self, step: PretrainStep, report: TrainReport) -> Record:
        to = self.experiment
        return self.recorder.success(
            n_scored=len(self.corpus.clips),
            metrics={"loss": final_loss(self.folder / "metrics.jsonl", to.train, len(self.corpus.clips))},
            phases=tuple(phase("pretrain", report, to.train.views)),
            cost=pretrain_cost(to, step),
        )
