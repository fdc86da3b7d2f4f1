"""The scaling study: the same pre-training on nested parts of a corpus, each judged by fine-tuning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.corpus import nested_subset
from tta_bench.data.datasets.open import dataset_root
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment, backbone_identity
from tta_bench.experiments.fine_tune import FineTuneCard, FineTuneExperiment
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.pretrain import PretrainCard, PretrainExperiment
from tta_bench.experiments.scaling import ScalingExperiment, StudySettings
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun
from tta_bench.protocols.fine_tune.run import FineTune
from tta_bench.protocols.pretrain.corpus import all_clips
from tta_bench.protocols.pretrain.run import Pretrain
from tta_bench.protocols.scaling.report import Point, Study, as_json, draw, markdown, summarize
from tta_bench.records.files import read_outcomes
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console

TABLE, PLOT, FIGURES = "table.md", "curve.svg", "study.json"
OWN_KEYS = {"seed": "study.seeds", "weights": "study.pretrain", "phase": "study.then", "limit": "study.sizes"}
"""Keys that belong to the experiments inside, and what a study says instead."""


@PROTOCOLS.register_module()
class Scaling(ProtocolRun):
    """Pre-train on each size with each seed, fine-tune each, and say what more data gains.

    Every pre-training and every fine-tune is a run of its own in the work folder, as if it had been asked for by
    itself; what is done is not done again.

    Args:
        experiment: The study.
        work_dir: Folder for the runs; table, plot and figures go into a folder of the study's name in it.
        resume: As for the runs inside.
    """

    experiment: ScalingExperiment

    def __init__(self, experiment: ScalingExperiment, work_dir: Path, resume: str) -> None:
        super().__init__(experiment, work_dir, resume)
        given = {word.partition("=")[0] for word in experiment.arguments}
        for key in OWN_KEYS.keys() & given:
            raise UserError(f"{experiment.protocol.name} takes no {key}=.", f"Say {OWN_KEYS[key]}=.")
        for name, kind, key in (
            (self.study.pretrain, PretrainCard, "pretrain"),
            (self.study.then, FineTuneCard, "then"),
        ):
            if not isinstance(protocol_card(name), kind):
                raise UserError(f"study.{key}={name} is no protocol for that.", "`tta-bench list protocols` lists all.")

    @property
    def study(self) -> StudySettings:
        """Sizes, seeds and protocols."""
        return self.experiment.study

    @property
    def sizes(self) -> list[int]:
        """The sizes in rising order, each once."""
        return sorted(set(self.study.sizes))

    @cached_property
    def folder(self) -> Path:
        """Where table, plot and figures go."""
        experiment = self.experiment
        what = [
            experiment.protocol.version,
            experiment.dataset.name,
            experiment.tier,
            experiment.split,
            experiment.precision,
        ]
        key = digest([what, experiment.study.model_dump(mode="json"), backbone_identity(experiment.backbone)])
        return self.work_dir / f"{experiment.protocol.name}-{experiment.backbone.name.replace('/', '-')}-{key[:8]}"

    def plan(self) -> str:
        """Check everything and return the plan as text."""
        self._check_sizes()
        smallest, largest = self.sizes[0], self.sizes[-1]
        lines = {
            "study": self.folder.name,
            "sizes": ", ".join(f"{size:,}" for size in self.sizes) + " clips",
            "seeds": ", ".join(map(str, self.study.seeds)),
            "runs": f"{len(self._pairs())} pre-trainings and as many fine-tunes",
            "epochs": f"{self._epochs(smallest):,.1f} of the smallest, {self._epochs(largest):,.1f} of the largest",
        }
        then = self._fine_tune(self.study.seeds[0], "none")
        plans = {"pre-training, largest size": self._pretrain(largest, self.study.seeds[0]).plan()}
        plans["fine-tune, without weights"] = then.plan()
        with suppress(OSError):
            then.folder.rmdir()
        text = "\n".join(f"{name:10}{line}" for name, line in lines.items())
        return "\n\n".join([text, *(f"{name}\n{plan}" for name, plan in plans.items())])

    def run(self) -> list[Record]:
        """Run what is missing, write table, plot and figures, and return the fine-tunes' records.

        Raises:
            UserError: A size is larger than the corpus, or something else that is found before anything is spent.
            BenchError: A run inside ended in ``error``.
        """
        self._check_sizes()
        if not self.folder.is_dir():
            self.plan()  # what is wrong with the fine-tune must not come out after days of pre-training
            self.folder.mkdir(parents=True)
        points, groups, records = [], [], []
        for number, (size, seed) in enumerate(self._pairs(), start=1):
            console.print(f"{size:,} clips, seed {seed} ({number} of {len(self._pairs())}):", style="bold")
            loss, weights = self._pretrained(size, seed) if size else (None, "none")
            [record] = self._fine_tune(seed, weights).run()
            outcomes = self._outcomes(record)
            hits = outcomes.ranks == 0
            points.append(Point(size, seed, float(hits.mean()), loss, record_name(record.identity), hits))
            groups.append(outcomes.groups)
            records.append(record)
        self._write(self._summary(points, groups[0]))
        return records

    def findings(self) -> Findings:
        """Return the study's table and figures."""
        figures = json.loads((self.folder / FIGURES).read_text(encoding="utf-8"))
        return Findings((self.folder / TABLE).read_text(encoding="utf-8"), figures)

    def _pretrained(self, size: int, seed: int) -> tuple[float | None, str]:
        """Pre-train on a size unless that was done; return its last loss and the name of the run."""
        pretraining = self._pretrain(size, seed)
        losses = [record.metrics["loss"].value for record in pretraining.run() if "loss" in record.metrics]
        return (losses[-1] if losses else None), pretraining.folder.name

    def _outcomes(self, record: Record) -> Outcomes:
        assert record.outcomes is not None
        found = read_outcomes(self.work_dir / "records" / record.outcomes.name)
        assert isinstance(found, Outcomes)  # fine-tuning is the only protocol that a study ends with
        return found

    def _summary(self, points: Sequence[Point], groups: NDArray[np.uint64]) -> Study:
        experiment = self.experiment
        sample = "The embedded sample shows that the machinery works, and nothing about any backbone or corpus."
        labels = f", {self.study.labels:,} labelled clips" if self.study.labels else ""
        return summarize(
            points,
            groups,
            title=f"{experiment.protocol.name}: {experiment.backbone.name} on {experiment.dataset.name}",
            steps=self.study.steps,
            batch=self._batch,
            then=f"{self.study.then}{labels}",
            caution=sample if experiment.tier == "sample" else "",
        )

    def _write(self, study: Study) -> None:
        """Write table, plot and figures into the study's folder, and say where."""
        write_atomic(self.folder / TABLE, markdown(study).encode())
        write_atomic(self.folder / FIGURES, (json.dumps(as_json(study), indent=2) + "\n").encode())
        draw(study, self.folder / PLOT)
        console.print(f"{TABLE}, {PLOT} and {FIGURES} are in {self.folder}.", markup=False, soft_wrap=True)

    def _check_sizes(self) -> None:
        """Refuse what cannot be pre-trained on, before anything is spent.

        Raises:
            UserError: A size is larger than the corpus, or smaller than a step's batch.
        """
        experiment = self.experiment
        nested_subset(all_clips(experiment.dataset, dataset_root(experiment.dataset, experiment.root)), self.sizes[-1])
        smallest = next(size for size in self.sizes if size)
        if smallest < self._batch:
            raise UserError(
                f"{smallest:,} clips do not fill one step of {self._batch:,} videos.",
                f"The smallest size must be {self._batch:,} at least.",
            )

    def _pairs(self) -> list[tuple[int, int]]:
        return [(size, seed) for size in self.sizes for seed in dict.fromkeys(self.study.seeds)]

    def _epochs(self, size: int) -> float:
        return self.study.steps * self._batch / size if size else 0.0

    @cached_property
    def _batch(self) -> int:
        """Videos in a step of pre-training."""
        return self._pretraining(self.sizes[-1], 0).train.batch

    def _pretraining(self, size: int, seed: int) -> PretrainExperiment:
        experiment = self.experiment
        root = [f"data.root={experiment.root}"] if experiment.root is not None else []
        own = [f"dataset={experiment.dataset.name}", *root, f"train.clips={size}", f"train.steps={self.study.steps}"]
        found = self._resolve(self.study.pretrain, seed, own)
        assert isinstance(found, PretrainExperiment)
        return found

    def _pretrain(self, size: int, seed: int) -> Pretrain:
        return Pretrain(self._pretraining(size, seed), self.work_dir, self.resume)

    def _fine_tune(self, seed: int, weights: str) -> FineTune:
        own = [f"weights={weights}", f"tier={self.experiment.tier}", f"split={self.experiment.split}"]
        own += [f"data.roots.{name}={root}" for name, root in self.experiment.data.roots.items()]
        limits = {"train.clips": self.study.labels, "train.steps": self.study.then_steps}
        own += [f"{key}={value}" for key, value in limits.items() if value is not None]
        found = self._resolve(self.study.then, seed, own)
        assert isinstance(found, FineTuneExperiment)
        return FineTune(found, self.work_dir, self.resume)

    def _resolve(self, protocol: str, seed: int, own: Sequence[str]) -> Experiment:
        """Return an experiment of the study, as its own words would."""
        experiment = self.experiment
        runtime = experiment.runtime.model_dump(exclude_defaults=True)
        words = [
            f"protocol={protocol}",
            f"backbone={experiment.backbone.name}",
            f"seed={seed}",
            f"precision={experiment.precision}",
        ]
        words += [f"runtime.{key}={value}" for key, value in runtime.items()]
        [found] = resolve([*words, *own], experiment.plugins)
        return found

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Raise UserError: a study is made of runs, and there is no file to score."""
        raise UserError(f"{asked.protocol.name} is a study of runs; there is no file of scores for it.")
