"""The protocols on frozen backbones: encode every clip once, train a head or none, test, record."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

import torch

from tta_bench.config.prediction_file import OutsideScores
from tta_bench.data.features.encoded import EncodedClips, Kind, WindowRule
from tta_bench.data.media.file_hashes import content_digests
from tta_bench.engine.device import Machine
from tta_bench.engine.timing import Timing
from tta_bench.experiments.probe import AttentiveExperiment, FrozenExperiment, LinearExperiment, NeighbourExperiment
from tta_bench.protocols.base import seen
from tta_bench.protocols.base.alike import require_alike
from tta_bench.protocols.base.claimed import claimed
from tta_bench.protocols.base.protocol_run import ProtocolRun
from tta_bench.protocols.base.recorder import Recorder, identity, phase
from tta_bench.protocols.base.shared_run import SharedRun, done_before
from tta_bench.protocols.base.training_run import training_folder
from tta_bench.protocols.base.weights import find_weights
from tta_bench.protocols.fine_tune.scoring import score_class_file
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.encoder import CLIPS_AT_ONCE, Encoder
from tta_bench.protocols.probe.encoding import encode_all, encoding_stores, release_stores, require_room
from tta_bench.protocols.probe.exported import read_exported
from tta_bench.protocols.probe.fitting import Fitted, fit_attentive, fit_linear, fit_neighbours
from tta_bench.protocols.probe.heads import HEAD_FILE, save_head
from tta_bench.protocols.probe.report import (
    EncodingPlan,
    describe_frozen_plan,
    frozen_cost,
    frozen_predictions,
    frozen_run_info,
)
from tta_bench.protocols.probe.split import open_frozen_split
from tta_bench.records.identity import Identity
from tta_bench.records.schema import Record
from tta_bench.records.score import keep_results
from tta_bench.records.store import record_name
from tta_bench.registry import PROTOCOLS
from tta_bench.utils.paths import cache_folder
from tta_bench.utils.progress import console


class Frozen(ProtocolRun):
    """A head on the features of a frozen backbone; a subclass says which features, and fits the head."""

    experiment: FrozenExperiment
    kinds: ClassVar[Sequence[Kind]] = ("pooled",)
    """Features that are encoded; the first is what the head takes."""

    @abstractmethod
    def fit(self, train: EncodedClips, test: EncodedClips) -> Fitted:
        """Fit the head to the training list, and return it with its scores of the test list."""

    @abstractmethod
    def head_plan(self) -> tuple[str, float]:
        """Return the head's training in words, and the times that it reads a window of every clip."""

    @cached_property
    def machine(self) -> Machine:
        """Device and precision of the encoding."""
        return Machine.of(self.experiment.runtime, self.experiment.precision)

    @cached_property
    def clips(self) -> SplitClips:
        """The split's clips, each decoded once."""
        return open_frozen_split(self.experiment, self.work_dir, self.machine.workers)

    @cached_property
    def encoder(self) -> Encoder:
        """The frozen backbone.

        Raises:
            UserError: Its weights cannot be had.
        """
        experiment = self.experiment
        weights = find_weights(experiment, self.work_dir)
        if weights is not None:
            test = [sample.id for sample in self.clips.test]
            name = experiment.dataset.name
            if said := seen.notice(weights.name, weights.seen, weights.pretraining, name, test):
                console.print(said, style="yellow", markup=False)
        return Encoder(experiment.backbone, experiment.clip, weights, experiment.seed, self.machine, experiment.plugins)

    @cached_property
    def training(self) -> str:
        """Identity of the head."""
        sha256 = self.encoder.weights.sha256 if self.encoder.weights else None
        return self.experiment.training_identity(self.clips.key, sha256, self.machine.precision)

    @cached_property
    def identity(self) -> Identity:
        """Identity of the record."""
        experiment, machine = self.experiment, self.machine
        return identity(
            experiment,
            self.clips.identity,
            self.encoder.weights,
            self.training,
            machine.precision,
            control=experiment.eval.control,
            standing=self.clips.standing,
        )

    @property
    def folder(self) -> Path:
        """Folder of the head; its name is what ``tta-bench predict`` takes."""
        return training_folder(self.work_dir, self.experiment, self.training, f"split{self.experiment.split}")

    def rules(self) -> tuple[WindowRule, WindowRule]:
        """Return the windows of training clips and, with the control, of test clips."""
        experiment = self.experiment
        plain = WindowRule(experiment.clip, experiment.encode.windows)
        control = experiment.eval.control
        return plain, WindowRule(experiment.clip, experiment.encode.windows, control, experiment.seed)

    def run(self) -> list[Record]:
        """Encode what is not in the cache, fit the head, test it, and return the record.

        Raises:
            BenchError: The user's mistake, found before anything was spent, or a run that ended in ``error``.
            KeyboardInterrupt: Stopped; encoded clips are kept, and the record says ``cancelled``.
        """
        run, world = self.prepared, self.machine.world
        self.check()
        if self.experiment.runtime.logging:
            console.print("runtime.logging: a frozen backbone's head has no log of its steps to send.", style="yellow")
        with claimed(run.claims, self.work_dir, self.identity, self.folder.name, world=world):
            done = world.from_first(partial(done_before, run))
            record = self.measure() if done is None else done
        if self.tidies and world.is_first:
            self.tidy()
        return [record]

    def prepare(self) -> SharedRun:
        """Return the run, whose encoding several processes can share."""
        return self.prepared

    @cached_property
    def prepared(self) -> SharedRun:
        """The run as those need it who start it on several processes; the backbone is not built for it."""
        return SharedRun(
            experiment=self.experiment,
            work_dir=self.work_dir,
            resume=self.resume,
            machine=self.machine,
            folder=self.folder,
            identity=self.identity,
            info=frozen_run_info(self.experiment, self.clips, self.encoder.weights),
        )

    def measure(self) -> Record:
        """Encode with all processes, fit and test with the first, and return the record."""
        recorder, world = self.prepared.recorder(), self.machine.world
        with recorder.running():
            require_alike(world, self.training, self.encoder.module(), None)
            self.clips = self.clips.copied(self.experiment.cache, world)
            begun = time.perf_counter()
            train, test, made = self.encoded()
            extracted = Timing(made, time.perf_counter() - begun, 0.0, self.machine.peak_memory()) if made else None
            return world.from_first(lambda: self.scored(recorder, train, test, extracted))

    def scored(self, recorder: Recorder, train: EncodedClips, test: EncodedClips, extracted: Timing | None) -> Record:
        """Fit the head to features, test it, and write and return the record, with the time of the encoding."""
        experiment, begun = self.experiment, time.perf_counter()
        fitted = self.fit(train, test)
        self.clips.require_unchanged()
        trained = Timing(fitted.seen, time.perf_counter() - begun, 0.0, self.machine.peak_memory())
        save_head(self.folder / HEAD_FILE, fitted.head, self.clips.classes, self.training)
        predictions, name = frozen_predictions(experiment, self.clips, fitted.scores), record_name(self.identity)
        return recorder.success(
            **keep_results(predictions, recorder.folder, name, ranked_by=experiment.protocol.score),
            phases=(*phase("extract", extracted), *phase("train", trained)),
            cost=frozen_cost(experiment, self.encoder, fitted.head.parameters()),
            selection=fitted.selection,
        )

    def tidy(self) -> None:
        """Use the features no more; with ``features.keep=false`` delete what no run that keeps its own has made."""
        for rule in self.rules():
            release_stores(self.encoder, rule, not self.experiment.features.keep)

    def check(self) -> None:
        """Check the data, the weights and the backbone before anything is spent.

        Raises:
            UserError: Something does not fit.
        """
        encoder, size = self.encoder, self.encoder.size()
        if "tokens" in self.kinds:
            encoder.require_tokens(size)
        assert self.prepared.identity

    def encoded(self) -> tuple[EncodedClips, EncodedClips, int]:
        """Return the features of training and test clips, and the number of clips encoded now."""
        clips, (plain, controlled), kept = self.clips, self.rules(), self.experiment.features.keep
        if (root := self.experiment.features.root) is not None:
            lists = ((plain, clips.train), (controlled, clips.test))
            train, test = (read_exported(root, self.encoder, rule, samples, self.kinds) for rule, samples in lists)
            return train, test, 0
        if plain.control == controlled.control:
            both = encode_all(self.encoder, plain, [*clips.train, *clips.test], clips.lengths, self.kinds, kept)
            return both.clips, both.clips, both.made
        parts = [
            encode_all(self.encoder, rule, samples, clips.lengths, self.kinds, kept)
            for rule, samples in ((plain, clips.train), (controlled, clips.test))
        ]
        return parts[0].clips, parts[1].clips, sum(part.made for part in parts)

    def plan(self) -> str:
        """Check everything and return the plan as text: encoding, disk, reading, time."""
        self.check()
        encoder, clips, (plain, controlled) = self.encoder, self.clips, self.rules()
        size, samples = encoder.size(), [*clips.train, *clips.test]
        contents = content_digests([sample.path for sample in samples], cache_folder() / "features" / "contents.json")
        todo = 0
        for rule, part in ((plain, clips.train), (controlled, clips.test)):
            stores = encoding_stores(encoder, rule, self.kinds)
            todo += sum(any(contents[s.path] not in store for store in stores.values()) for s in part)
        require_room(size, todo, plain.windows, self.kinds)
        begun = time.perf_counter()
        at_once = min(CLIPS_AT_ONCE[self.machine.device.type], len(clips.train))
        views = plain.clips(clips.train[:at_once], clips.lengths)
        encoder.encode(torch.stack([views[index]["clips"] for index in range(at_once)]), self.kinds)
        seconds = (time.perf_counter() - begun) / at_once
        words, passes = self.head_plan()
        plan = EncodingPlan(self.kinds, size, len(samples), todo, seconds)
        return describe_frozen_plan(self.experiment, clips, plan, self.folder.name, words, passes)

    @staticmethod
    def score_file(asked: OutsideScores, work_dir: Path) -> Record:
        """Score a file of somebody's class scores and return its record."""
        return score_class_file(asked, work_dir)


@PROTOCOLS.register_module()
class AttentiveProbe(Frozen):
    """Attentive heads on tokens, one of which was chosen on groups held out of the training list."""

    experiment: AttentiveExperiment
    kinds: ClassVar[Sequence[Kind]] = ("tokens", "pooled")

    def fit(self, train: EncodedClips, test: EncodedClips) -> Fitted:
        """Train the grid without the held-out groups, choose, and train it on the whole list."""
        return fit_attentive(self.experiment, self.clips, train, test, self.machine.device)

    def head_plan(self) -> tuple[str, float]:
        """Return the training of the grid in words, and its passes."""
        probe = self.experiment.probe
        points = 1 if self.experiment.train.shots else len(probe.grid())
        fits = 1 if points == 1 else 2
        words = f"{points} attentive heads of {probe.blocks} blocks, {probe.epochs} epochs of batches of {probe.batch}"
        return words + (", once to choose and once to refit" if fits > 1 else ""), fits * (probe.epochs + 1.0)


@PROTOCOLS.register_module()
class LinearProbe(Frozen):
    """Logistic regression on pooled features; C was chosen on groups held out of the training list."""

    experiment: LinearExperiment

    def fit(self, train: EncodedClips, test: EncodedClips) -> Fitted:
        """Fit every C without the held-out groups, choose, and fit on the whole list."""
        return fit_linear(self.experiment, self.clips, train, test, self.machine.device)

    def head_plan(self) -> tuple[str, float]:
        """Return the fit in words, and its reading."""
        points = 1 if self.experiment.train.shots else self.experiment.linear.points
        return f"logistic regression for {points} values of C", float(self.experiment.encode.windows)


@PROTOCOLS.register_module()
class NearestNeighbours(Frozen):
    """A vote of the nearest training clips."""

    experiment: NeighbourExperiment

    def fit(self, train: EncodedClips, test: EncodedClips) -> Fitted:
        """Let the training clips vote."""
        return fit_neighbours(self.experiment, self.clips, train, test)

    def head_plan(self) -> tuple[str, float]:
        """Return the vote in words, and its reading."""
        knn = self.experiment.knn
        words = f"{knn.k} nearest training clips by cosine, temperature {knn.temperature:g}"
        return words, float(self.experiment.encode.windows)
