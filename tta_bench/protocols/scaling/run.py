"""Scaling study: the same pre-training on nested subsets of a corpus, judged by a fine-tune or frozen protocols."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.corpus import nested_subset
from tta_bench.data.datasets.open import dataset_root
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment, backbone_identity
from tta_bench.experiments.fine_tune import FineTuneCard
from tta_bench.experiments.kinds import protocol_card
from tta_bench.experiments.pretrain import PretrainCard, PretrainExperiment
from tta_bench.experiments.probe import FrozenCard
from tta_bench.experiments.scaling import ScalingExperiment, StudySettings
from tta_bench.metrics.ties import hits as counted_hits
from tta_bench.protocols.base.plan import plan_text
from tta_bench.protocols.base.protocol_run import Findings, ProtocolRun
from tta_bench.protocols.pretrain.corpus import all_clips
from tta_bench.protocols.pretrain.run import Pretrain
from tta_bench.protocols.scaling.picture import draw
from tta_bench.protocols.scaling.report import Point, Study, as_json, markdown, summarize
from tta_bench.records.claims import Claimed
from tta_bench.records.files import read_outcomes
from tta_bench.records.predictions import Outcomes
from tta_bench.records.schema import Record
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.files import write_atomic
from tta_bench.utils.keyed_random import digest
from tta_bench.utils.progress import console

TABLE, PLOT, FIGURES = "table.md", "curve.svg", "study.json"
STUDY_KEYS = {"seed": "study.seeds", "weights": "study.pretrain", "phase": "study.then", "limit": "study.sizes"}
"""Keys of the inner experiments, each with the key of a study that takes its place."""


class Judged(NamedTuple):
    """One pre-trained backbone under one protocol."""

    point: Point
    groups: NDArray[np.uint64]
    record: Record


@PROTOCOLS.register_module()
class Scaling(ProtocolRun):
    """Pre-train on each size with each seed, judge each, and fit accuracy against size.

    Every pre-training, fine-tune and frozen run is a run of its own in the work folder, with its own record; finished
    ones are reused.

    Args:
        experiment: The study.
        work_dir: Folder for the runs; table, plot and figures go into a folder of the study's name in it.
        resume: As for the inner runs.
    """

    experiment: ScalingExperiment

    def __init__(self, experiment: ScalingExperiment, work_dir: Path, resume: str) -> None:
        super().__init__(experiment, work_dir, resume)
        given = {word.partition("=")[0] for word in experiment.arguments}
        for key in STUDY_KEYS.keys() & given:
            raise UserError(f"{experiment.protocol.name} takes no {key}=.", f"Say {STUDY_KEYS[key]}=.")
        # A study is of these kinds of protocol alone: it needs the one's checkpoint and the others' outcomes.
        asked = [("pretrain", self.study.pretrain), *(("then", name) for name in self.study.judges)]
        for key, name in asked:
            kinds = (PretrainCard,) if key == "pretrain" else (FineTuneCard, FrozenCard)
            if not isinstance(protocol_card(name), kinds):
                raise UserError(f"study.{key}={name} is no protocol for that.", "`tta-bench list protocols` lists all.")

    @property
    def study(self) -> StudySettings:
        """Sizes, seeds and protocols."""
        return self.experiment.study

    @property
    def sizes(self) -> list[int]:
        """Distinct sizes in rising order."""
        return sorted(set(self.study.sizes))

    @cached_property
    def folder(self) -> Path:
        """The folder for table, plot and figures."""
        asked = self.experiment
        fields = [asked.protocol.version, asked.dataset.name, asked.tier, asked.split, asked.precision]
        key = digest([fields, self.study.model_dump(mode="json"), backbone_identity(asked.backbone)])
        return self.work_dir / f"{asked.protocol.name}-{asked.backbone.name.replace('/', '-')}-{key[:8]}"

    def plan(self) -> str:
        """Check everything and return the plan as text."""
        self._check_sizes()
        smallest, largest = self.sizes[0], self.sizes[-1]
        lines = {
            "study": self.folder.name,
            "sizes": ", ".join(f"{size:,}" for size in self.sizes) + " clips",
            "seeds": ", ".join(map(str, self.study.seeds)),
            "runs": f"{len(self._pairs())} pre-trainings and as many runs of {', '.join(self.study.judges)}",
            "epochs": f"{self._epochs(smallest):,.1f} of the smallest, {self._epochs(largest):,.1f} of the largest",
        }
        plans = {"pre-training, largest size": self._pretrain(largest, self.study.seeds[0]).plan()}
        for name in self.study.judges:
            then = self._judge(name, self.study.seeds[0], "none")
            plans[f"{name}, without weights"] = then.plan()
            with suppress(OSError):
                then.folder.rmdir()
        return "\n\n".join([plan_text(lines), *(f"{name}\n{plan}" for name, plan in plans.items())])

    def run(self) -> list[Record]:
        """Run what is missing, write table, plot and figures, and return the records of the judges.

        Raises:
            UserError: A size is larger than the corpus, or another mistake found before anything is spent.
            BenchError: An inner run ended in ``error``.
            Claimed: Other processes do what is left; all that was free is done.
        """
        self._check_sizes()
        if not self.folder.is_dir():
            self.plan()  # errors of the judges must not come out after days of pre-training
            self.folder.mkdir(parents=True)
        found: dict[str, list[Judged]] = {name: [] for name in self.study.judges}
        busy = None
        for number, (size, seed) in enumerate(self._pairs(), start=1):
            console.print(f"{size:,} clips, seed {seed} ({number} of {len(self._pairs())}):", style="bold")
            try:
                loss, weights = self._pretrained(size, seed) if size else (None, "none")
                records = {name: self._judge(name, seed, weights).run()[0] for name in found}
            except Claimed as claimed:
                busy = claimed
                continue
            for name, record in records.items():
                found[name].append(self._judged(size, seed, loss, record))
        if busy is not None:
            done = len(found[self.study.judges[0]])
            raise Claimed(f"{done} of {len(self._pairs())} are done, and the rest is done by others.", busy.path)
        self._write({name: self._summary(name, judged) for name, judged in found.items()})
        return [one.record for judged in found.values() for one in judged]

    def findings(self) -> Findings:
        """Return the study's table and figures."""
        figures = json.loads((self.folder / FIGURES).read_text(encoding="utf-8"))
        return Findings((self.folder / TABLE).read_text(encoding="utf-8"), figures)

    def _pretrained(self, size: int, seed: int) -> tuple[float | None, str]:
        """Pre-train on a size, or reuse the finished run; return its last loss and its name."""
        pretraining = self._pretrain(size, seed)
        losses = [record.metrics["loss"].value for record in pretraining.run() if "loss" in record.metrics]
        return (losses[-1] if losses else None), pretraining.folder.name

    def _judged(self, size: int, seed: int, loss: float | None, record: Record) -> Judged:
        assert record.outcomes is not None
        outcomes = read_outcomes(self.work_dir / "records" / record.outcomes.name)
        assert isinstance(outcomes, Outcomes)  # these protocols' outcomes are of classes
        hits = counted_hits(outcomes)
        point = Point(size, seed, float(hits.mean()), loss, record_name(record.identity), hits)
        return Judged(point, outcomes.groups, record)

    def _summary(self, judge: str, judged: Sequence[Judged]) -> Study:
        asked = self.experiment
        sample = "The embedded sample shows that the machinery works, and nothing about any backbone or corpus."
        limited = self.study.labels and isinstance(protocol_card(judge), FineTuneCard)
        labels = f", {self.study.labels:,} labelled clips" if limited else ""
        return summarize(
            [one.point for one in judged],
            judged[0].groups,
            title=f"{asked.protocol.name}: {asked.backbone.name} on {asked.dataset.name}",
            steps=self.study.steps,
            batch=self._batch,
            then=f"{judge}{labels}",
            caution=sample if asked.tier == "sample" else "",
        )

    def _write(self, studies: Mapping[str, Study]) -> None:
        """Write table, plots and figures into the study's folder, and print its path; figures by judge, if several."""
        one = len(studies) == 1
        plots = {name: PLOT if one else f"curve-{name.replace('/', '-')}.svg" for name in studies}
        figures = {name: as_json(study) for name, study in studies.items()}
        shown = next(iter(figures.values())) if one else figures
        write_atomic(self.folder / TABLE, "\n".join(map(markdown, studies.values())).encode())
        write_atomic(self.folder / FIGURES, (json.dumps(shown, indent=2) + "\n").encode())
        for name, study in studies.items():
            draw(study, self.folder / plots[name])
        written = f"{TABLE}, {', '.join(plots.values())} and {FIGURES}"
        console.print(f"{written} are in {self.folder}.", markup=False, soft_wrap=True)

    def _check_sizes(self) -> None:
        """Refuse sizes that cannot be pre-trained on, before anything is spent.

        Raises:
            UserError: A size is larger than the corpus, or smaller than a step's batch.
        """
        dataset, root = self.experiment.dataset, self.experiment.root
        nested_subset(all_clips(dataset, dataset_root(dataset, root)), self.sizes[-1])
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
        dataset, root = self.experiment.dataset.name, self.experiment.root
        words = [f"dataset={dataset}", f"train.clips={size}", f"train.steps={self.study.steps}"]
        words += [f"data.root={root}"] if root is not None else []
        words += [f"data.cache={self.experiment.cache}"] if self.experiment.cache is not None else []
        experiment = self._resolve(self.study.pretrain, seed, words)
        assert isinstance(experiment, PretrainExperiment)
        return experiment

    def _pretrain(self, size: int, seed: int) -> Pretrain:
        return Pretrain(self._pretraining(size, seed), self.work_dir, self.resume)

    def _judge(self, protocol: str, seed: int, weights: str) -> Any:
        """Return the run of a protocol of ``then`` from some weights; labels and steps are a fine-tune's."""
        words = [f"weights={weights}", f"tier={self.experiment.tier}", f"split={self.experiment.split}"]
        words += [f"data.roots.{name}={root}" for name, root in self.experiment.data.roots.items()]
        words += [f"data.cache={self.experiment.cache}"] if self.experiment.cache is not None else []
        card = protocol_card(protocol)
        limits = {"train.clips": self.study.labels, "train.steps": self.study.then_steps}
        words += [f"{key}={value}" for key, value in limits.items() if value and isinstance(card, FineTuneCard)]
        kind = PROTOCOLS.get(card.component)
        return kind(self._resolve(protocol, seed, words), self.work_dir, self.resume)

    def _resolve(self, protocol: str, seed: int, words: Sequence[str]) -> Experiment:
        """Return an inner experiment, resolved from the words that would ask for it alone."""
        study = self.experiment
        shared = [f"protocol={protocol}", f"backbone={study.backbone.name}"]
        shared += [f"seed={seed}", f"precision={study.precision}"]
        for key, value in study.runtime.model_dump(exclude_defaults=True).items():
            shared.append(f"runtime.{key}={','.join(value) if isinstance(value, tuple) else value}")
        [experiment] = resolve([*shared, *words], study.plugins)
        return experiment
